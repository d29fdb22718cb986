/** MS-SMB2 3.3.1.9: a session's connection to a share. */
import type { AccessToken } from '../dtyp/access-check.ts';
import type { Identity, VfsTree } from '../vfs/vfs.ts';
import type { Lifetime } from './lifetime.ts';
import type { Session } from './session.ts';
import type { Share } from './share.ts';

export interface TreeConnect {
  readonly treeId: number;
  readonly session: Session;
  readonly share: Share;
  /** TreeConnect.MaximalAccess. */
  maximalAccess: number;
  readOnly: boolean;
  /** Requests to it must be encrypted. */
  encryptData: boolean;
  /** Whom it acts as; undefined: as the process does. */
  identity: Identity | undefined;
  /** The share's files as this user sees them; undefined for IPC$. */
  files: VfsTree | undefined;
  /** Who the user is to security descriptors (MS-DTYP 2.5.2). */
  token: AccessToken;
  /** The same by exact names; undefined where the SMB3 POSIX extensions are not spoken. */
  posixFiles?: VfsTree | undefined;
  openCount: number;
  /** Held by requests under way; `files` closes after them. */
  readonly lifetime: Lifetime;
}
