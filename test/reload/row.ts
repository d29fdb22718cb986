/** One parameter: another value, and what shows that it counts. */
import type { ConnectInput } from '../../src/client/connect.ts';
import type { LoginOptions } from '../../src/client/login.ts';
import type { World } from './world.ts';

export interface Row {
  /** Another value than the parameter has otherwise. */
  readonly value: string;
  /** Lines that are there before and after, so that it makes a difference. */
  readonly global?: readonly string[];
  readonly share?: readonly string[];
  /** Lines that have to come with the other value. */
  readonly also?: readonly string[];
  /** How the clients log in. */
  readonly login?: Partial<LoginOptions>;
  /** How they connect. */
  readonly how?: Partial<ConnectInput>;
  /** What can be seen of it, by the client that was there before where it can be. */
  readonly look: (world: World) => Promise<unknown>;
  /** What is seen with the value as it is otherwise, and with the other one. */
  readonly before: unknown;
  readonly after: unknown;
  /** Identities and namespaces that only root has. */
  readonly needsRoot?: true;
  /** It concerns who works beside it, too. */
  readonly disturbs?: true;
}

/** For what is not supported: a reload says so, and there is nothing to see. */
export interface Nothing {
  readonly value: string;
}

/** For what only another arrangement shows. */
export interface Elsewhere {
  readonly value: string;
  /** The test that does. */
  readonly shownBy: string;
}
