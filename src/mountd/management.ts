/**
 * What the management interfaces are told of the server (services/): its names and shares, who asks and what that one
 * may, and what can be changed by them.
 */
import type { Logger } from '../base/log.ts';
import {
  type Configuration,
  type ShareConfiguration,
  settingsOf,
} from '../config/configuration.ts';
import { NO_LIMIT } from '../config/parameters.ts';
import { normalizeName } from '../config/smb-conf.ts';
import type { Principal } from '../config/value-types.ts';
import { BUILTIN_ADMINISTRATORS, parseSid, type Sid } from '../dtyp/sid.ts';
import type { Account, PipeClient } from '../ipc/control-plane.ts';
import type { DataPlane } from '../ipc/data-plane.ts';
import type { AccountGuard } from './account-guard.ts';
import { type AccountStore, createAccountStore } from './account-store.ts';
import type { GroupStore } from './group-store.ts';
import type { LoginThrottle } from './login-throttle.ts';
import { type PolicyStore, SE_DISK_OPERATOR } from './policy-store.ts';
import type { Principals } from './principals.ts';
import type { RegistryStore } from './registry-store.ts';
import {
  CLAIMED_VERSION,
  type ServiceContext,
  type ShareEntry,
} from './services/share-catalogue.ts';
import { isAdministrator } from './share-access.ts';
import { createShareEditor, type ShareEditor } from './share-editor.ts';
import type { SystemAccounts } from './system-accounts.ts';

/** MS-SRVS 2.2.4.29 */
const SHI1005_FLAGS_ACCESS_BASED_DIRECTORY_ENUM = 0x0000_0800;
const SHI1005_FLAGS_ENCRYPT_DATA = 0x0000_8000;

/** MS-SRVS 2.2.4.29: what a tree connect is told as well. */
const flagsOf = ({ cscPolicy, hideUnreadable, encryption }: ShareConfiguration): number =>
  cscPolicy |
  (hideUnreadable ? SHI1005_FLAGS_ACCESS_BASED_DIRECTORY_ENUM : 0) |
  (encryption === 'required' ? SHI1005_FLAGS_ENCRYPT_DATA : 0);

export const IPC_SHARE = 'IPC$';

const IPC: ShareEntry = {
  name: IPC_SHARE,
  kind: 'ipc',
  comment: 'IPC Service',
  path: '',
  browseable: true,
  maxUses: undefined,
  currentUses: 0,
  flags: 0,
};

export interface ManagementFacts {
  /** As it counts now. */
  configuration(): Configuration;
  /** The shares as one client knows them. */
  shown(account: Account, client: PipeClient): readonly ShareConfiguration[];
  readonly principals: Principals;
  /** Who has an account, and who is a user of the system, is looked at anew. */
  accountsChanged(): void;
  readonly policy: PolicyStore;
  readonly groups: GroupStore;
  readonly registry: RegistryStore;
  sidsOf(account: Account): readonly Sid[];
  /** Absent: shares cannot be changed. */
  readonly configurationFile: string | undefined;
  /** Of that file; false: the server goes on with what it has. */
  reload(): Promise<boolean>;
  systemAccounts(): SystemAccounts;
  /** Absent: accounts cannot be changed. */
  readonly accountFile: string | undefined;
  find(name: string): { readonly name: string; readonly ntHash: Buffer } | undefined;
  isInFile(name: string): boolean;
  /** Whether the process acts as its users. */
  readonly switches: boolean;
  readonly throttle: LoginThrottle;
  readonly guard: AccountGuard;
  readonly dataPlane: (() => DataPlane | undefined) | undefined;
  /** See ServiceContext. */
  rpcPort(): number | undefined;
  readonly log: Logger;
}

export class Management {
  readonly #facts: ManagementFacts;
  /** By normalized name, as the data plane told. */
  readonly #uses = new Map<string, number>();

  constructor(facts: ManagementFacts) {
    this.#facts = facts;
  }

  shareUsed(share: string, currentUses: number): void {
    this.#uses.set(normalizeName(share), currentUses);
  }

  /** Of one who asks. */
  context(account: Account, client: PipeClient): ServiceContext {
    const { principals, policy, groups, registry, dataPlane } = this.#facts;
    const { netbiosName, serverString, workgroup } = this.#facts.configuration().global;
    const administrator = this.#administers(account);
    return {
      account,
      sessionKey: client.sessionKey,
      administrator,
      mayChangeShares: administrator || this.#holds(account, SE_DISK_OPERATOR),
      shareEditor: this.#shareEditor(account, client.address),
      catalogue: { shares: () => this.#catalogue(this.#facts.shown(account, client)) },
      server: { name: netbiosName, comment: serverString, workgroup, ...CLAIMED_VERSION },
      principals,
      policy,
      groups,
      registry,
      accounts: this.#accountStore(account, client.address),
      guard: this.#facts.guard,
      settings: () => settingsOf(this.#facts.configuration()),
      dataPlane,
      loginOf: (uid) => this.#facts.systemAccounts().loginOf(uid),
      rpcPort: this.#facts.rpcPort(),
    };
  }

  #holds(account: Account, privilege: string): boolean {
    return (
      account.kind === 'user' && this.#facts.policy.holds(this.#facts.sidsOf(account), privilege)
    );
  }

  #shareEditor(account: Account, address: string): ShareEditor {
    const { configurationFile: file, reload, log } = this.#facts;
    return createShareEditor({ file, reload, by: account.name, address, log });
  }

  /** Root, who is in "admin users" of [global], and who was put among the administrators. */
  #administers(account: Account): boolean {
    const { name, kind, identity } = account;
    if (kind !== 'user') return false;
    const adminUsers = this.#facts.configuration().administrators ?? [];
    const listed = () =>
      isAdministrator({ adminUsers }, { name, isGuest: false }, this.#facts.systemAccounts());
    if (identity?.uid === 0 || (adminUsers.length > 0 && listed())) return true;
    return this.#facts.sidsOf(account).includes(BUILTIN_ADMINISTRATORS);
  }

  #accountStore(account: Account, address: string): AccountStore {
    const { accountFile, find, isInFile, switches, throttle, guard, log } = this.#facts;
    return createAccountStore({
      file: accountFile,
      find,
      isInFile,
      mayExist: (name) => !switches || this.#facts.systemAccounts().uidByName(name) !== undefined,
      changed: () => this.#facts.accountsChanged(),
      throttle,
      guard,
      ...{ address, by: account.name, log },
    });
  }

  #catalogue(shares: readonly ShareConfiguration[]): ShareEntry[] {
    const { global } = this.#facts.configuration();
    const disks = shares.map(
      (share): ShareEntry => ({
        name: share.name,
        kind: 'disk',
        comment: share.comment,
        path: share.path,
        browseable: share.browseable,
        maxUses: share.maxConnections === NO_LIMIT ? undefined : share.maxConnections,
        currentUses: this.#currentUses(share.name),
        isNamespace: global.hostMsdfs && share.msdfsRoot,
        permissions: { readOnly: share.readOnly, members: this.#members(share.validUsers) },
        flags: flagsOf(share),
      }),
    );
    return [...disks, { ...IPC, currentUses: this.#currentUses(IPC.name) }];
  }

  /** Undefined: everybody. Names that nobody has are left out. */
  #members(names: readonly Principal[]): readonly Sid[] | undefined {
    if (names.length === 0) return undefined;
    return names.flatMap(
      ({ name }) => parseSid(name) ?? this.#facts.principals.ownByName(name)?.sid ?? [],
    );
  }

  #currentUses(share: string): number {
    return this.#uses.get(normalizeName(share)) ?? 0;
  }
}
