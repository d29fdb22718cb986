/** Standard output may be a pipe that is read slowly, or one whose reader has gone (`| head`). */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EPIPE' ? resolve() : reject(error),
    );
    process.stdout.write(text, () => resolve());
  });
}

export const printJson = (value: unknown): Promise<void> =>
  print(`${JSON.stringify(value, undefined, 2)}\n`);
