/**
 * Bugs put into the server on purpose, one at a time, by taking the place of a method while a run lasts.
 * That each is found shows that the model can see: a rule that never fails proves nothing.
 */

import { DELETE } from '../../src/dtyp/access-mask.ts';
import { ByteRangeLocks } from '../../src/objects/byte-range-locks.ts';
import { ChangeNotifier } from '../../src/objects/change-notifier.ts';
import { ChangeWatch } from '../../src/objects/change-watch.ts';
import { DurableOpens } from '../../src/objects/durable-opens.ts';
import { Oplocks } from '../../src/objects/oplocks.ts';
import { Request } from '../../src/objects/request.ts';
import { SharedFile, SharedFiles } from '../../src/objects/shared-file.ts';
import type { Stage } from './stage.ts';

export interface Mutation {
  readonly name: string;
  /** It takes some hundred runs to be found: left to `npm run simulate -- --mutations`. */
  readonly isRare?: boolean;
  /** Puts the bug in; what it gives back takes it out again. */
  spoil(stage: Stage): () => void;
}

// biome-ignore lint/suspicious/noExplicitAny: a method of whatever class stands in for another
type Method = (this: any, ...args: any[]) => any;

/** Puts a method of a class in the place of another, which it is given. */
function patch<C extends object>(target: C, name: keyof C, make: (original: Method) => Method) {
  const original = target[name] as Method;
  target[name] = make(original) as C[keyof C];
  return () => {
    target[name] = original as C[keyof C];
  };
}

/** True at every nth call. */
function every(n: number): () => boolean {
  let calls = 0;
  return () => ++calls % n === 0;
}

const W = 4;

const onCaching: readonly Mutation[] = [
  {
    name: 'a break is skipped',
    spoil: () => {
      const now = every(3);
      return patch(
        Oplocks.prototype,
        'before',
        (before) =>
          function (...args) {
            return now() ? undefined : before.apply(this, args);
          },
      );
    },
  },
  {
    name: 'nobody waits for an acknowledgment',
    spoil: () =>
      patch(
        Oplocks.prototype,
        'before',
        (before) =>
          function (...args) {
            before.apply(this, args);
            return undefined;
          },
      ),
  },
  {
    name: 'only the first of several holders is told',
    spoil: () =>
      patch(
        Oplocks.prototype,
        'before',
        (before) =>
          function (file: SharedFile, ...args) {
            const others = file.grants.slice(1);
            file.grants = file.grants.slice(0, 1);
            const waits = before.call(this, file, ...args);
            file.grants = [...file.grants, ...others];
            return waits;
          },
      ),
  },
  {
    name: 'overwriting breaks as opening does',
    spoil: () =>
      patch(
        Oplocks.prototype,
        'before',
        (before) =>
          function (file, operation, actor) {
            return before.call(this, file, { ...operation, overwrites: false }, actor);
          },
      ),
  },
  {
    name: 'the epoch of a break is lost',
    spoil: () =>
      patch(
        Oplocks.prototype,
        'before',
        (before) =>
          function (file: SharedFile, ...args) {
            const leases = file.grants.map(({ owner }) => owner).filter((one) => 'epoch' in one);
            const epochs = leases.map(({ epoch }) => epoch);
            const waits = before.call(this, file, ...args);
            for (const [i, lease] of leases.entries()) lease.epoch = epochs[i]!;
            return waits;
          },
      ),
  },
  {
    name: 'a lease that is joined gets W',
    spoil: () =>
      patch(
        Oplocks.prototype,
        'grantLease',
        (grantLease) =>
          function (...args) {
            const granted = grantLease.apply(this, args);
            if (granted === undefined || granted.breaking || granted.state === 0) return granted;
            this.lease(granted.lease.id).grant.state |= W;
            return { ...granted, state: granted.state | W };
          },
      ),
  },
  {
    name: 'a level II oplock is granted beside an exclusive one',
    spoil: () =>
      patch(
        Oplocks.prototype,
        'grantOplock',
        (grantOplock) =>
          function (file, open, level, ...rest) {
            const grants = file.grants;
            file.grants = [];
            const granted = grantOplock.call(this, file, open, level, ...rest);
            file.grants = [...grants, ...file.grants];
            return granted;
          },
      ),
  },
  {
    name: 'an acknowledgment takes nothing away',
    spoil: () =>
      patch(
        Oplocks.prototype,
        'acknowledge',
        (acknowledge) =>
          function (file, grant, state) {
            acknowledge.call(this, file, grant, state === 0 ? 0 : grant.state);
          },
      ),
  },
  {
    name: 'a break that nobody acknowledges never ends',
    spoil: ({ time }) =>
      patch(
        time,
        'set',
        (set) =>
          function (action, delayMs, ...rest) {
            return set.call(this, delayMs === 35_000 ? () => {} : action, delayMs, ...rest);
          },
      ),
  },
];

const onDurables: readonly Mutation[] = [
  {
    name: 'a durable open ends with its connection',
    spoil: () =>
      patch(
        DurableOpens.prototype,
        'keep',
        (keep) =>
          function (...args) {
            keep.apply(this, args);
            return this.scavenge(Infinity);
          },
      ),
  },
  {
    name: 'a lease is reclaimed by whoever knows its key',
    spoil: () =>
      patch(
        DurableOpens.prototype,
        'keep',
        (keep) =>
          function (open, ...rest) {
            open.durability.clientGuid = { equals: () => true };
            return keep.call(this, open, ...rest);
          },
      ),
  },
  {
    name: 'the locks of a durable open are lost',
    isRare: true,
    spoil: () =>
      patch(
        DurableOpens.prototype,
        'keep',
        (keep) =>
          function (open, ...rest) {
            open.file.locks.releaseAll(open);
            return keep.call(this, open, ...rest);
          },
      ),
  },
  {
    name: 'a reclaimed open caches more than before',
    spoil: ({ world }) =>
      patch(
        DurableOpens.prototype,
        'reclaim',
        (reclaim) =>
          function (open, ...rest) {
            reclaim.call(this, open, ...rest);
            const grant = world.server.oplocks.heldBy(open);
            if (grant !== undefined) grant.state |= 7;
          },
      ),
  },
];

const onLocks: readonly Mutation[] = [
  {
    name: 'an unlock releases all locks of the open',
    isRare: true,
    spoil: () =>
      patch(
        ByteRangeLocks.prototype,
        'unlock',
        () =>
          function (owner) {
            const had = this.count(owner) > 0;
            if (had) this.releaseAll(owner);
            return had;
          },
      ),
  },
  {
    name: 'an unlock releases nothing',
    spoil: () => patch(ByteRangeLocks.prototype, 'unlock', () => () => true),
  },
  {
    name: 'a lock that waits is let in and not told',
    spoil: () => {
      const now = every(2);
      return patch(
        ByteRangeLocks.prototype,
        'wait',
        (wait) =>
          function (owner, range, exclusive, settle) {
            const tell = (granted: boolean) => (granted && now() ? undefined : settle(granted));
            return wait.call(this, owner, range, exclusive, tell);
          },
      );
    },
  },
  {
    name: 'a lock does not stop reading',
    spoil: () =>
      patch(
        ByteRangeLocks.prototype,
        'conflicts',
        (conflicts) =>
          function (owner, range, write) {
            return write && conflicts.call(this, owner, range, write);
          },
      ),
  },
  {
    name: 'shared locks are taken for exclusive ones',
    spoil: () =>
      patch(
        ByteRangeLocks.prototype,
        'lock',
        (lock) =>
          function (owner, range) {
            return lock.call(this, owner, range, true);
          },
      ),
  },
  {
    name: 'the locks of a closed open stay',
    spoil: () => {
      const now = every(2);
      return patch(
        ByteRangeLocks.prototype,
        'releaseAll',
        (releaseAll) =>
          function (owner) {
            if (this.count(owner) === 0 || !now()) releaseAll.call(this, owner);
          },
      );
    },
  },
  {
    name: 'a cancelled lock stays in the queue',
    isRare: true,
    spoil: () => patch(ByteRangeLocks.prototype, 'cancel', () => () => false),
  },
];

const onFiles: readonly Mutation[] = [
  {
    name: 'who wants to delete is not asked for its share mode',
    spoil: () =>
      patch(
        SharedFile.prototype,
        'sharingViolation',
        (check) =>
          function (wanted, ...rest) {
            return (wanted.access & DELETE) === 0 && check.call(this, wanted, ...rest);
          },
      ),
  },
  {
    name: 'share modes are only looked at in one direction',
    spoil: () =>
      patch(
        SharedFile.prototype,
        'sharingViolation',
        (check) =>
          function (wanted, ...rest) {
            return check.call(this, { ...wanted, share: 7 }, ...rest);
          },
      ),
  },
  {
    name: 'a name goes when it is marked, not with the last close',
    spoil: () =>
      patch(
        SharedFile.prototype,
        'markDeletePending',
        (mark) =>
          function (deleter) {
            mark.call(this, deleter);
            void deleter.handle.remove();
          },
      ),
  },
  {
    name: 'a mark for deletion is forgotten',
    spoil: () => {
      const now = every(3);
      return patch(
        SharedFile.prototype,
        'markDeletePending',
        (mark) =>
          function (deleter) {
            if (!now()) mark.call(this, deleter);
          },
      );
    },
  },
  {
    name: 'a file that nobody has open stays in the table',
    spoil: () => {
      const now = every(8);
      return patch(
        SharedFiles.prototype,
        'release',
        (release) =>
          function (file) {
            if (!now()) release.call(this, file);
          },
      );
    },
  },
  {
    name: 'an open stays in the table',
    spoil: ({ world }) => {
      const now = every(8);
      const { opens } = world.server;
      return patch(
        opens,
        'delete',
        (remove) =>
          function (id) {
            return now() || remove.call(this, id);
          },
      );
    },
  },
];

const onChanges: readonly Mutation[] = [
  {
    name: 'a new name is not told',
    spoil: () => {
      const now = every(2);
      return patch(
        ChangeNotifier.prototype,
        'added',
        (added) =>
          function (...args) {
            if (!now()) added.apply(this, args);
          },
      );
    },
  },
  {
    name: 'a change is told twice',
    isRare: true,
    spoil: () => {
      const now = every(3);
      return patch(
        ChangeWatch.prototype,
        'add',
        (add) =>
          function (...args) {
            add.apply(this, args);
            if (now()) add.apply(this, args);
          },
      );
    },
  },
  {
    name: 'whoever waits for changes is not woken',
    isRare: true,
    spoil: () => {
      const now = every(2);
      return patch(
        ChangeWatch.prototype,
        'deliver',
        (deliver) =>
          function () {
            if (!now()) deliver.call(this);
          },
      );
    },
  },
  {
    name: 'a CANCEL is forgotten',
    isRare: true,
    spoil: () => {
      const now = every(2);
      return patch(
        Request.prototype,
        'cancel',
        (cancel) =>
          function () {
            if (this.connection.state === 'closed' || !now()) cancel.call(this);
          },
      );
    },
  },
];

export const mutations: readonly Mutation[] = [
  ...onCaching,
  ...onDurables,
  ...onLocks,
  ...onFiles,
  ...onChanges,
];
