/**
 * One folder of snapshots, two servers: what smbclient shows of previous versions is the same through usmbd as
 * through Samba with its shadow_copy2, refusals included. What is written there is not compared: Debian 12's
 * Samba, 4.17, takes it. smb2.twrp of smbtorture has what later releases answer, and usmbd.
 *
 *     npm run interop:snapshots
 *
 * Needs root, and Debian's samba, samba-vfs-modules and smbclient.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { findProgram, run } from '../support/process.ts';
import { cannotStartSamba, startSamba } from '../support/samba.ts';
import { expect, Tally } from '../support/tally.ts';
import { startUsmbd, type Target } from '../support/target.ts';

const SNAPSHOTS = ['@GMT-2015.10.31-19.40.30', '@GMT-2020.02.29-00.00.00'] as const;
const [OLD, NEWER] = SNAPSHOTS;
const SHARE = 'past';
const CALL_LIMIT_MS = 30_000;
const MACHINE_SID = 'S-1-5-21-1111111111-2222222222-3333333333';

/** What is asked, each by a session of its own. */
const SCRIPTS: readonly string[] = [
  'allinfo foo',
  'allinfo sub',
  `allinfo ${OLD}/gone`,
  `ls ${OLD}/*`,
  `cd ${NEWER}; ls; cd sub; ls`,
  `get ${OLD}/foo -`,
  `get ${NEWER}/gone -`,
  `get sub/${NEWER}/deep -`,
  'get @GMT-1999.01.01-00.00.00/foo -',
  'cd @GMT-1999.01.01-00.00.00',
  `mkdir ${OLD}/new`,
];

/**
 * What is no matter of previous versions: short names, speed, how much room the disk has; and `..`, which Samba leaves
 * out of a snapshot's root.
 */
const comparable = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !/alt ?name|blocks available|KiloBytes\/sec|^ {2}\.\. /.test(line))
    .map((line) => line.trimEnd())
    .join('\n');

interface Side {
  readonly port: number;
  readonly share: string;
}

async function told(program: string, { account }: Target, side: Side, script: string) {
  const { user, password } = account;
  const { stdout, stderr } = await run(
    program,
    [
      ...['-p', `${side.port}`, '-m', 'SMB3_11', '-U', `${user}%${password}`],
      ...[`//127.0.0.1/${side.share}`, '-c', script],
    ],
    { timeoutMs: CALL_LIMIT_MS },
  );
  return comparable(`${stdout}\n${stderr}`);
}

function layDown(base: string): void {
  for (const when of SNAPSHOTS) {
    const there = join(base, '.snapshots', when, SHARE);
    mkdirSync(join(there, 'sub'), { recursive: true });
    writeFileSync(join(there, 'foo'), `of ${when}`);
    writeFileSync(join(there, 'sub', 'deep'), 'deep');
  }
  writeFileSync(join(base, '.snapshots', OLD, SHARE, 'gone'), 'deleted since');
  mkdirSync(join(base, SHARE, 'sub'), { recursive: true });
  writeFileSync(join(base, SHARE, 'foo'), 'of today');
  for (const entry of readdirSync(base, { recursive: true, encoding: 'utf8' })) {
    chmodSync(join(base, entry), 0o777);
  }
}

async function main(): Promise<void> {
  const program = findProgram('smbclient');
  const missing = program === undefined ? 'no smbclient: install smbclient' : cannotStartSamba();
  if (program === undefined || missing !== undefined) throw new Error(missing);
  const base = mkdtempSync(join(tmpdir(), 'usmbd-past-'));
  chmodSync(base, 0o755);
  layDown(base);
  const lines = [
    'vfs objects = acl_xattr streams_xattr shadow_copy2',
    `shadow:mountpoint = ${base}`,
    `shadow:snapdir = ${base}/.snapshots`,
    `shadow:basedir = ${base}`,
  ];
  const tally = new Tally();
  const path = `path = ${base}/${SHARE}`;
  const usmbd = await startUsmbd([], { [SHARE]: [path, ...lines] });
  try {
    const accounts = [{ ...usmbd.account, sid: `${MACHINE_SID}-3001` }];
    const folder = join(base, SHARE);
    const samba = await startSamba({ folder, accounts, machineSid: MACHINE_SID, lines });
    try {
      for (const script of SCRIPTS) {
        await tally.check(script, async () => {
          const here = await told(program, usmbd, { port: usmbd.port, share: SHARE }, script);
          const there = await told(program, usmbd, samba, script);
          expect(here === there, `usmbd:\n${here}\nSamba:\n${there}`);
          expect(here !== '', 'smbclient has said nothing');
        });
      }
    } finally {
      await samba.stop();
    }
  } finally {
    await usmbd.stop();
    rmSync(base, { recursive: true });
  }
  tally.close();
}

commandLine({});
await main();
