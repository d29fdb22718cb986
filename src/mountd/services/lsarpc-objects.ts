/** MS-LSAD 3.1.1: what a handle of the Local Security Authority stands for, and what is done to any of them. */
import {
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_HANDLE,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../../dtyp/ntstatus.ts';
import type { Sid } from '../../dtyp/sid.ts';
import type { OBJECT_OPERATIONS } from '../../rpc/lsarpc-accounts.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import type { PolicyChange } from '../policy-store.ts';
import { ContextHandles } from './context-handles.ts';
import { ACCOUNT_RIGHTS, descriptorOf, POLICY_RIGHTS, SECRET_RIGHTS } from './object-security.ts';
import type { Handlers } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

export type LsaObject =
  | { readonly kind: 'policy' }
  | { readonly kind: 'account'; readonly sid: Sid }
  | { readonly kind: 'secret'; readonly name: string };

const RIGHTS = { policy: POLICY_RIGHTS, account: ACCOUNT_RIGHTS, secret: SECRET_RIGHTS };

const STATUS_OF: Readonly<Record<PolicyChange, number>> = {
  done: STATUS_SUCCESS,
  exists: STATUS_OBJECT_NAME_COLLISION,
  missing: STATUS_OBJECT_NAME_NOT_FOUND,
  'too-many': STATUS_INSUFFICIENT_RESOURCES,
  'too-large': STATUS_INSUFFICIENT_RESOURCES,
  unwritable: STATUS_UNSUCCESSFUL,
};

export const statusOf = (change: PolicyChange): number => STATUS_OF[change];

/** The handles of one association. */
export class LsaObjects {
  readonly context: ServiceContext;
  readonly handles = new ContextHandles<LsaObject>();

  constructor(context: ServiceContext) {
    this.context = context;
  }

  open(object: LsaObject): { readonly handle: Buffer; readonly status: number } {
    const handle = this.handles.open(object);
    return handle === undefined
      ? { handle: NO_HANDLE, status: STATUS_INSUFFICIENT_RESOURCES }
      : { handle, status: STATUS_SUCCESS };
  }

  /** A handle of another kind is INVALID_HANDLE, one that is none faults; then what only some may. */
  denies(handle: Buffer, kind: LsaObject['kind'], who: 'user' | 'administrator'): number {
    if (this.handles.get(handle).kind !== kind) return STATUS_INVALID_HANDLE;
    const { account, administrator } = this.context;
    const may = who === 'administrator' ? administrator : account.kind === 'user';
    return may ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
  }

  /** Of a handle whose kind is known. */
  accountOf(handle: Buffer): Sid | undefined {
    const object = this.handles.get(handle);
    return object.kind === 'account' ? object.sid : undefined;
  }

  secretOf(handle: Buffer): string | undefined {
    const object = this.handles.get(handle);
    return object.kind === 'secret' ? object.name : undefined;
  }
}

export function objectHandlers(objects: LsaObjects): Handlers<typeof OBJECT_OPERATIONS> {
  const { context, handles } = objects;
  const remove = (object: LsaObject): number => {
    if (!context.administrator) return STATUS_ACCESS_DENIED;
    switch (object.kind) {
      case 'policy':
        return STATUS_INVALID_HANDLE;
      case 'account':
        return statusOf(context.policy.removeAccount(object.sid, context.account.name));
      case 'secret':
        return statusOf(context.policy.removeSecret(object.name));
    }
  };
  return {
    // 3.1.4.9.1: "The server MUST return STATUS_NOT_SUPPORTED."
    LsarDelete: ({ objectHandle }) => {
      handles.get(objectHandle);
      return { status: STATUS_NOT_SUPPORTED };
    },
    LsarQuerySecurityObject: ({ objectHandle, securityInformation }) => {
      const { kind } = handles.get(objectHandle);
      const descriptor = { descriptor: descriptorOf(RIGHTS[kind], securityInformation) };
      return { descriptor, status: STATUS_SUCCESS };
    },
    LsarDeleteObject: ({ objectHandle }) => {
      const status = remove(handles.get(objectHandle));
      if (status !== STATUS_SUCCESS) return { objectHandle, status };
      return { objectHandle: handles.close(objectHandle), status };
    },
  };
}
