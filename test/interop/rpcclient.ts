/**
 * Drives the named pipes of usmbd with Samba's rpcclient: names and SIDs, accounts, shares, the server, who
 * is connected. With `--tcp`, the same by RPC over TCP (MS-RPCE 2.1.1.1).
 *
 *     npm run interop:rpc                            against a usmbd of its own
 *     npm run interop:rpc -- --tcp
 *     npm run interop:rpc -- --only lookup
 *     npm run interop:rpc -- --port 445 --user u --password p
 *
 * Needs rpcclient (Debian: smbclient). Over TCP, rpcclient asks the endpoint mapper at port 135 and nowhere else: a usmbd
 * of its own is then in a network namespace of its own, which needs root, ip and unshare.
 */
import { commandLine } from '../support/command-line.ts';
import { enterNamespace, isInNamespace } from '../support/namespace.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { type Account, openTarget, type Target, targetOptions } from '../support/target.ts';

const CALL_LIMIT_MS = 30_000;

interface Call {
  readonly command: string;
  /** All of them stand in what it prints. USER and SHARE are the target's. */
  readonly says: readonly RegExp[];
  /** Authenticates in RPC, too: options of a binding, as Samba writes them. */
  readonly binding?: string;
  /** A refusal is what it is to say. */
  readonly refused?: boolean;
}

/** What signs or seals: over TCP there is no session of SMB's that has done so. */
const PROTECTED_LEVELS: readonly string[] = ['sign', 'seal'];
const BARE_LEVELS: readonly string[] = ['connect', 'packet'];

/** MS-RPCE's authentication: each type at each level, and in the other byte order. */
const bindings = (levels: readonly string[]): readonly string[] =>
  levels.flatMap((level) => [`ntlm,${level}`, `spnego,${level}`, `bigendian,ntlm,${level}`]);

const authenticated = (user: string, levels: readonly string[]): readonly Call[] =>
  bindings(levels).map((binding) => ({
    binding,
    command: `lookupnames ${user};enumdomusers`,
    says: [new RegExp(`${user} S-1-5-21-[\\d-]+ \\(User: 1\\)`), new RegExp(`user:\\[${user}\\]`)],
  }));

const calls = ({ share, account: { user }, secondAccount: other }: Target): readonly Call[] => [
  { command: 'srvinfo', says: [/platform_id\s*:\s*500/, /Wk Sv Unx NT SNT/] },
  { command: 'netshareenum 1', says: [new RegExp(`netname: ${share}`)] },
  { command: 'netshareenumall 1', says: [new RegExp(`netname: ${share}`), /netname: IPC\$/] },
  { command: `netsharegetinfo ${share} 1`, says: [new RegExp(`netname: ${share}`)] },
  // It prints nothing.
  { command: 'netremotetod', says: [] },
  { command: 'netsessenum', says: [/WERR_ACCESS_DENIED/] },
  { command: 'wkssvc_wkstagetinfo 100', says: [] },
  { command: 'getusername', says: [new RegExp(`Account Name: ${user}, Authority Name: \\S+`)] },
  { command: 'lsaquery', says: [/Domain Name: WORKGROUP/] },
  { command: 'enumprivs', says: [/SeBackupPrivilege/, /SeTakeOwnershipPrivilege/] },
  { command: 'dsroledominfo', says: [/Machine Role = \[2\]/] },
  {
    command: `lookupnames ${user} Administrators Everyone`,
    says: [
      new RegExp(`${user} S-1-5-21-[\\d-]+ \\(User: 1\\)`),
      /Administrators S-1-5-32-544 \(Local Group: 4\)/,
      /Everyone S-1-1-0 \(Well-known Group: 5\)/,
    ],
  },
  {
    command: 'lookupsids S-1-1-0 S-1-5-32-545 S-1-22-1-0 S-1-5-21-1-2-3-4',
    says: [
      /S-1-1-0 \\Everyone \(5\)/,
      /S-1-5-32-545 BUILTIN\\Users \(4\)/,
      /S-1-22-1-0 Unix User\\root \(1\)/,
      /S-1-5-21-1-2-3-4 \*unknown\*\\\*unknown\* \(8\)/,
    ],
  },
  { command: 'enumdomains', says: [/name:\[BUILTIN\]/] },
  { command: 'enumdomusers', says: [new RegExp(`user:\\[${user}\\] rid:\\[0x[0-9a-f]+\\]`)] },
  { command: 'enumdomgroups', says: [/group:\[None\] rid:\[0x201\]/] },
  { command: 'enumalsgroups builtin', says: [/group:\[Administrators\] rid:\[0x220\]/] },
  {
    command: `queryuser ${user}`,
    says: [new RegExp(`User Name\\s+:\\s+${user}`), /group_rid:\s+0x201/],
  },
  { command: 'querydispinfo', says: [new RegExp(`Account: ${user}\\s`)] },
  { command: 'querydominfo', says: [/Total Groups:\s+1/, /Domain Server State:\s+0x1/] },
  { command: 'querygroup 513', says: [/Group Name:\s+None/] },
  { command: 'queryaliasmem builtin 545', says: [/sid:\[S-1-5-21-[\d-]+-513\]/] },
  { command: 'samlookuprids domain 513', says: [/rid 0x201: None \(2\)/] },
  { command: 'getdompwinfo', says: [/min_password_length: 0/] },
  { command: 'dfsversion', says: [/dfs is present/] },
  { command: `chgpasswd3 ${user} wrong new`, says: [/NT_STATUS_WRONG_PASSWORD/], refused: true },
  // By AES. It says nothing when it is done.
  { command: `chgpasswd4 ${user} wrong new`, says: [/NT_STATUS_WRONG_PASSWORD/], refused: true },
  ...(other === undefined ? [] : [{ command: changeAndBack(other), says: [] }]),
];

const changeAndBack = ({ user, password }: Account): string =>
  `chgpasswd4 ${user} ${password} ${password}x;chgpasswd4 ${user} ${password}x ${password}`;

/** Over TCP nobody is known who has not logged in there, and nobody is served whose calls could be changed on their way. */
const refusals: readonly Call[] = [
  { binding: '', command: 'srvinfo', says: [/WERR_ACCESS_DENIED/], refused: true },
  { binding: '', command: 'enumdomusers', says: [/NT_STATUS_ACCESS_DENIED/], refused: true },
  ...bindings(BARE_LEVELS).map((binding) => ({
    ...{ binding, command: 'lsaquery', refused: true },
    says: [/bind failed with error NT_STATUS_NETWORK_ACCESS_DENIED/],
  })),
];

function callsOf(target: Target, tcp: boolean): readonly Call[] {
  const { user } = target.account;
  const all = calls(target);
  if (!tcp) return [...all, ...authenticated(user, [...BARE_LEVELS, ...PROTECTED_LEVELS])];
  return [
    ...PROTECTED_LEVELS.flatMap((binding) => all.map((call) => ({ ...call, binding }))),
    ...authenticated(user, PROTECTED_LEVELS),
    ...refusals,
  ];
}

function serverOf(host: string, binding: string | undefined, tcp: boolean): string {
  if (tcp) return `ncacn_ip_tcp:${host}${binding === '' ? '' : `[${binding}]`}`;
  return binding === undefined ? host : `ncacn_np:${host}[${binding}]`;
}

async function check(
  program: string,
  target: Target,
  { command, says, binding, refused }: Call,
  tcp: boolean,
): Promise<void> {
  const { host, port, account } = target;
  const login = `${account.user}%${account.password}`;
  const where = ['-p', `${port}`, '-U', login, serverOf(host, binding, tcp)];
  const finished = await run(program, [...where, '-c', command], { timeoutMs: CALL_LIMIT_MS });
  const said = finished.stdout + finished.stderr;
  for (const pattern of says) expect(pattern.test(said), `no ${pattern} in:\n${tail(said, 20)}`);
  const bad = refused === true ? /BAD_STUB/ : /NT_STATUS|BAD_STUB/;
  expect(!bad.test(said), tail(said, 20));
  if (says.length === 0) expect(!said.includes('result was'), tail(said, 20));
}

async function main(): Promise<void> {
  const { values } = commandLine({
    options: {
      ...targetOptions,
      only: { type: 'string', default: '' },
      tcp: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const program = findProgram('rpcclient');
  if (program === undefined) throw new Error('rpcclient is not installed');
  const { tcp } = values;
  if (tcp && values.port === undefined && !isInNamespace()) return enterNamespace();
  const only = new RegExp(values.only);
  const tally = new Tally();
  const target = await openTarget(values, tcp ? ['rpc over tcp = yes'] : []);
  try {
    for (const call of callsOf(target, tcp)) {
      const { command, binding } = call;
      const name = binding === undefined ? command : `[${binding}] ${command}`;
      if (only.test(name)) await tally.check(name, () => check(program, target, call, tcp));
    }
    target.assertAlive();
  } finally {
    await target.stop();
  }
  tally.close(values.json);
}

await main();
