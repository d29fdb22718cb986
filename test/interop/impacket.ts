/**
 * The interfaces of DCE/RPC as Debian's python3-impacket calls them: srvs, wkst, samr, lsat, lsad, rrp, some two hundred
 * calls by an administrator. What fails is listed below, each with its reason; Samba 4.17 fails in more of them.
 *
 *     npm run interop:impacket                          against a usmbd of its own
 *     npm run interop:impacket -- --port 445 --user u --password p --share s    what the server there answers
 *
 * Needs root, whose account is an administrator's, and Debian's python3-impacket.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../support/command-line.ts';
import { run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, targetOptions } from '../support/target.ts';

const LIMIT_MS = 120_000;
/** Debian's own: others have no module of a package. */
const PYTHON = '/usr/bin/python3';
const CALLS = fileURLToPath(new URL('impacket-calls.py', import.meta.url));
/** So many answer; fewer mean that the script ended early. */
const CALLS_MINIMUM = 190;

/** Calls that end in an error, with the reason. */
const EXPECTED: readonly (readonly [RegExp, string])[] = [
  [/^NetrServerGetInfo (103|502|503)$/, 'levels of the server that are not told'],
  [/^(NetrServerStatisticsGet|NetrWorkstationStatisticsGet)$/, 'not counted'],
  [
    /^NetprNameCanonicalize$/,
    'impacket reads a status where characters are; it fails at Samba, too',
  ],
  [/^NetprPathType$/, 'impacket takes the type for a status'],
  [/^NetrpGetFileSecurity$/, 'descriptors of files are told by SMB alone'],
  [/^NetrWkstaGetInfo 502$/, 'settings of a client, which this server is not'],
  [/^GetAliasMembership$/, "impacket's own error on its way to the call; it fails at Samba, too"],
  [/^QueryInformationPolicy2 (1|7|8|9|10|11|13)$/, 'policies that this server has none of'],
  [/^EnumerateTrustedDomains(Ex)?$/, 'there are none, which impacket takes for an error'],
  [/^QueryMultipleValues$/, 'one at a time'],
];

async function main(): Promise<void> {
  const { values } = commandLine({ options: { ...targetOptions, json: { type: 'string' } } });
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is not there (Debian: python3-impacket)`);
  const target = await openTarget(values, [], {}, 'root');
  const tally = new Tally();
  try {
    const { host, port, account, share } = target;
    const args = [CALLS, host, String(port), account.user, account.password, share];
    const finished = await run(PYTHON, args, { timeoutMs: LIMIT_MS });
    const lines = finished.stdout.split('\n').filter((line) => /^(ok|FAIL) /.test(line));
    const good = lines.filter((line) => line.startsWith('ok '));
    await tally.check(`${lines.length} calls, of which ${good.length} are answered`, async () => {
      expect(finished.code === 0, tail(finished.stderr, 5));
      expect(good.length >= CALLS_MINIMUM, `${good.length} of ${CALLS_MINIMUM}`);
    });
    for (const line of lines.filter((each) => each.startsWith('FAIL '))) {
      const name = line.slice('FAIL '.length).split(': ', 1)[0]!;
      const reason = EXPECTED.find(([call]) => call.test(name))?.[1];
      await tally.check(`${name} fails`, async () => expect(reason !== undefined, line));
    }
    target.assertAlive();
  } finally {
    await target.stop();
  }
  tally.close(values.json);
}

await main();
