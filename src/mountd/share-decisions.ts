/** Who may connect to which share, and whom it acts as there (MS-SMB2 3.3.5.7; ksmbd: ksmbd_tree_connect_response). */
import type { AuditLog } from '../base/audit-log.ts';
import type { Logger } from '../base/log.ts';
import { type Configuration, hasPlaces, type ShareConfiguration } from '../config/configuration.ts';
import { normalizeName } from '../config/smb-conf.ts';
import type { Account, ShareClient, ShareDecision } from '../ipc/control-plane.ts';
import type { AccountDirectory } from './account-directory.ts';
import { commentOf, MacroProblem, resolveShare, shortName } from './client-macros.ts';
import { hostAccess } from './host-access.ts';
import {
  type Acting,
  actingOnShare,
  type Identity,
  identityOfDomain,
  NOBODY,
  ROOT,
  withGroups,
} from './identities.ts';
import { IPC_SHARE } from './management.ts';
import { isAdministrator, shareAccess } from './share-access.ts';
import { type VisitorFacts, visitorOf } from './visitors.ts';

export interface ShareFacts extends VisitorFacts {
  readonly accounts: AccountDirectory;
  /** Undefined: nobody wants to know. */
  audit(): AuditLog | undefined;
  readonly log: Logger;
}

/** `[homes]`, and by this name each user's own. */
const HOMES = 'homes';

interface Home {
  /** Of who asks. */
  readonly isOwn: boolean;
  readonly configuration: ShareConfiguration;
}

interface Share {
  readonly configuration: ShareConfiguration;
  readonly admitsHost: (address: string) => boolean;
}

export class ShareDecisions {
  readonly #facts: ShareFacts;
  #configuration: Configuration;
  #shares: ReadonlyMap<string, Share>;
  #admitsHost: (address: string) => boolean;

  constructor(configuration: Configuration, facts: ShareFacts) {
    this.#facts = facts;
    this.#configuration = configuration;
    this.#shares = sharesOf(configuration);
    this.#admitsHost = hostAccess(configuration.global);
  }

  configure(configuration: Configuration): void {
    this.#configuration = configuration;
    this.#shares = sharesOf(configuration);
    this.#admitsHost = hostAccess(configuration.global);
  }

  /** By the lists of [global]. */
  admitsHost(address: string): boolean {
    return this.#admitsHost(address);
  }

  mayUseIpc({ kind }: Account): boolean {
    return kind === 'user' || this.#configuration.global.restrictAnonymous === 0;
  }

  connect(account: Account, share: string, client: ShareClient): ShareDecision {
    const { address } = client;
    const { log } = this.#facts;
    const decision = this.#decide(account, normalizeName(share), client);
    const isDenied = typeof decision === 'string';
    const user = account.name;
    if (isDenied) log.info('share denied', { share, account: user, address, why: decision });
    const result = isDenied ? decision : decision.kind === 'granted' ? 'ok' : decision.kind;
    this.#facts.audit()?.note('connect', result, {
      ...{ user, address, share },
      ...(!isDenied && decision.kind === 'granted' && { readOnly: decision.readOnly }),
    });
    return isDenied ? { kind: 'denied' } : decision;
  }

  #knows({ name, domain }: Account): boolean {
    if (this.#facts.accounts.has(name)) return true;
    if (domain === undefined) return false;
    return name.includes('\\')
      ? this.#configuration.idmap !== undefined
      : this.#facts.accounts.systemUser(name) !== undefined;
  }

  /** What the account may know of: comments and lists as they are for it, paths as they are written. */
  shown(account: Account, client: ShareClient): ShareConfiguration[] {
    return this.#configuration.shares.flatMap((share) => {
      if (share.homes !== true) return [this.#shown(share, account, client)];
      const home = this.#homeOf(account, HOMES, share);
      // [homes] may be hidden; a home is listed to its own user.
      return home
        ? [this.#shown({ ...home.configuration, browseable: true }, account, client)]
        : [];
    });
  }

  #shown(share: ShareConfiguration, account: Account, client: ShareClient): ShareConfiguration {
    const templates = share.templates?.filter((field) => field !== 'path') ?? [];
    const source = this.#source(share, account, client);
    try {
      return { ...resolveShare({ ...share, templates }, source), templates: share.templates ?? [] };
    } catch (error) {
      if (!(error instanceof MacroProblem)) throw error;
      return {
        ...share,
        comment: templates.includes('comment') ? commentOf(share, source) : share.comment,
      };
    }
  }

  #source({ name, guestAccount }: ShareConfiguration, account: Account, client: ShareClient) {
    const { global } = this.#configuration;
    return {
      ...{ account, client, share: name, netbiosName: global.netbiosName },
      userName: account.kind === 'user' ? account.name : (guestAccount ?? global.guestAccount),
      system: this.#facts.accounts.systemAccounts(),
      now: () => new Date(),
    };
  }

  /** The share of `[homes]` that is called `name`; undefined: there is none. */
  #homeOf(account: Account, name: string, homes: ShareConfiguration): Home | undefined {
    if (account.kind !== 'user') return undefined;
    const own = shortName(account.name);
    const isOwn = name === HOMES || name === normalizeName(own);
    const user = isOwn ? own : this.#facts.accounts.find(name)?.name;
    if (user === undefined) return undefined;
    // `ann` of this machine and `ann` of a domain are two.
    const isOfDomain = isOwn && own !== account.name;
    if (isOfDomain && !homes.path.includes('%D')) return undefined;
    return { isOwn, configuration: { ...homes, name: user } };
  }

  /** A text says why not. */
  #decide(account: Account, name: string, client: ShareClient): ShareDecision | string {
    const { address } = client;
    const homes = this.#shares.get(HOMES);
    const known = this.#shares.get(name);
    const share = known ?? (homes?.configuration.homes === true ? homes : undefined);
    const isIpc = name === normalizeName(IPC_SHARE);
    if (share === undefined && !isIpc) return { kind: 'no-such-share' };
    if (!this.#admitsHost(address)) return 'hosts allow or deny of [global]';
    if (isIpc || share === undefined) {
      return this.mayUseIpc(account) ? this.#grant(account, account, false) : 'restrict anonymous';
    }
    if (!share.admitsHost(address)) return 'hosts allow or deny';
    if (share.configuration.homes !== true) {
      return this.#decideDisk(account, share.configuration, client);
    }
    const home = this.#homeOf(account, name, share.configuration);
    if (home === undefined) return { kind: 'no-such-share' };
    const isOpen = home.isOwn || home.configuration.validUsers.length > 0;
    const decision = isOpen ? this.#decideDisk(account, home.configuration, client) : 'not its own';
    // Who has an account here is nobody's business.
    return typeof decision === 'string' && !home.isOwn ? { kind: 'no-such-share' } : decision;
  }

  #decideDisk(
    account: Account,
    template: ShareConfiguration,
    client: ShareClient,
  ): ShareDecision | string {
    const isStranger = account.kind !== 'user';
    const isGuest = isStranger || (template.guestOnly && template.guestOk);
    // Removed while its session went on: nobody knows any more whom it may act as.
    if (!isStranger && !this.#knows(account)) return 'the account is no more';
    const configuration = this.#resolved(template, account, client);
    if (configuration === undefined) return 'a macro without a value that can be taken';
    const guestAccount = configuration.guestAccount ?? this.#configuration.global.guestAccount;
    const name = isGuest ? guestAccount : account.name;
    const accounts = this.#facts.accounts.systemAccounts();
    const visitor = visitorOf(account, { name, isGuest }, this.#facts);
    const access = shareAccess(configuration, visitor, accounts);
    if (access === 'denied') return isGuest ? 'guest ok' : 'valid users or invalid users';
    if (this.#facts.accounts.switches && isAdministrator(configuration, visitor, accounts)) {
      return this.#grant(account, { identity: ROOT }, access === 'read-only', configuration);
    }
    const own = isGuest ? this.#facts.accounts.actingAs(name) : this.#actingWithDomain(account);
    const acting = actingOnShare(this.#facts.accounts.rules, own, configuration);
    if (acting === 'none') {
      const { forceUser, forceGroup } = configuration;
      const share = configuration.name;
      this.#facts.log.error('no such system user or group', { name, share, forceUser, forceGroup });
      return 'no such system user or group';
    }
    return this.#grant(account, acting, access === 'read-only', configuration);
  }

  /** With the values of this client's macros; undefined where it cannot be had. */
  #resolved(
    share: ShareConfiguration,
    account: Account,
    client: ShareClient,
  ): ShareConfiguration | undefined {
    try {
      return resolveShare(share, this.#source(share, account, client));
    } catch (error) {
      if (!(error instanceof MacroProblem)) throw error;
      const { name } = share;
      const { address } = client;
      const why = error.message;
      this.#facts.log.warn('a share has no place for this client', {
        ...{ share: name, account: account.name, address, why },
      });
      return undefined;
    }
  }

  #grant(
    { kind, domain }: Account,
    { identity }: { readonly identity: Identity | undefined },
    readOnly: boolean,
    share?: ShareConfiguration,
  ): ShareDecision {
    return {
      kind: 'granted',
      readOnly,
      identity,
      token: this.#facts.tokens.of(identity, kind, domain?.sids),
      ...(share && hasPlaces(share) && { place: { name: share.name, path: share.path } }),
    };
  }

  #actingWithDomain({ name, domain }: Account): Acting {
    const mapped = domain?.mapped;
    if (domain === undefined || mapped === undefined) return this.#facts.accounts.actingAs(name);
    if (name.includes('\\')) return { identity: identityOfDomain(domain) ?? NOBODY };
    const own = this.#facts.accounts.actingAs(name);
    return own === 'none' ? own : { identity: own.identity && withGroups(own.identity, mapped) };
  }
}

const sharesOf = ({ shares }: Configuration): ReadonlyMap<string, Share> =>
  new Map(
    shares.map((share) => [
      normalizeName(share.name),
      { configuration: share, admitsHost: hostAccess(share) },
    ]),
  );
