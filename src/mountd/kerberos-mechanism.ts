/** Kerberos as the configuration asks for it: with which keys, and the process that has them. */
import type { Kerberos } from '../auth/kerberos.ts';
import type { Logger } from '../base/log.ts';
import type { GlobalConfiguration } from '../config/configuration.ts';
import { GssProcess } from '../gss/gss-process.ts';

export class KerberosMechanism {
  readonly #global: GlobalConfiguration;
  readonly #log: Logger;
  readonly #given: Kerberos | undefined;
  #process: GssProcess | undefined;

  /** `given`: instead of a process of its own. */
  constructor(global: GlobalConfiguration, log: Logger, given: Kerberos | undefined) {
    this.#global = global;
    this.#log = log;
    this.#given = given;
  }

  /** Undefined where it is not asked for, and before it is tried. */
  get current(): Kerberos | undefined {
    return this.#given ?? this.#process;
  }

  /** Settles when it has shown whether it works. */
  async prepare(): Promise<void> {
    const keys = keysOf(this.#global);
    if (keys === undefined || this.#given !== undefined) return;
    this.#process ??= new GssProcess({ ...keys, log: this.#log });
    await this.#process.tried;
  }

  close(): void {
    this.#process?.close();
    this.#process = undefined;
  }
}

/** Whether what one offers is what the other would. */
export const sameKerberos = (a: GlobalConfiguration, b: GlobalConfiguration): boolean =>
  JSON.stringify(keysOf(a) ?? null) === JSON.stringify(keysOf(b) ?? null);

/** Undefined: Kerberos is not asked for. */
function keysOf(global: GlobalConfiguration) {
  const { kerberos, kerberosMethod, kerberosKeytab, kerberosServiceName } = global;
  if (!(kerberos ?? kerberosMethod !== 'none')) return undefined;
  const keytab = kerberosMethod === 'system' ? undefined : kerberosKeytab;
  return { keytab, service: kerberosServiceName };
}
