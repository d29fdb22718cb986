/** A run's events in words, for the history of a seed that fails. */
import { statusName } from '../../src/dtyp/ntstatus.ts';
import type { OplockBreakNotification } from '../../src/smb2/oplock-break.ts';
import type { Answer, Ask, CreateWish, LockRange, Wish } from './history.ts';

const letters = (bits: number, names: string): string => {
  let text = '';
  for (let i = 0; i < names.length; i++) if ((bits & (1 << i)) !== 0) text += names[i];
  return text === '' ? '-' : text;
};

/** R, W and H of a lease. */
export const caching = (state: number): string => letters(state, 'RHW');
export const sharing = (share: number): string => letters(share, 'RWD');

const LEVELS = new Map([
  [0, 'none'],
  [1, 'II'],
  [8, 'exclusive'],
  [9, 'batch'],
  [255, 'lease'],
]);
const DISPOSITIONS = ['SUPERSEDE', 'OPEN', 'CREATE', 'OPEN_IF', 'OVERWRITE', 'OVERWRITE_IF'];
const ACTIONS = ['superseded', 'opened', 'created', 'overwritten'];
const CHANGES = ['?', 'added', 'removed', 'modified', 'old name', 'new name'];

export const key = (hex: string): string => `key ${hex.slice(0, 4)}`;
const level = (value: number): string => LEVELS.get(value) ?? String(value);
const range = ({ offset, length }: LockRange): string => `[${offset}, ${offset + length})`;

function describeCreate(wish: CreateWish): string {
  const { lease, oplock, options } = wish;
  const parts = [
    `CREATE ${wish.path} ${DISPOSITIONS[wish.disposition]}`,
    `access ${wish.access.toString(16)} share ${sharing(wish.share)}`,
  ];
  if (options !== 0) parts.push(`options ${options.toString(16)}`);
  if (lease !== undefined) {
    parts.push(`lease ${key(lease.key)} ${caching(lease.state)} v${lease.version} ${lease.epoch}`);
  } else if (oplock !== 0) parts.push(`oplock ${level(oplock)}`);
  if (wish.durable !== undefined) parts.push(`durable v${wish.durable.version}`);
  return parts.join(', ');
}

export function describeWish(wish: Wish): string {
  if (wish.kind === 'create') return describeCreate(wish);
  const on =
    'on' in wish ? ` of ${wish.on.number} (#${wish.on.file} ${wish.on.ask.wish.path})` : '';
  switch (wish.kind) {
    case 'reclaim': {
      const { of, durable, lease } = wish;
      const held = lease === undefined ? 'batch' : key(lease.key);
      return `CREATE reclaims ${of.number} (#${of.file} ${wish.path}), v${durable.version}, ${held}`;
    }
    case 'read':
      return `READ${on} ${range(wish)}`;
    case 'write':
      return `WRITE${on} ${wish.data.toString('hex')} at ${wish.offset}`;
    case 'resize':
      return `SET_INFO size${on} ${wish.size}`;
    case 'lock': {
      const how = `${wish.exclusive ? 'exclusive' : 'shared'}${wish.waits ? ', waits' : ''}`;
      return `LOCK${on} ${wish.ranges.map(range).join(' ')} ${how}`;
    }
    case 'unlock':
      return `LOCK${on} unlock ${range(wish.range)}`;
    case 'rename':
      return `SET_INFO name${on} ${wish.path}${wish.replace ? ', replaces' : ''}`;
    case 'dispose':
      return `SET_INFO disposition${on} ${wish.doomed}`;
    case 'notify': {
      const filter = wish.filter.toString(16);
      return `CHANGE_NOTIFY${on} filter ${filter}${wish.tree ? ' tree' : ''} ${wish.length} bytes`;
    }
    case 'acknowledgeLease':
      return `OPLOCK_BREAK ${key(wish.key)} ${caching(wish.state)}`;
    case 'acknowledgeOplock':
      return `OPLOCK_BREAK${on} ${level(wish.level)}`;
    default:
      return `${wish.kind}${on}`;
  }
}

export function describeAnswer(ask: Ask, answer: Answer): string {
  const parts = [statusName(answer.status)];
  const { caching: granted, opened } = { caching: answer.caching, opened: ask.opened };
  if (opened !== undefined) {
    parts.push(`open ${opened.number}, file #${opened.file} ${ACTIONS[answer.action ?? 1]}`);
  }
  if (granted?.lease !== undefined) {
    const { lease } = granted;
    const breaking = lease.breaking ? ' breaking' : '';
    parts.push(`${key(lease.key)} ${caching(lease.state)}${breaking} epoch ${lease.epoch}`);
  } else if (granted !== undefined && granted.level !== 0) {
    parts.push(`oplock ${level(granted.level)}`);
  }
  if (answer.data !== undefined) parts.push(answer.data.toString('hex'));
  if (granted?.durable === true) parts.push('durable');
  for (const change of answer.changes ?? []) {
    parts.push(`${CHANGES[change.action]} ${change.fileName}`);
  }
  return `(${ask.wish.kind}) ${parts.join(', ')}`;
}

export function describeNotification(n: OplockBreakNotification): string {
  if (n.kind === 'oplock') return `break of an oplock to ${level(n.oplockLevel)}`;
  const how = (n.flags & 1) !== 0 ? 'to be acknowledged' : 'at once';
  const from = caching(n.currentLeaseState);
  const to = caching(n.newLeaseState);
  return `break of ${key(n.leaseKey.toString('hex'))} ${from} to ${to}, ${how}, epoch ${n.newEpoch}`;
}
