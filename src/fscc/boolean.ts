/** MS-FSCC 2.1.8 Boolean: one byte; any value but zero is true, and true is written as 1. */
import type { Field } from '../wire/struct.ts';

export const boolean: Field<boolean> = {
  size: 1,
  kind: 'value',
  read: (at) => `b[${at}] !== 0`,
  write: (at, value) => `b[${at}] = ${value} ? 1 : 0`,
};
