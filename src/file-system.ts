/** The back end that serves a share's folder, as its configuration wants it. */
import type { ShareConfiguration } from './config/configuration.ts';
import { ACL_MODULE, STREAMS_MODULE } from './config/parameters.ts';
import type { ControlPlane } from './ipc/control-plane.ts';
import { nativeSupport } from './native/support.ts';
import { snapshotLayoutOf } from './snapshot-layout.ts';
import { createLocalVfs, localShareOf } from './vfs/local/local-vfs.ts';
import type { MakingPolicy } from './vfs/local/making.ts';
import { createPortableVfs } from './vfs/portable/portable.ts';
import type { Vfs } from './vfs/vfs.ts';

/** Without native calls files are node:fs's affair. */
export const isPortable = (): boolean => nativeSupport().unavailable !== undefined;

function makingOf(share: ShareConfiguration): MakingPolicy {
  const { mapArchive, mapHidden, mapSystem, mapReadonly } = share;
  const isMapped = mapArchive || mapHidden || mapSystem || mapReadonly !== 'no';
  return {
    inheritsPermissions: share.inheritPermissions,
    inheritsOwner: share.inheritOwner,
    inheritsAcls: share.inheritAcls,
    mapped:
      isMapped && !share.storeDosAttributes
        ? {
            archive: mapArchive,
            hidden: mapHidden,
            system: mapSystem,
            readonly: mapReadonly,
            mask: share.createMask,
          }
        : undefined,
  };
}

/** Where descriptors alone decide, modes keep nobody out. */
function modesOf(share: ShareConfiguration) {
  if (share.ignoresSystemAcls) return { fileMode: 0o666, directoryMode: 0o777 };
  return {
    fileMode: (0o666 & share.createMask) | share.forceCreateMode,
    directoryMode: (0o777 & share.directoryMask) | share.forceDirectoryMode,
  };
}

/** Has new objects made as the share's configuration says now; false where only a new back end would. */
export function reform(vfs: Vfs, share: ShareConfiguration): boolean {
  const local = localShareOf(vfs);
  if (local === undefined) return false;
  Object.assign(local, modesOf(share), { making: makingOf(share) });
  return true;
}

export function fileSystem(share: ShareConfiguration, sids: ControlPlane['sids']): Vfs {
  const options = { root: share.path, ...modesOf(share) };
  if (isPortable()) return createPortableVfs(options);
  const snapshots = snapshotLayoutOf(share);
  return createLocalVfs({
    ...options,
    crossMounts: share.crossMounts,
    storeAttributes: share.storeDosAttributes,
    making: makingOf(share),
    streams: share.vfsObjects.includes(STREAMS_MODULE),
    streamFormat: share.streamFormat,
    ntAclName: share.vfsObjects.includes(ACL_MODULE) && share.ntAclName,
    ignoresSystemAcls: share.ignoresSystemAcls,
    sids,
    ...(snapshots && { snapshots }),
  });
}
