/**
 * The control plane in the server's own process: accounts, login and share decisions, the pipes of IPC$
 * (ksmbd.mountd's part). See ipc/control-plane.ts for what each call promises.
 */
import { join } from 'node:path';
import { type AcceptorOptions, negotiateToken } from '../auth/acceptor.ts';
import type { Kerberos, KerberosPeer } from '../auth/kerberos.ts';
import type { AccountLookup, IdentityName } from '../auth/ntlm-acceptor.ts';
import { AuditLog } from '../base/audit-log.ts';
import { type Logger, SILENT_LOGGER } from '../base/log.ts';
import { makeMachineSid } from '../base/state-directory.ts';
import type { Configuration } from '../config/configuration.ts';
import type { IdBlock } from '../dtyp/id-blocks.ts';
import type { Sid } from '../dtyp/sid.ts';
import type { SidMap } from '../dtyp/unix-sids.ts';
import type { Administration, LoginFailure, WhoseFailures } from '../ipc/administration.ts';
import type {
  Account,
  ControlPlane,
  DomainUser,
  ExchangeSeed,
  Login,
  PipeClient,
  PipeEndpoint,
  RapAnswer,
  ShareClient,
  ShareDecision,
} from '../ipc/control-plane.ts';
import type { DataPlane } from '../ipc/data-plane.ts';
import {
  AccountDirectory,
  ownIdentity,
  type UserDatabaseInput,
  type UserInput,
} from './account-directory.ts';
import { AccountGuard } from './account-guard.ts';
import { DOMAIN_NAMES_FILE, DomainNames } from './domain-names.ts';
import { DOMAIN_POLICY_FILE, DomainPolicyStore } from './domain-policy.ts';
import { GROUPS_FILE, GroupStore } from './group-store.ts';
import { identityOfDomain, NOBODY, withGroups } from './identities.ts';
import { Idmap } from './idmap.ts';
import { KerberosMechanism, sameKerberos } from './kerberos-mechanism.ts';
import { localNameOf, type TicketUser, ticketUserOf } from './kerberos-users.ts';
import { beginLogin, type SecureLogin } from './login.ts';
import { LoginFailures } from './login-failures.ts';
import { LoginThrottle } from './login-throttle.ts';
import { Management } from './management.ts';
import { PolicyStore } from './policy-store.ts';
import { Principals } from './principals.ts';
import { RegistryStore } from './registry-store.ts';
import type { RpcCaller } from './rpc-listener.ts';
import { SecurityTokens } from './security-tokens.ts';
import type { BeginRpcLogin } from './services/association-security.ts';
import { openMapper, openService, openServices } from './services/services.ts';
import { ShareDecisions } from './share-decisions.ts';
import { readSystemAccounts, type SystemAccounts } from './system-accounts.ts';
import { UsernameMap } from './username-map.ts';

export interface ControlPlaneOptions {
  readonly configuration: Configuration;
  readonly users: readonly UserInput[];
  /** Accounts beside `users`, which go first. Changes to the file count from the next login on. */
  readonly userDatabase?: UserDatabaseInput;
  /** `S-1-5-21-a-b-c`, the same after each start; absent: that of a new machine. */
  readonly machineSid?: Sid;
  /** Where what clients change of policy and registry is kept; absent: as long as the process. */
  readonly statePath?: string;
  readonly log?: Logger;
  /** The other plane, which management interfaces ask; undefined while it is not there. */
  readonly dataPlane?: () => DataPlane | undefined;
  /** The configuration's file, which management interfaces edit, and who has it read again then. */
  readonly configurationFile?: string;
  readonly administration?: () => Administration | undefined;
  /** Whether the process acts as its users; otherwise when it runs as root. */
  readonly switchesIdentity?: boolean;
  /** Seams for tests. */
  readonly kerberos?: Kerberos;
  readonly systemAccounts?: () => SystemAccounts;
  readonly now?: () => number;
}

/** With what only its own process asks it. */
export interface OwnControlPlane extends ControlPlane {
  /** The uids that accounts act as. */
  accountIds(): readonly number[];
  /** Where the uids and gids of domains come from. */
  idBlocks(): readonly IdBlock[];
  /** The last one first. */
  loginFailures(): readonly LoginFailure[];
  forgetLoginFailures(whose: WhoseFailures): number;
  /** An association by TCP (rpc-listener.ts); undefined: the address is let in by nobody. */
  openRpc(what: 'mapper' | 'services', caller: RpcCaller): PipeEndpoint | undefined;
  rpcPort: number | undefined;
  /** Takes another configuration, for logins and tree connects from now on. Settles when it counts. */
  reload(configuration: Configuration): Promise<void>;
}

/**
 * Throws TypeError for a user with a bad name, or without exactly one of password and hash, and
 * ProblemsError for a bad database.
 */
export function createControlPlane(options: ControlPlaneOptions): OwnControlPlane {
  return new LocalControlPlane(options);
}

/** RAP answers what passwords are no part of. */
const NOWHERE: PipeClient = { address: '', sessionKey: undefined };

interface Client {
  readonly address: string;
}

interface LoginMeans extends Pick<AcceptorOptions, 'onlyKerberos' | 'goesOn'> {
  readonly serverChallenge?: Buffer | undefined;
  readonly seed?: ExchangeSeed | undefined;
}

class LocalControlPlane implements OwnControlPlane {
  #configuration: Configuration;
  readonly #accounts: AccountDirectory;
  readonly #shares: ShareDecisions;
  readonly #throttle: LoginThrottle;
  readonly #failures = new LoginFailures();
  readonly #guard: AccountGuard;
  #audit: AuditLog | undefined;
  readonly #idmap: Idmap;
  readonly #domainNames: DomainNames;
  readonly #tokens: SecurityTokens;
  readonly #principals: Principals;
  readonly #management: Management;
  readonly #log: Logger;
  readonly #machineSid: Sid;
  #usernameMap: UsernameMap | undefined;
  /** Where RPC is served by TCP. */
  rpcPort: number | undefined;
  #kerberos: KerberosMechanism;
  readonly #givenKerberos: Kerberos | undefined;

  constructor(options: ControlPlaneOptions) {
    const { configuration, users, userDatabase, log = SILENT_LOGGER } = options;
    this.#log = log;
    this.#configuration = configuration;
    this.#accounts = new AccountDirectory({
      ...{ users, userDatabase, log },
      switches: options.switchesIdentity ?? process.getuid?.() === 0,
      systemAccounts: options.systemAccounts ?? readSystemAccounts,
    });
    this.#throttle = new LoginThrottle(options.now);
    this.#guard = new AccountGuard({
      domainPolicy: new DomainPolicyStore(keptIn(options.statePath, DOMAIN_POLICY_FILE), log),
      nameOf: (user) => this.#accounts.find(this.#mapped([user]) ?? user)?.name,
      passwordSetAtMs: (name) => this.#accounts.passwordSetAtMs(name),
    });
    this.#audit = auditOf(configuration, log);
    const machineSid = options.machineSid ?? makeMachineSid();
    this.#machineSid = machineSid;
    this.#givenKerberos = options.kerberos;
    this.#kerberos = new KerberosMechanism(configuration.global, log, options.kerberos);
    this.#usernameMap = usernameMapOf(configuration.global.usernameMap, log);
    const groups = new GroupStore(keptIn(options.statePath, GROUPS_FILE), machineSid, log);
    this.#domainNames = new DomainNames(keptIn(options.statePath, DOMAIN_NAMES_FILE), log);
    this.#principals = new Principals({
      domains: this.#domainNames,
      groups: () => groups.groups,
      machineSid,
      machineName: configuration.global.netbiosName,
      guestName: configuration.global.guestAccount,
      accounts: () => this.#accounts.all(this.#tokens.system),
      systemNames: () => this.#tokens.system,
    });
    const policy = new PolicyStore(keptIn(options.statePath, 'policy.json'), log);
    this.#idmap = new Idmap(keptIn(options.statePath, 'idmap.json'), log);
    this.#idmap.configure(configuration.idmap ?? []);
    this.#tokens = new SecurityTokens({
      domains: this.#idmap.ids,
      machineSid,
      groupsOf: (sids) => groups.groupsOf(sids),
      privilegesOf: (sids) => policy.filePrivilegesOf(sids),
      systemAccounts: this.#accounts.systemAccounts,
      accountIds: (system) => this.#accounts.all(system).map(({ uid }) => uid),
      own: ownIdentity(),
      now: options.now,
    });
    this.#shares = new ShareDecisions(configuration, {
      accounts: this.#accounts,
      tokens: this.#tokens,
      principals: this.#principals,
      groups,
      audit: () => this.#audit,
      log,
    });
    this.#management = new Management({
      configuration: () => this.#configuration,
      principals: this.#principals,
      accountsChanged: () => {
        this.#tokens.forget();
        this.#principals.forget();
      },
      policy,
      groups,
      registry: new RegistryStore(keptIn(options.statePath, 'registry.json'), log),
      shown: (account, client) => this.#shares.shown(account, client),
      sidsOf: ({ identity, kind, domain }) => this.#tokens.of(identity, kind, domain?.sids).sids,
      configurationFile: options.configurationFile,
      reload: async () => (await options.administration?.()?.reload())?.done === true,
      systemAccounts: this.#accounts.systemAccounts,
      accountFile: this.#accounts.filePath,
      find: (name) => this.#accounts.find(name),
      isInFile: (name) => this.#accounts.isInFile(name),
      switches: this.#accounts.switches,
      throttle: this.#throttle,
      guard: this.#guard,
      dataPlane: options.dataPlane,
      rpcPort: () => this.rpcPort,
      log,
    });
  }

  prepare(): Promise<void> {
    return this.#kerberos.prepare();
  }

  close(): void {
    this.#kerberos.close();
    this.#audit?.close();
  }

  loginFailures(): readonly LoginFailure[] {
    return this.#failures.all.map((one) => ({
      ...one,
      waitMs: this.#throttle.waitOf(one.address, one.user),
      lockedOut: this.#guard.isLocked(one.user),
    }));
  }

  forgetLoginFailures({ user, address }: WhoseFailures): number {
    this.#throttle.forget(user, address);
    // An account is locked everywhere.
    if (address === undefined) this.#guard.unlock(user);
    return this.#failures.forget(user, address);
  }

  async reload(configuration: Configuration): Promise<void> {
    const before = this.#configuration.global;
    const { global } = configuration;
    const audit = auditOf(configuration, this.#log);
    if (!sameKerberos(before, global)) {
      const kerberos = new KerberosMechanism(global, this.#log, this.#givenKerberos);
      await kerberos.prepare();
      this.#kerberos.close();
      this.#kerberos = kerberos;
    }
    this.#audit?.close();
    this.#audit = audit;
    this.#configuration = configuration;
    this.#shares.configure(configuration);
    this.#idmap.configure(configuration.idmap ?? []);
    if (before.usernameMap !== global.usernameMap) {
      this.#usernameMap = usernameMapOf(global.usernameMap, this.#log);
    }
    this.#principals.rename(global.netbiosName, global.guestAccount);
    this.#tokens.forget();
  }

  get negotiateToken(): Buffer {
    return negotiateToken(this.#kerberos.current?.available);
  }

  get sids(): SidMap {
    return this.#tokens.sids;
  }

  accountIds(): readonly number[] {
    return this.#tokens.accountIds;
  }

  idBlocks(): readonly IdBlock[] {
    return this.#idmap.ids.blocks;
  }

  beginLogin(client: Client, serverChallenge?: Buffer, seed?: ExchangeSeed): Login {
    return this.#beginLogin(client, { serverChallenge, seed });
  }

  /** By RPC's own means: its messages go on in it. */
  #beginRpcLogin(client: Client, only: 'kerberos' | undefined): SecureLogin {
    const onlyKerberos = only === 'kerberos';
    return this.#beginLogin(client, { onlyKerberos, goesOn: true });
  }

  #beginLogin(client: Client, { serverChallenge, seed, ...means }: LoginMeans): SecureLogin {
    const { netbiosName, ntlmAuth } = this.#configuration.global;
    const ntlmV1 = ntlmAuth === 'ntlmv1-permitted';
    const plain = serverChallenge && { serverChallenge };
    const context = {
      acceptor: {
        names: { netbiosName },
        lookup: this.#lookup,
        plain,
        ntlmV1,
        kerberos: this.#kerberos.current,
        ...means,
        ...(seed && { random: () => seed.challenge, now: () => seed.time }),
      },
      throttle: this.#throttle,
      failures: this.#failures,
      guard: this.#guard,
      audit: () => this.#audit,
      log: this.#log,
      account: (name: IdentityName) => this.#account(name),
      accountOfPeer: (peer: KerberosPeer) => this.#accountOfPeer(peer),
    };
    return beginLogin(context, client.address);
  }

  connectShare(account: Account, share: string, client: ShareClient): ShareDecision {
    return this.#shares.connect(account, share, client);
  }

  shareUsed(share: string, currentUses: number): void {
    this.#management.shareUsed(share, currentUses);
  }

  openPipe(account: Account, name: string, client: PipeClient): PipeEndpoint | undefined {
    if (!this.#shares.mayUseIpc(account)) return undefined;
    return openService(name, {
      context: (authenticated) => {
        if (authenticated === undefined) return this.#management.context(account, client);
        // Passwords come under the key of RPC's own login then, as Samba's clients have it.
        const { account: caller, sessionKey } = authenticated;
        if (!this.#shares.mayUseIpc(caller)) return undefined;
        return this.#management.context(caller, { ...client, sessionKey });
      },
      beginLogin: (only) => this.#beginRpcLogin(client, only),
    });
  }

  openRpc(what: 'mapper' | 'services', { address, onLogin }: RpcCaller): PipeEndpoint | undefined {
    if (!this.#shares.admitsHost(address)) return undefined;
    const port = this.rpcPort ?? 0;
    const client: PipeClient = { address, sessionKey: undefined };
    const nobody: Account = { name: '', kind: 'anonymous', identity: NOBODY };
    const stranger = this.#management.context(nobody, client);
    const begin: BeginRpcLogin = (only) => this.#beginRpcLogin(client, only);
    if (what === 'mapper') {
      return openMapper(this.#configuration.global.rpcMapperPort, stranger, begin);
    }
    return openServices(port, {
      stranger,
      context: (authenticated) => {
        if (authenticated?.account.kind !== 'user') return undefined;
        onLogin();
        const { account, sessionKey } = authenticated;
        return this.#management.context(account, { ...client, sessionKey });
      },
      beginLogin: begin,
    });
  }

  async rap(account: Account, parameters: Buffer): Promise<RapAnswer | undefined> {
    if (!this.#shares.mayUseIpc(account)) return undefined;
    const { answerRap } = await import('./services/rap-service.ts');
    return answerRap(parameters, this.#management.context(account, NOWHERE));
  }

  readonly #lookup: AccountLookup = (user) => {
    const { mapToGuest } = this.#configuration.global;
    const found = this.#accounts.find(this.#mapped([user]) ?? user);
    if (found !== undefined) {
      return { ntHash: found.ntHash, orGuest: mapToGuest === 'bad password' };
    }
    return mapToGuest === 'never' ? undefined : 'guest';
  };

  #account({ user, anonymous, guest, workstation }: IdentityName): Account | undefined {
    const { restrictAnonymous, mapToGuest, guestAccount } = this.#configuration.global;
    if (anonymous) {
      if (restrictAnonymous !== 0 && mapToGuest === 'never') return undefined;
      return { name: '', kind: 'anonymous', identity: this.#accounts.harmless(guestAccount) };
    }
    if (guest) {
      const identity = this.#accounts.harmless(guestAccount);
      return { name: guestAccount, kind: 'guest', identity, ...askedOf('', '', workstation) };
    }
    const name = this.#accounts.find(this.#mapped([user]) ?? user)?.name;
    if (name === undefined) return undefined;
    const asked = askedOf(name, user, workstation);
    return { name, kind: 'user', identity: this.#accounts.harmless(name), ...asked };
  }

  /** An account of this server, or a user of the system, who then needs no password here. */
  #accountOfPeer(peer: KerberosPeer): Account | undefined {
    const local = localNameOf(peer, {
      realm: this.#configuration.global.realm,
      mapped: (names) => this.#mapped(names),
    });
    const user = ticketUserOf(peer, this.#machineSid, this.#log);
    this.#learnName(user);
    const mapped = this.#accounts.switches ? this.#idmap.mapped(user) : undefined;
    const domain = { principal: user.principal, sids: user.claims, ...(mapped && { mapped }) };
    const name = local && (this.#accounts.find(local)?.name ?? this.#accounts.systemUser(local));
    if (name === undefined) return this.#domainAccount(user.domainAccount, domain);
    const own = this.#accounts.harmless(name);
    const identity = own && withGroups(own, mapped);
    if (mapped !== undefined) this.#idmap.ids.learn([], identity);
    return { name, kind: 'user', identity, domain, ...askedOf(name, nameIn(peer), undefined) };
  }

  /** For those who ask whose a SID is. */
  #learnName({ domainAccount, domainName, domainSid, user }: TicketUser): void {
    if (domainAccount === undefined || domainSid === undefined || user === undefined) return;
    const name = domainAccount.slice(domainName.length + 1);
    this.#domainNames.learn({ sid: domainSid, name: domainName }, { sid: user, name });
  }

  /** Of who is known to a domain alone: it is somebody here where its domain has uids. */
  #domainAccount(name: string | undefined, domain: DomainUser): Account | undefined {
    const identity = identityOfDomain(domain);
    if (name === undefined || identity === undefined) return undefined;
    this.#idmap.ids.learn([], identity);
    return { name, kind: 'user', identity, domain };
  }

  #mapped(names: readonly string[]): string | undefined {
    return this.#usernameMap?.map(names, this.#accounts.systemAccounts);
  }
}

const keptIn = (folder: string | undefined, name: string): string | undefined =>
  folder === undefined ? undefined : join(folder, name);

const nameIn = ({ principal }: KerberosPeer): string =>
  principal.slice(0, principal.includes('@') ? principal.lastIndexOf('@') : undefined);

/** What is not known from the account. */
const askedOf = (
  name: string,
  user: string,
  machine: string | undefined,
): Pick<Account, 'asked'> => {
  const other = user === name ? undefined : user;
  return other === undefined && machine === undefined ? {} : { asked: { user: other, machine } };
};

const auditOf = ({ global }: Configuration, log: Logger): AuditLog | undefined =>
  global.auditLog === undefined
    ? undefined
    : new AuditLog({ file: global.auditLog, events: global.auditEvents }, log);

const usernameMapOf = (file: string | undefined, log: Logger): UsernameMap | undefined =>
  file === undefined ? undefined : new UsernameMap(file, log);
