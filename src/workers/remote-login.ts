/** Logins of a worker: passwords and tickets are looked at by the control plane, behind the owner. */
import { unixSidMap } from '../dtyp/unix-sids.ts';
import type { ControlPlane, Login, LoginStep } from '../ipc/control-plane.ts';
import type { ToldStep } from './protocol.ts';

export interface LoginDoor {
  /** The next token of this login; the promise of its answer is `resolve`. */
  step(login: RemoteLogin, token: Buffer): Promise<LoginStep>;
  close(login: RemoteLogin): void;
}

export class RemoteLogin implements Login {
  readonly id: number;
  readonly address: string;
  readonly #door: LoginDoor;

  constructor(id: number, address: string, door: LoginDoor) {
    this.id = id;
    this.address = address;
    this.#door = door;
  }

  step(token: Buffer): Promise<LoginStep> {
    return this.#door.step(this, token);
  }

  close(): void {
    this.#door.close(this);
  }
}

/** The answer as the data plane knows it; whom the account acts as is the owner's affair. */
export function stepOf(told: ToldStep): LoginStep {
  switch (told.kind) {
    case 'continue':
    case 'refused':
      return told;
    case 'failed':
      throw new Error('the login failed at the owner');
    case 'done': {
      const { token, name, account, sessionKey, expiresAtMs } = told;
      const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
      return {
        kind: 'done',
        token,
        account: { name, kind: account, identity: undefined },
        sessionKey,
        ...expiry,
      };
    }
  }
}

/** All that a worker asks of a control plane is logins: it has no shares. */
export function remoteControlPlane(
  negotiateToken: () => Buffer,
  beginLogin: (address: string) => RemoteLogin,
): ControlPlane {
  return {
    get negotiateToken() {
      return negotiateToken();
    },
    sids: unixSidMap,
    beginLogin: ({ address }) => beginLogin(address),
    connectShare: () => ({ kind: 'no-such-share' }),
    shareUsed: () => {},
    openPipe: () => undefined,
    rap: async () => undefined,
  };
}
