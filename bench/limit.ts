/** The limit: a C program that answers the same requests by pread and send, compiled when it is wanted. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { end, findProgram, start } from '../test/support/process.ts';
import type { Server } from './server.ts';

const SOURCE = fileURLToPath(new URL('./limit.c', import.meta.url));

/** Serves `file`, which must be there. Undefined where there is no C compiler. */
export async function startLimit(scratch: string, file: string): Promise<Server | undefined> {
  const compiler = findProgram('cc') ?? findProgram('gcc') ?? findProgram('clang');
  if (compiler === undefined) return undefined;
  const program = join(scratch, 'limit');
  execFileSync(compiler, ['-O2', '-o', program, SOURCE], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const child = start(program, [file], { stdio: 'pipe', stdin: 'pipe' });
  child.stderr!.pipe(process.stderr);
  const assertAlive = (): void => {
    if (child.exitCode === null && child.signalCode === null) return;
    throw new Error('the C program has ended by itself');
  };
  const [line] = await Promise.race([
    once(createInterface(child.stdout!), 'line'),
    once(child, 'exit').then(() => ['']),
  ]);
  assertAlive();
  return {
    column: 'limit',
    name: 'C limit',
    version: 'bench/limit.c',
    port: Number(line),
    share: '',
    preparationShare: '',
    folder: '',
    bare: true,
    pid: child.pid!,
    assertAlive,
    stop: () => end(child),
  };
}
