/** What to type on a client to reach the server. */
import { hostname, networkInterfaces } from 'node:os';
import { SMB_PORT } from './serve-plan.ts';

export interface Reach {
  readonly host: string;
  readonly port: number;
  readonly share: string;
  readonly user: string;
}

const WORD = /^[\w.:@%+=,/-]+$/;

export const quoteForShell = (text: string): string =>
  WORD.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
/** cmd.exe has no way to quote a quote, which no share or host has and a user name may do without. */
const quoteForWindows = (text: string): string => (/[\s&()^%!]/.test(text) ? `"${text}"` : text);

export function connectHints({ host, port, share, user }: Reach): string[] {
  const other = port !== SMB_PORT;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  const unc = `\\\\${host.includes(':') ? literalHost(host) : host}\\${share}`;
  const url = `smb://${encodeURIComponent(user)}@${bracketed}${other ? `:${port}` : ''}/${encodeURIComponent(share)}`;
  const service = quoteForShell(`//${host}/${share}`);
  const mountOptions = [`username=${user}`, ...(other ? [`port=${port}`] : [])].join(',');
  return [
    `Windows    net use Z: ${quoteForWindows(unc)} /user:${quoteForWindows(user)}${other ? ` /TCPPORT:${port}` : ''}`,
    ...(other ? ['           (a port other than 445 needs Windows 11 24H2 or Server 2025)'] : []),
    `macOS      open ${quoteForShell(url)}`,
    `Linux      sudo mount -t cifs ${service} /mnt -o ${quoteForShell(mountOptions)},uid=$(id -u)`,
    `smbclient  smbclient ${service}${other ? ` -p ${port}` : ''} -U ${quoteForShell(user)}`,
  ];
}

/** A UNC path cannot hold colons: Windows takes IPv6 addresses as names below ipv6-literal.net. */
const literalHost = (host: string): string =>
  `${host.replaceAll(':', '-').replace('%', 's')}.ipv6-literal.net`;

const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::';
const isLocal = (address: string): boolean => /^127\.|^::1$|^fe80:/.test(address);

/** The name or address by which clients reach a server that listens on these. */
export function reachableHost(bound: readonly string[]): string {
  if (!bound.some(isAny)) return bound.find((address) => !isLocal(address)) ?? bound[0]!;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return outer?.address ?? (hostname() || 'localhost');
}
