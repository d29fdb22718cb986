/**
 * Security descriptors of the memory back end (MS-FSA 2.1.1.3, File.SecurityDescriptor). Whoever asked has
 * been asked for the rights, so the mode of an object that has a descriptor stands in nobody's way.
 */
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { EOPNOTSUPP, type Errno, isErrno } from '../errno.ts';
import { securityOfMode } from '../mode-security.ts';
import type { SecurityEdit } from '../vfs.ts';
import type { MemoryNode } from './node.ts';
import type { Volume } from './volume.ts';

const EVERYTHING = 0o777;

export const securityOf = (volume: Volume, node: MemoryNode): SecurityDescriptor =>
  node.security ?? securityOfMode(node, volume.sids);

export function applySecurity(
  volume: Volume,
  node: MemoryNode,
  descriptor: SecurityDescriptor,
): void {
  node.security = descriptor;
  node.mode |= EVERYTHING;
  const owner = descriptor.owner && volume.sids.idOf(descriptor.owner);
  const group = descriptor.group && volume.sids.idOf(descriptor.group);
  if (owner !== undefined && owner.kind !== 'group') node.uid = owner.id;
  if (group !== undefined && group.kind !== 'user') node.gid = group.id;
}

export function editSecurity(volume: Volume, node: MemoryNode, edit: SecurityEdit): Errno | 0 {
  if (node.kind === 'symlink' || node.kind === 'other') return EOPNOTSUPP;
  const edited = edit(securityOf(volume, node), node.security !== undefined);
  if (isErrno(edited)) return edited;
  applySecurity(volume, node, edited);
  node.changeTime = volume.clock();
  return 0;
}
