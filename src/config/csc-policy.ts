/** `csc policy`: what Windows may keep of a share for when it is not there (Offline Files, client-side caching). */
import { choice } from './value-types.ts';

/** As MS-SMB2 2.2.10 tells it with a tree connect, and MS-SRVS 2.2.4.29 with the share. */
export type CscPolicy = 0x00 | 0x10 | 0x20 | 0x30;

export const cscPolicy = choice<CscPolicy>([
  ['manual', 0x00],
  ['documents', 0x10],
  ['programs', 0x20],
  ['disable', 0x30],
]);
