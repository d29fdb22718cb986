/**
 * The suites of smbtorture that call the management interfaces (Debian 12's), over named pipes. Their user
 * is an administrator: most ask for what is told to those alone.
 */
import type { Settings } from '../support/target.ts';
import { type Suite, suite } from './suites.ts';

/** rpc.samba3 speaks both protocols. */
const RPC_SETTINGS: Settings = [
  'restrict anonymous = 0',
  'server signing = auto',
  'server min protocol = NT1',
];

/** The system's root, which is an administrator on every server. */
export const RPC_USER = 'root';

const rpc = (name: string, limitSeconds = 60, settings: Settings = []): Suite =>
  suite(`rpc.${name}`, limitSeconds, { settings: [...RPC_SETTINGS, ...settings] });

export const RPC_SUITES: readonly Suite[] = [
  rpc('asyncbind'),
  rpc('authcontext'),
  rpc('bind'),
  rpc('dfs'),
  rpc('epmapper'),
  rpc('fsrvp'),
  rpc('handles'),
  rpc('lsa-getuser'),
  rpc('lsa.lookupnames'),
  rpc('lsa.lookupsids'),
  rpc('lsa.privileges'),
  // Half of them by NTLMv1.
  rpc('lsa.secrets', 60, ['ntlm auth = ntlmv1-permitted']),
  rpc('mdssvc'),
  rpc('mgmt'),
  rpc('ntsvcs'),
  rpc('objectuuid'),
  rpc('samba3'),
  rpc('samr.passwords.default'),
  rpc('spoolss.win'),
  rpc('srvsvc'),
  rpc('svcctl'),
  rpc('unixinfo'),
];

/** What a binding of smbtorture says beside the transport: everything is protected over TCP. */
export const TCP_BINDING = 'sign';

/** One server for all, since port 135 is there once. */
const TCP_SETTINGS: Settings = [...RPC_SETTINGS, 'rpc over tcp = yes'];

const tcp = (name: string, limitSeconds = 60): Suite =>
  suite(`rpc.${name}`, limitSeconds, { settings: TCP_SETTINGS });

/** Those that go by TCP, too; the others open pipes, or are about SMB. */
export const RPC_TCP_SUITES: readonly Suite[] = [
  tcp('altercontext'),
  tcp('authcontext'),
  tcp('bind'),
  tcp('dfs'),
  tcp('epmapper'),
  tcp('handles'),
  tcp('mgmt'),
  tcp('ntsvcs'),
  tcp('objectuuid'),
  tcp('srvsvc'),
  tcp('svcctl'),
  tcp('unixinfo'),
];

/** Whether a suite or test of this name calls a management interface. */
export const isRpc = (name: string): boolean => name.startsWith('rpc.');
