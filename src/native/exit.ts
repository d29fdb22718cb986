/** _exit(2): ends the process with all its threads, and runs nothing more. */
import { bind } from './library.ts';

const c = { exit: bind<(code: number) => number>('_exit', 'int', ['int']) };

export const exitNow = (code: number): void => void c.exit(code);
