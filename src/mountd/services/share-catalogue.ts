/** What the management interfaces know of the server: its names and its shares. */
import type { Account } from '../../ipc/control-plane.ts';
import type { DataPlane } from '../../ipc/data-plane.ts';
import type { AccountGuard } from '../account-guard.ts';
import type { AccountStore } from '../account-store.ts';
import type { GroupStore } from '../group-store.ts';
import type { PolicyStore } from '../policy-store.ts';
import type { Principals } from '../principals.ts';
import type { RegistryStore } from '../registry-store.ts';
import type { ShareEditor } from '../share-editor.ts';
import type { SystemAccounts } from '../system-accounts.ts';
import type { SettingsSection } from './registry.ts';
import type { SharePermissions } from './share-security.ts';

export interface ShareEntry {
  readonly name: string;
  readonly kind: 'disk' | 'ipc';
  readonly comment: string;
  /** The folder as this machine names it; empty for IPC$. */
  readonly path: string;
  /** False leaves the share out of enumerations; who knows its name may still ask about it. */
  readonly browseable: boolean;
  /** Undefined: no limit. */
  readonly maxUses: number | undefined;
  readonly currentUses: number;
  /** SHI1005_FLAGS_* and the CSC state (MS-SRVS 2.2.4.29). */
  readonly flags: number;
  /** Its links lead to other servers (MS-DFSC). */
  readonly isNamespace?: boolean;
  /** Of the share, beside those of its files; undefined for IPC$. */
  readonly permissions?: SharePermissions;
}

export interface ShareCatalogue {
  /** In a stable order, IPC$ included; what the account may not know of is not in it. */
  shares(account: Account): readonly ShareEntry[];
}

export interface ServerDescription {
  readonly name: string;
  readonly comment: string;
  readonly workgroup: string;
  /** Of the operating system that the server claims to be. */
  readonly versionMajor: number;
  readonly versionMinor: number;
}

/** Samba's claim, which every client in use has met. */
export const CLAIMED_VERSION = { versionMajor: 6, versionMinor: 1 } as const;

export interface ServiceContext {
  readonly account: Account;
  /** By which passwords come encrypted. */
  readonly sessionKey: Buffer | undefined;
  /** May see what MS-SRVS keeps for administrators: paths, limits, security descriptors. */
  readonly administrator: boolean;
  /** An administrator, or who holds SeDiskOperatorPrivilege. */
  readonly mayChangeShares: boolean;
  readonly catalogue: ShareCatalogue;
  readonly server: ServerDescription;
  readonly principals: Principals;
  /** Who has which privileges, and secrets. */
  readonly policy: PolicyStore;
  /** Groups of this server's own, and who is in them. */
  readonly groups: GroupStore;
  /** What administrators keep in the registry. */
  readonly registry: RegistryStore;
  /** Who may log in, to be changed; undefined where that cannot be. */
  readonly accounts?: AccountStore | undefined;
  /** What the domain asks of passwords, and how the accounts' are. */
  readonly guard: AccountGuard;
  /** Shares, to be changed; undefined where that cannot be. */
  readonly shareEditor?: ShareEditor | undefined;
  /** The configuration as it counts, for administrators; undefined where nobody can tell. */
  readonly settings?: (() => readonly SettingsSection[]) | undefined;
  /** What the system knows of a user by number; undefined where nobody can tell. */
  readonly loginOf?: SystemAccounts['loginOf'] | undefined;
  /** Where the interfaces are reached by TCP; undefined: they are not. */
  readonly rpcPort?: number | undefined;
  /** Who is connected, and what they have open; undefined where nobody can tell. */
  readonly dataPlane?: (() => DataPlane | undefined) | undefined;
}
