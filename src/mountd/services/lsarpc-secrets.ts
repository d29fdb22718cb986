/**
 * MS-LSAD 3.1.4.6: secrets that administrators keep on this machine, under a name. They travel encrypted by the key of
 * the session (5.1.2).
 */
import { decryptSecret, encryptSecret } from '../../auth/lsa-secrets.ts';
import { fromUnixNanoseconds } from '../../dtyp/filetime.ts';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
  STATUS_UNKNOWN_REVISION,
} from '../../dtyp/ntstatus.ts';
import type { SECRET_OPERATIONS } from '../../rpc/lsarpc-accounts.ts';
import type { InputOf } from '../../rpc/operation.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import type { SecretValue } from '../policy-store.ts';
import { type LsaObjects, statusOf } from './lsarpc-objects.ts';
import type { Handlers } from './rpc-service.ts';

type Operations = typeof SECRET_OPERATIONS;
type Cipher = InputOf<Operations['LsarSetSecret']>['current'];

const STATUS_NO_USER_SESSION_KEY = 0xc000_0202;
/** 3.1.4.6.1: "The length of SecretName MUST NOT exceed 128 characters" (note 80). */
const NAME_UNITS_MAXIMUM = 128;
const SESSION_KEY_BYTES = 16;
const NANOSECONDS_PER_MS = 1_000_000n;

export function secretHandlers(objects: LsaObjects): Handlers<Operations> {
  const { context } = objects;
  const { policy } = context;
  const key = context.sessionKey?.subarray(0, SESSION_KEY_BYTES);
  /** Undefined: it does not open, or there is no key. Null deletes a value. */
  const clearOf = (cipher: Cipher): { readonly value: Buffer | undefined } | undefined => {
    if (cipher === null) return { value: undefined };
    if (key === undefined || cipher.buffer === null) return undefined;
    const value = decryptSecret(cipher.buffer, key);
    return value && { value };
  };
  const cipherOf = (value: Buffer | undefined): Cipher => {
    if (value === undefined) return null;
    const buffer = encryptSecret(value, key!);
    return { length: buffer.length, maximumLength: buffer.length, buffer };
  };
  const named = (name: string | null): string | number => {
    if (name === null || name === '') return STATUS_INVALID_PARAMETER;
    return name.length > NAME_UNITS_MAXIMUM ? STATUS_NAME_TOO_LONG : name;
  };
  const openSecret = (
    { policyHandle, name }: InputOf<Operations['LsarOpenSecret']>,
    make: (name: string) => number,
  ) => {
    const denied = objects.denies(policyHandle, 'policy', 'administrator');
    const known = denied === STATUS_SUCCESS ? named(name) : denied;
    const status = typeof known === 'number' ? known : make(known);
    return typeof known === 'string' && status === STATUS_SUCCESS
      ? objects.open({ kind: 'secret', name: known })
      : { handle: NO_HANDLE, status };
  };
  return {
    LsarCreateSecret: (input) =>
      openSecret(input, (name) => statusOf(policy.createSecret(name, Date.now()))),
    LsarOpenSecret: (input) =>
      openSecret(input, (name) =>
        policy.secret(name) === undefined ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_SUCCESS,
      ),
    LsarSetSecret: ({ secretHandle, current, old }) => {
      const status = objects.denies(secretHandle, 'secret', 'administrator');
      if (status !== STATUS_SUCCESS) return { status };
      if (key === undefined) return { status: STATUS_NO_USER_SESSION_KEY };
      const [first, second] = [clearOf(current), clearOf(old)];
      if (first === undefined || second === undefined) return { status: STATUS_UNKNOWN_REVISION };
      const values = { current: first.value, old: second.value };
      const name = objects.secretOf(secretHandle)!;
      return { status: statusOf(policy.setSecret(name, values, Date.now())) };
    },
    LsarQuerySecret: ({ secretHandle, ...asked }) => {
      const nothing = { ...asked, current: null, old: null };
      const status = objects.denies(secretHandle, 'secret', 'administrator');
      if (status !== STATUS_SUCCESS) return { ...nothing, status };
      if (key === undefined) return { ...nothing, status: STATUS_NO_USER_SESSION_KEY };
      const secret = policy.secret(objects.secretOf(secretHandle)!);
      if (secret === undefined) return { ...nothing, status: STATUS_OBJECT_NAME_NOT_FOUND };
      return {
        current: asked.current && { cipher: cipherOf(secret.current.value) },
        currentSetTime: asked.currentSetTime === null ? null : timeOf(secret.current),
        old: asked.old && { cipher: cipherOf(secret.old.value) },
        oldSetTime: asked.oldSetTime === null ? null : timeOf(secret.old),
        status,
      };
    },
    // 3.1.4.6.5: the same in one call, which makes and removes the secret.
    LsarStorePrivateData: ({ policyHandle, keyName, data }) => {
      const denied = objects.denies(policyHandle, 'policy', 'administrator');
      const name = denied === STATUS_SUCCESS ? named(keyName) : denied;
      if (typeof name === 'number') return { status: name };
      if (data === null) return { status: statusOf(policy.removeSecret(name)) };
      if (key === undefined) return { status: STATUS_NO_USER_SESSION_KEY };
      const clear = clearOf(data);
      if (clear === undefined) return { status: STATUS_UNKNOWN_REVISION };
      const made = statusOf(policy.createSecret(name, Date.now()));
      if (made !== STATUS_SUCCESS && made !== STATUS_OBJECT_NAME_COLLISION) return { status: made };
      const values = { current: clear.value, old: undefined };
      return { status: statusOf(policy.setSecret(name, values, Date.now())) };
    },
    LsarRetrievePrivateData: ({ policyHandle, keyName }) => {
      const denied = objects.denies(policyHandle, 'policy', 'administrator');
      const name = denied === STATUS_SUCCESS ? named(keyName) : denied;
      if (typeof name === 'number') return { data: null, status: name };
      if (key === undefined) return { data: null, status: STATUS_NO_USER_SESSION_KEY };
      const value = policy.secret(name)?.current.value;
      return value === undefined
        ? { data: null, status: STATUS_OBJECT_NAME_NOT_FOUND }
        : { data: cipherOf(value), status: STATUS_SUCCESS };
    },
  };
}

const timeOf = ({ timeMs }: SecretValue): bigint =>
  fromUnixNanoseconds(BigInt(Math.round(timeMs)) * NANOSECONDS_PER_MS);
