/** Has tshark read a conversation: an independent dissector has to find nothing malformed in it. */
import { rmSync, statSync } from 'node:fs';
import { end, findProgram, run, start, tail } from '../support/process.ts';
import { expect } from '../support/tally.ts';

/** How long tshark may take to start, and to write down what it saw last. */
const SETTLE_LIMIT_MS = 10_000;
const READ_LIMIT_MS = 60_000;
/** What a conversation with a few commands has at least; fewer, and the capture went wrong. */
const FEWEST_MESSAGES = 20;

/**
 * What tshark ranks as an error, malformed packets among it. A mere warning is what it says of every
 * NEGOTIATE with the hint of MS-SPNG 2.2.1, Windows' and Samba's too.
 */
const FAULTS = 'smb2 && _ws.expert.severity >= 8388608';

/** Why a capture cannot be made here, or undefined. */
export function cannotCapture(): string | undefined {
  if (findProgram('tshark') === undefined) return 'tshark is not installed';
  return process.getuid?.() === 0 ? undefined : 'capturing needs root';
}

export async function checkOnTheWire(
  port: number,
  capture: string,
  conversation: () => Promise<void>,
): Promise<void> {
  const tshark = findProgram('tshark');
  rmSync(capture, { force: true });
  expect(tshark !== undefined, 'tshark is not installed');
  const what = ['-q', '-i', 'lo', '-f', `tcp port ${port}`, '-w', capture];
  const recorder = start(tshark, what, { stdio: 'ignore' });
  try {
    await until(() => sizeOf(capture) > 0, 'tshark does not start');
    await conversation();
    // tshark writes in batches: once its file rests, it has written what it saw.
    let before = -1;
    await until(() => {
      const rests = sizeOf(capture) === before && before > 1000;
      before = sizeOf(capture);
      return rests;
    }, 'tshark recorded nothing');
  } finally {
    await end(recorder);
  }
  const read = async (filter: string): Promise<string[]> => {
    const args = ['-r', capture, '-d', `tcp.port==${port},nbss`, '-Y', filter];
    const { code, stdout, stderr } = await run(tshark, args, { timeoutMs: READ_LIMIT_MS });
    expect(code === 0, `tshark: ${stderr}`);
    return stdout.split('\n').filter((line) => line !== '');
  };
  const messages = (await read('smb2')).length;
  expect(messages >= FEWEST_MESSAGES, `tshark saw ${messages} messages only`);
  const faults = await read(FAULTS);
  expect(faults.length === 0, `tshark complains of:\n${tail(faults.join('\n'), 10)}`);
  rmSync(capture);
}

async function until(holds: () => boolean, otherwise: string): Promise<void> {
  const deadlineMs = performance.now() + SETTLE_LIMIT_MS;
  while (!holds()) {
    expect(performance.now() < deadlineMs, otherwise);
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
