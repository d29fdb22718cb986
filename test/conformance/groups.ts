/** Suites by what they are about, for a run of those that concern one part of the server. */
import { type Suite, suitesOf } from './suites.ts';

/** What files are to a client: descriptors, streams, attributes, names, copies, times, snapshots, Apple's extensions. */
const NTFS: readonly string[] = [
  'smb2.acls',
  'smb2.acls-with-sysacl',
  'smb2.acls-ignore-sysacl',
  'smb2.acls_non_canonical',
  'smb2.sdread',
  'smb2.streams',
  'smb2.stream-inherit-perms',
  'smb2.create',
  'smb2.create_no_streams',
  'smb2.ioctl',
  'smb2.ioctl-on-stream',
  'smb2.dir',
  'smb2.getinfo',
  'smb2.setinfo',
  'smb2.ea',
  'smb2.dosmode',
  'smb2.mangle',
  'smb2.name-mangling',
  'smb2.maximum_allowed',
  'smb2.charset',
  'smb2.samba3misc',
  'smb2.twrp',
  'smb2.set-sparse-ioctl',
  'smb2.zero-data-ioctl',
  'smb2.rename',
  'smb2.rw',
  'vfs.acl_xattr',
  'vfs.streams_xattr',
  'vfs.fruit',
  'vfs.fruit_netatalk',
  'vfs.fruit_file_id',
  'vfs.fruit_timemachine',
  'vfs.fruit_conversion',
  'vfs.fruit_validate_afpinfo',
];

export const GROUPS: Readonly<Record<string, readonly string[]>> = { ntfs: NTFS };

/** The suites of a group that a release of smbtorture has, in the order in which they run. */
export function suitesOfGroup(group: string, newer: boolean): readonly Suite[] {
  const names = GROUPS[group];
  if (names === undefined) {
    throw new Error(`--group ${group}: there is ${Object.keys(GROUPS).join(', ')}`);
  }
  return suitesOf(newer).filter(({ name }) => names.includes(name));
}
