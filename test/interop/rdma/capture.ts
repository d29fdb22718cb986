/** Has tshark read a capture of iWARP: its dissectors of MPA, DDP, RDMAP and SMB Direct find nothing malformed. */
import { findProgram, run, tail } from '../../support/process.ts';
import { expect } from '../../support/tally.ts';

const READ_LIMIT_MS = 30 * 60_000;
/**
 * MPA is found by its first frames, not by a port; and before ports are asked, since tshark has 5445 for ActiveMQ Artemis and
 * would take no frame for iWARP. FPDUs lie across segments of TCP.
 */
const HOW = [
  ...['-o', 'tcp.desegment_tcp_streams:TRUE', '-o', 'tcp.try_heuristic_first:TRUE'],
  ...['--enable-heuristic', 'iwarp_mpa_tcp', '--enable-heuristic', 'smb_direct_iwarp'],
];
/** Fewer frames, and a dissector did not recognize what it saw. */
const FEWEST = { iwarp_mpa: 500, iwarp_ddp_rdmap: 500, smb_direct: 200, smb2: 200 } as const;

/**
 * What tshark ranks as an error, malformed packets among it. A mere warning is what it says of every NEGOTIATE with
 * the hint of MS-SPNG 2.2.1, Windows' and Samba's too.
 */
const FAULTS = '_ws.expert.severity >= 8388608';

export async function checkCapture(capture: string): Promise<void> {
  const tshark = findProgram('tshark');
  expect(tshark !== undefined, 'tshark is not installed');
  const read = async (args: readonly string[]): Promise<string> => {
    const done = await run(tshark, ['-r', capture, ...HOW, ...args], { timeoutMs: READ_LIMIT_MS });
    expect(done.code === 0, `tshark: ${tail(done.stderr, 5)}`);
    return done.stdout;
  };
  const hierarchy = await read(['-q', '-z', 'io,phs']);
  const counted = Object.entries(FEWEST).map(([protocol, fewest]) => {
    const found = new RegExp(`^ +${protocol} +frames:(\\d+)`, 'm').exec(hierarchy)?.[1] ?? '0';
    expect(Number(found) >= fewest, `tshark saw ${found} frames of ${protocol} only\n${hierarchy}`);
    return `${protocol} ${found}`;
  });
  console.log(`  tshark read ${counted.join(', ')} frames`);
  const faults = await read(['-Y', FAULTS]);
  expect(faults === '', `tshark complains of:\n${tail(faults, 10)}`);
}
