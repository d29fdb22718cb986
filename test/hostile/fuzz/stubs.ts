/**
 * The tests that send changed stubs to each interface of DCE/RPC, and changed messages to each event between the
 * planes' processes, with as many of them as are wanted. Each of them sees to it that there are only faults; memory is
 * watched here.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const TESTS = ['src/mountd/services/mutated-stubs.test.ts', 'src/ipc/mountd-events.test.ts'];
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const SAMPLE_MS = 500;
/** The heap that V8 is held to; what the stubs of a second leave behind has to be collected in it. */
const HEAP_MEBIBYTES = 256;
const MAX_RSS_BYTES = 640 << 20;

/** The exit code for the whole. */
export async function fuzzStubs(stubs: number): Promise<number> {
  let failed = 0;
  for (const test of TESTS) {
    console.log(`${test}: ${stubs} for each`);
    const { code, peakBytes } = await runTest(test, stubs);
    const isFlat = peakBytes <= MAX_RSS_BYTES;
    console.log(`exit ${code}, ${Math.round(peakBytes / 2 ** 20)} MiB at most`);
    if (code !== 0 || !isFlat) failed += 1;
  }
  console.log(failed === 0 ? 'only faults, in flat memory' : `${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function runTest(test: string, stubs: number): Promise<{ code: number | null; peakBytes: number }> {
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MEBIBYTES}`, test], {
    cwd: REPOSITORY,
    env: { ...process.env, USMBD_FUZZ_STUBS: String(stubs) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(child.pid));
  }, SAMPLE_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      clearInterval(timer);
      resolve({ code, peakBytes });
    });
  });
}

/** 0 once it has ended. */
function residentBytes(pid: number | undefined): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
