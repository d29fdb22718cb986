/** A server called FILES, and the client's end on its pipes, for the tests of the services. */
import assert from 'node:assert/strict';
import { SILENT_LOGGER } from '../../base/log.ts';
import type { PipeEndpoint } from '../../ipc/control-plane.ts';
import { ClientAssociation } from '../../rpc/client-association.ts';
import type { InputOf, Operation, OutputOf, RpcInterface } from '../../rpc/operation.ts';
import { AccountGuard } from '../account-guard.ts';
import { DomainPolicyStore } from '../domain-policy.ts';
import { GroupStore } from '../group-store.ts';
import { PolicyStore } from '../policy-store.ts';
import { RegistryStore } from '../registry-store.ts';
import { MACHINE, principalsWith } from './principals.support.test.ts';
import { openService } from './services.ts';
import type { ServiceContext, ShareEntry } from './share-catalogue.ts';

export class FaultError extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`fault 0x${status.toString(16)}`);
    this.status = status;
  }
}

export const disk = (name: string, more: Partial<ShareEntry> = {}): ShareEntry => ({
  name,
  kind: 'disk',
  comment: `About ${name}`,
  path: `/srv/${name}`,
  browseable: true,
  maxUses: undefined,
  currentUses: 0,
  flags: 0,
  ...more,
});
export const IPC = disk('IPC$', { kind: 'ipc', comment: 'IPC Service', path: '' });
export const SHARES = [
  disk('Data', { comment: 'Everyone’s files', maxUses: 10, currentUses: 2, flags: 0x30 }),
  disk('hidden$'),
  disk('secret', { browseable: false }),
  IPC,
];

/** Of a policy that is kept nowhere; `setAtMs` is when each password was set. */
export const guardOf = (setAtMs?: number, now?: () => number): AccountGuard =>
  new AccountGuard({
    domainPolicy: new DomainPolicyStore(undefined, SILENT_LOGGER),
    nameOf: (user) => (user === 'stranger' ? undefined : user),
    passwordSetAtMs: () => setAtMs,
    ...(now && { now }),
  });

export function context(more: Partial<ServiceContext> = {}, shares = SHARES): ServiceContext {
  const groups = more.groups ?? new GroupStore(undefined, MACHINE, SILENT_LOGGER);
  return {
    account: { name: 'anna', kind: 'user', identity: undefined },
    sessionKey: undefined,
    administrator: false,
    mayChangeShares: more.administrator ?? false,
    catalogue: { shares: () => shares },
    server: {
      name: 'FILES',
      comment: 'A server',
      workgroup: 'HOME',
      versionMajor: 6,
      versionMinor: 1,
    },
    groups,
    principals: principalsWith(groups, ['anna', 1000], ['bob', 1001]),
    policy: new PolicyStore(undefined, SILENT_LOGGER),
    registry: new RegistryStore(undefined, SILENT_LOGGER),
    guard: guardOf(),
    ...more,
  };
}

/** The client's end on a pipe of `name`, with reads as short as a client's might be. */
export function connectTo(name: string, rpc: RpcInterface, of = context(), readBytes = 4280) {
  const pipe = openService(name, { context: () => of });
  assert.ok(pipe !== undefined);
  const client = new ClientAssociation(rpc);
  pipe.write(client.bind());
  assert.equal(client.bound(message(pipe, readBytes)), true);
  return <O extends Operation>(operation: O, input: InputOf<O>): OutputOf<O> => {
    for (const fragment of client.request(operation, input)) {
      assert.equal(pipe.write(fragment), true);
    }
    for (;;) {
      const answer = client.answer(operation, message(pipe, readBytes));
      if (answer.kind === 'fault') throw new FaultError(answer.status);
      if (answer.kind === 'result') return answer.output;
    }
  };
}

export function message(pipe: PipeEndpoint, readBytes: number): Buffer {
  const parts: Buffer[] = [];
  for (;;) {
    const part = pipe.read(readBytes);
    assert.ok(part !== undefined);
    parts.push(part.bytes);
    if (!part.more) return Buffer.concat(parts);
  }
}
