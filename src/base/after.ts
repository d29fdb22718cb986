/**
 * Goes on with a value that may be there at once: then nothing is waited for, and no promise is made.
 */
export const after = <T, U>(
  value: T | Promise<T>,
  next: (value: T) => U | Promise<U>,
): U | Promise<U> => (value instanceof Promise ? value.then(next) : next(value));
