/** What ends a run: the server, or the connection to it, did not do what was expected. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}
