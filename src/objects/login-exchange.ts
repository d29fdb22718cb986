/**
 * One login under way on one connection, MS-SMB2 3.3.5.5.3; with its hash it is the PreauthSession of
 * 3.3.1.15 too. It makes a session, binds one to the connection, or authenticates one anew.
 */
import type { PreauthHash } from '../crypto/preauth.ts';
import type { Login } from '../ipc/control-plane.ts';
import type { Session } from './session.ts';

export class LoginExchange {
  readonly session: Session;
  readonly login: Login;
  /** The session is not the connection's own before it has ended well. */
  readonly binding: boolean;
  /** 3.1.1, where the login makes keys: what they are derived from. */
  preauth: PreauthHash | undefined;
  /** A step of it is being worked on. */
  busy = false;
  closed = false;

  constructor(
    session: Session,
    login: Login,
    { binding, preauth }: { binding: boolean; preauth: PreauthHash | undefined },
  ) {
    this.session = session;
    this.login = login;
    this.binding = binding;
    this.preauth = preauth;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.login.close();
  }
}
