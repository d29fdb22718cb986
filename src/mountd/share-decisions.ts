/** Who may connect to which share, and whom it acts as there (MS-SMB2 3.3.5.7; ksmbd: ksmbd_tree_connect_response). */
import type { AuditLog } from '../base/audit-log.ts';
import type { Logger } from '../base/log.ts';
import type { Configuration, ShareConfiguration } from '../config/configuration.ts';
import { normalizeName } from '../config/smb-conf.ts';
import type { Account, ShareDecision } from '../ipc/control-plane.ts';
import type { AccountDirectory } from './account-directory.ts';
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

  connect(account: Account, share: string, client: { readonly address: string }): ShareDecision {
    const { address } = client;
    const { log } = this.#facts;
    const decision = this.#decide(account, normalizeName(share), address);
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

  /** A text says why not. */
  #decide(account: Account, name: string, address: string): ShareDecision | string {
    const share = this.#shares.get(name);
    const isIpc = name === normalizeName(IPC_SHARE);
    if (share === undefined && !isIpc) return { kind: 'no-such-share' };
    if (!this.#admitsHost(address)) return 'hosts allow or deny of [global]';
    if (share === undefined) {
      return this.mayUseIpc(account) ? this.#grant(account, account, false) : 'restrict anonymous';
    }
    return share.admitsHost(address) ? this.#decideDisk(account, share) : 'hosts allow or deny';
  }

  #decideDisk(account: Account, { configuration }: Share): ShareDecision | string {
    const isStranger = account.kind !== 'user';
    const isGuest = isStranger || (configuration.guestOnly && configuration.guestOk);
    // Removed while its session went on: nobody knows any more whom it may act as.
    if (!isStranger && !this.#knows(account)) return 'the account is no more';
    const guestAccount = configuration.guestAccount ?? this.#configuration.global.guestAccount;
    const name = isGuest ? guestAccount : account.name;
    const accounts = this.#facts.accounts.systemAccounts();
    const visitor = visitorOf(account, { name, isGuest }, this.#facts);
    const access = shareAccess(configuration, visitor, accounts);
    if (access === 'denied') return isGuest ? 'guest ok' : 'valid users or invalid users';
    if (this.#facts.accounts.switches && isAdministrator(configuration, visitor, accounts)) {
      return this.#grant(account, { identity: ROOT }, access === 'read-only');
    }
    const own = isGuest ? this.#facts.accounts.actingAs(name) : this.#actingWithDomain(account);
    const acting = actingOnShare(this.#facts.accounts.rules, own, configuration);
    if (acting === 'none') {
      const { forceUser, forceGroup } = configuration;
      const share = configuration.name;
      this.#facts.log.error('no such system user or group', { name, share, forceUser, forceGroup });
      return 'no such system user or group';
    }
    return this.#grant(account, acting, access === 'read-only');
  }

  #grant(
    { kind, domain }: Account,
    { identity }: { readonly identity: Identity | undefined },
    readOnly: boolean,
  ): ShareDecision {
    return {
      kind: 'granted',
      readOnly,
      identity,
      token: this.#facts.tokens.of(identity, kind, domain?.sids),
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
