/**
 * What the data plane asks of the control plane (ksmbd: the netlink events of ksmbd_netlink.h).
 * In-process it is mountd/control-plane.ts itself; with mountd as its own process the same calls are
 * typed events on a Unix-domain socket (mountd-events.ts), so everything here is plain values and promises.
 * Hashes and passwords stay behind this interface.
 */
import type { AccessToken } from '../dtyp/access-check.ts';
import type { IdBlock } from '../dtyp/id-blocks.ts';
import type { Sid } from '../dtyp/sid.ts';
import type { SidMap } from '../dtyp/unix-sids.ts';
import type { Identity } from '../vfs/vfs.ts';
import type { LoginFailure, WhoseFailures } from './administration.ts';

export type MaybePromise<T> = T | Promise<T>;

/** An account as the data plane knows it, after a login. */
export interface Account {
  /** As in the user database; the key for "the same user". Empty for an anonymous login. */
  readonly name: string;
  readonly kind: 'user' | 'guest' | 'anonymous';
  /** Undefined: acts as the server process does. */
  readonly identity: Identity | undefined;
  /** Of a login by Kerberos. */
  readonly domain?: DomainUser | undefined;
  /** What the client said at the login; absent where it said nothing that is not known. */
  readonly asked?: Asked | undefined;
}

export interface Asked {
  /** The user's name as it was given, before `username map`; undefined: the account's. */
  readonly user?: string | undefined;
  /** The client's name for itself, which proves nothing. */
  readonly machine?: string | undefined;
}

/** Where a client is, and how it speaks. */
export interface ShareClient {
  readonly address: string;
  /** Of this server's, to which it has connected. */
  readonly localAddress?: string | undefined;
  /** The dialect's name. */
  readonly dialect?: string | undefined;
}

/** A share that is somewhere else for each client. */
export interface SharePlace {
  /** As it is called: of a home the user's. */
  readonly name: string;
  readonly path: string;
}

/** Who a user is to its domain. */
export interface DomainUser {
  /** name@REALM */
  readonly principal: string;
  /** Its own and its groups', as the domain's controller has them (MS-PAC); empty outside Active Directory. */
  readonly sids: readonly Sid[];
  /** Absent where domains have no uids and gids here. */
  readonly mapped?: MappedUser | undefined;
}

/** A user of a domain on the disk. */
export interface MappedUser {
  /** Undefined: none is left for it. */
  readonly uid: number | undefined;
  /** Of the primary group. */
  readonly gid: number | undefined;
  /** Of all groups that have one. */
  readonly groups: readonly number[];
  /** Where the numbers come from. */
  readonly blocks: readonly IdBlock[];
}

export const sameUser = (a: Account, b: Account): boolean => a.kind === b.kind && a.name === b.name;

export interface LoginDone {
  readonly kind: 'done';
  readonly token: Buffer;
  readonly account: Account;
  /** GSS session key, 16 bytes or more; absent for guests. That of an anonymous login is no secret. */
  readonly sessionKey: Buffer | undefined;
  /** When the user has to authenticate anew, as Date.now() counts: a Kerberos ticket's end. */
  readonly expiresAtMs?: number;
}

export type LoginStep =
  /** Send the token; the client answers with another (STATUS_MORE_PROCESSING_REQUIRED). */
  | { readonly kind: 'continue'; readonly token: Buffer }
  | LoginDone
  /** 'logon-failure' comes after its delay. 'malformed' is a token that does not parse. */
  | { readonly kind: 'refused'; readonly reason: LoginRefusal };

export type LoginRefusal =
  | 'logon-failure'
  | 'malformed'
  | 'account-disabled'
  | 'unsupported'
  | 'clock-skew'
  /** Too many wrong passwords: by the domain's policy, for its time. */
  | 'account-locked-out'
  | 'password-expired'
  | 'password-must-change'
  /** The control plane is not there, and did not come back in time. */
  | 'unavailable';

/** One authentication exchange: GSS tokens in, tokens out, as in MS-SMB2 3.3.5.5.3. */
export interface Login {
  step(token: Buffer): MaybePromise<LoginStep>;
  close(): void;
}

/** What a tree connect to a share is allowed (ksmbd: ksmbd_tree_connect_response). */
export type ShareDecision =
  | {
      readonly kind: 'granted';
      readonly readOnly: boolean;
      readonly identity: Identity | undefined;
      /** The same to security descriptors: MS-DTYP 2.5.2. */
      readonly token: AccessToken;
      /** Where the share is for this client; absent: where it is for all. */
      readonly place?: SharePlace | undefined;
    }
  | { readonly kind: 'denied' }
  | { readonly kind: 'no-such-share' }
  /** The control plane is not there, and did not come back in time. */
  | { readonly kind: 'unavailable' };

/** Who opens a pipe, beside the account. */
export interface PipeClient {
  readonly address: string;
  /** Of the SMB session (MS-SMB2's Session.ApplicationKey), by which passwords come encrypted. */
  readonly sessionKey: Buffer | undefined;
}

/** One open named pipe: a DCE/RPC endpoint. */
export interface PipeEndpoint {
  /** Takes one message or fragment written to the pipe. False: the data breaks the protocol. */
  write(message: Buffer): MaybePromise<boolean>;
  /** Up to `limit` bytes of the answer; `more` when the message goes on (STATUS_BUFFER_OVERFLOW). Undefined: none is there. */
  read(limit: number): { readonly bytes: Buffer; readonly more: boolean } | undefined;
  close(): void;
}

/** MS-RAP 2.5: the parameters and data of an answer. */
export interface RapAnswer {
  readonly parameters: Buffer;
  readonly data: Buffer;
}

/**
 * Of one exchange: what its answers depend on beside the tokens. A control plane that takes it over from one that is gone gives
 * the same answers to the same tokens, so that the client notices nothing. It makes no secret of a login's.
 */
export interface ExchangeSeed {
  /** NTLM's ServerChallenge (MS-NLMP 2.2.1.2), new for each exchange. */
  readonly challenge: Buffer;
  /** FILETIME of its beginning. */
  readonly time: bigint;
}

export interface ControlPlane {
  /** Settles when what logins need was tried, so that the first client is offered all there is. */
  prepare?(): Promise<void>;
  /** Gives back what `prepare` started. */
  close?(): void;
  /** The token for the NEGOTIATE response (NegTokenInit2), which changes as mechanisms come and go. */
  readonly negotiateToken: Buffer;
  /** Whose SIDs the users and groups of the disk are. */
  readonly sids: SidMap;
  /**
   * `serverChallenge`: of a login of SMB1 without extended security. Its one token is an AUTHENTICATE_MESSAGE that
   * holds what the client has sent; NTLMv1 counts in it where that is permitted. `seed` absent: one of its own.
   */
  beginLogin(
    client: { readonly address: string },
    serverChallenge?: Buffer,
    seed?: ExchangeSeed,
  ): Login;
  /** `share` as the client wrote it, compared without case. */
  connectShare(account: Account, share: string, client: ShareClient): MaybePromise<ShareDecision>;
  /** MS-SRVS 3.1.6.15: so many tree connects lead to `share` now. */
  shareUsed(share: string, currentUses: number): void;
  /** `name` in lower case, without a leading backslash; undefined when there is no such pipe. */
  openPipe(account: Account, name: string, client: PipeClient): PipeEndpoint | undefined;
  /** Logins that failed since the last good one of the same user from the same address; the last one first. */
  loginFailures?(): MaybePromise<readonly LoginFailure[]>;
  /** See Administration. */
  forgetLoginFailures?(whose: WhoseFailures): MaybePromise<number>;
  /** MS-RAP 3.2.5, of SMB1 only: undefined to whom it is not answered. Rejects with WireError. */
  rap(account: Account, parameters: Buffer): Promise<RapAnswer | undefined>;
}
