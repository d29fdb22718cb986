/**
 * The calls of pjdfstest as SMB requests of our own client, as Linux' with `posix` (cifs.ko of 6.12) sends them. Each of
 * its users has a session of its own, so that it is the server that says who may what. What Linux does itself is done
 * here: it walks paths, follows symbolic links, and knows how long names may be.
 */

import { StatusError } from '../../../src/client/client-error.ts';
import type { ClientFile } from '../../../src/client/file.ts';
import { createRequest, type OpenOptions, setInfoRequest } from '../../../src/client/requests.ts';
import type { ClientTree } from '../../../src/client/tree.ts';
import * as Access from '../../../src/dtyp/access-mask.ts';
import { deniedAce, makeAcl } from '../../../src/dtyp/acl.ts';
import { fromUnixNanoseconds, NO_TIME } from '../../../src/dtyp/filetime.ts';
import {
  DACL_SECURITY_INFORMATION,
  encodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  type SecurityDescriptor,
} from '../../../src/dtyp/security-descriptor.ts';
import { nfsModeSid, unixGroupSid, unixUserSid } from '../../../src/dtyp/sid.ts';
import {
  FileBasicInformation,
  FileEndOfFileInformation,
} from '../../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../../src/fscc/information-class.ts';
import {
  decodeFilePosixInformation,
  type FilePosixInformation,
} from '../../../src/fscc/posix-information.ts';
import { encodeRenameInformation } from '../../../src/fscc/rename-information.ts';
import {
  decodeSymbolicLinkReparseData,
  encodeSymbolicLinkReparseData,
} from '../../../src/fscc/reparse-data.ts';
import { IO_REPARSE_TAG_NFS } from '../../../src/fscc/reparse-tags.ts';
import { encodePosixCreateRequest } from '../../../src/smb2/create-context-values.ts';
import { CreateContextName } from '../../../src/smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPEN_REPARSE_POINT,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
} from '../../../src/smb2/create-options.ts';
import { Fsctl } from '../../../src/smb2/fsctl.ts';
import { SMB2_0_INFO_SECURITY } from '../../../src/smb2/info-types.ts';

import { CallError, check } from './call-error.ts';
import { show, typeOf } from './stat-fields.ts';

const NAME_MAX = 255;
const PATH_MAX = 4096;
const MAX_LINKS = 40;
/** MS-FSCC 2.1.2.6: where the type and the device stand. */
const NFS_TYPE = 8;
const NFS_DEVICE = 16;

const { FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES, DELETE } = Access;
const REPARSE = FILE_OPEN_REPARSE_POINT;
const posix = (mode: number) => [
  { name: CreateContextName.POSIX, data: encodePosixCreateRequest(mode) },
];
/** One process of pjdfstest. */
export class Calls {
  readonly #tree: ClientTree;
  readonly #folder: string;
  readonly #umask: number;
  readonly #files: ClientFile[] = [];

  constructor(tree: ClientTree, folder: string, umask: number) {
    this.#tree = tree;
    this.#folder = folder;
    this.#umask = umask;
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  /** Opens by a path that has been walked. */
  async #open(path: string, how: OpenOptions, mode = 0o600): Promise<ClientFile> {
    const answer = await this.#tree.request(createRequest(path, { contexts: posix(mode), ...how }));
    check(answer.status);
    return this.#tree.fileOf(answer, path);
  }

  async #with<T>(
    path: string,
    how: OpenOptions,
    work: (file: ClientFile) => Promise<T>,
  ): Promise<T> {
    const file = await this.#open(path, how);
    try {
      return await work(file);
    } catch (error) {
      if (error instanceof StatusError) check(error.status);
      throw error;
    } finally {
      await file.close();
    }
  }

  #info(path: string): Promise<FilePosixInformation> {
    return this.#with(path, { access: FILE_READ_ATTRIBUTES, options: REPARSE }, async (file) =>
      decodeFilePosixInformation(await file.queryInfo(Class.FilePosixInformation)),
    );
  }

  #target(path: string): Promise<string> {
    return this.#with(path, { access: FILE_READ_ATTRIBUTES, options: REPARSE }, async (file) => {
      const data = await file.ioctl(Fsctl.FSCTL_GET_REPARSE_POINT, { maxOutput: 16_384 });
      return decodeSymbolicLinkReparseData(data).substituteName;
    });
  }

  /** The path below the share without links in it, and what stands there. */
  async #walk(
    name: string,
    follow: boolean,
  ): Promise<{ path: string; found: FilePosixInformation | undefined }> {
    if (name === '') throw new CallError('ENOENT');
    if (name.length >= PATH_MAX) throw new CallError('ENAMETOOLONG');
    const left = [...this.#folder.split('/'), ...name.split('/')].filter((part) => part !== '');
    const done: string[] = [];
    let found: FilePosixInformation | undefined;
    const slash = name.endsWith('/');
    for (let links = 0; left.length > 0; ) {
      const part = left.shift()!;
      if (part === '.' || part === '..') {
        if (part === '..') done.pop();
        found = undefined;
        continue;
      }
      if (part.length > NAME_MAX) throw new CallError('ENAMETOOLONG');
      const isLast = left.length === 0;
      try {
        found = await this.#info([...done, part].join('/'));
      } catch (error) {
        if (!(error instanceof CallError) || error.errno !== 'ENOENT' || !isLast) throw error;
        return { path: [...done, part].join('/'), found: undefined };
      }
      const type = typeOf(found);
      if (type === 'symlink' && (!isLast || follow || slash)) {
        if (++links > MAX_LINKS) throw new CallError('ELOOP');
        const target = await this.#target([...done, part].join('/'));
        if (target.length >= PATH_MAX) throw new CallError('ENAMETOOLONG');
        left.unshift(...target.split('/').filter((each) => each !== ''));
        continue;
      }
      if (!isLast && type !== 'dir') throw new CallError('ENOTDIR');
      done.push(part);
    }
    found ??= await this.#info(done.join('/'));
    return { path: done.join('/'), found };
  }

  async #there(name: string, follow = true) {
    const { path, found } = await this.#walk(name, follow);
    if (found === undefined) throw new CallError('ENOENT');
    return { path, found, type: typeOf(found) };
  }

  async #fresh(name: string): Promise<string> {
    const { path, found } = await this.#walk(name, false);
    if (found !== undefined) throw new CallError('EEXIST');
    return path;
  }

  async open(name: string, flagText: string, mode = 0): Promise<void> {
    const flags = new Set(flagText.split(','));
    const creates = flags.has('O_CREAT');
    const exclusive = creates && flags.has('O_EXCL');
    const { path, found } = await this.#walk(name, !flags.has('O_NOFOLLOW') && !exclusive);
    if (found !== undefined && exclusive) throw new CallError('EEXIST');
    if (found === undefined && !creates) throw new CallError('ENOENT');
    const type = found === undefined ? 'none' : typeOf(found);
    if (type === 'symlink') throw new CallError('ELOOP');
    // The kernel's own, to which the server's object is a name.
    if (type === 'socket') throw new CallError('ENXIO');
    const writes = flags.has('O_WRONLY') || flags.has('O_RDWR') || flags.has('O_TRUNC');
    if (type === 'dir' && (writes || creates)) throw new CallError('EISDIR');
    if (flags.has('O_DIRECTORY') && type !== 'dir') throw new CallError('ENOTDIR');
    const access =
      FILE_READ_ATTRIBUTES |
      (flags.has('O_WRONLY') ? 0 : Access.FILE_GENERIC_READ) |
      (flags.has('O_WRONLY') || flags.has('O_RDWR') ? Access.FILE_GENERIC_WRITE : 0) |
      (flags.has('O_TRUNC') ? Access.FILE_WRITE_DATA : 0);
    const truncates = flags.has('O_TRUNC');
    const disposition = exclusive
      ? FILE_CREATE
      : creates
        ? truncates
          ? FILE_OVERWRITE_IF
          : FILE_OPEN_IF
        : truncates
          ? FILE_OVERWRITE
          : FILE_OPEN;
    const options = type === 'dir' ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE;
    this.#files.push(await this.#open(path, { access, disposition, options }, mode & ~this.#umask));
  }

  async unlink(name: string): Promise<void> {
    const { path, type } = await this.#there(name, false);
    if (type === 'dir') throw new CallError('EISDIR');
    await this.#with(
      path,
      { access: DELETE, options: FILE_DELETE_ON_CLOSE | REPARSE },
      async () => {},
    );
  }

  async rmdir(name: string): Promise<void> {
    if (name === '.' || name.endsWith('/.')) throw new CallError('EINVAL');
    if (name.endsWith('/..')) throw new CallError('ENOTEMPTY');
    const { path, type } = await this.#there(name, false);
    if (type !== 'dir') throw new CallError('ENOTDIR');
    const options = FILE_DIRECTORY_FILE;
    await this.#with(path, { access: DELETE, options }, (file) =>
      file.setInfo(Class.FileDispositionInformation, Buffer.from([1])),
    );
  }

  async mkdir(name: string, mode: number): Promise<void> {
    const path = await this.#fresh(name);
    const how = {
      access: FILE_WRITE_ATTRIBUTES,
      disposition: FILE_CREATE,
      options: FILE_DIRECTORY_FILE,
    };
    await (await this.#open(path, how, mode & ~this.#umask)).close();
  }

  async link(from: string, to: string): Promise<void> {
    const { path, type } = await this.#there(from, false);
    const target = await this.#fresh(to);
    if (type === 'dir') throw new CallError('EPERM');
    const rename = { replaceIfExists: false, rootDirectory: 0, fileName: target };
    await this.#with(path, { access: FILE_READ_ATTRIBUTES, options: REPARSE }, (file) =>
      file.setInfo(Class.FileLinkInformation, encodeRenameInformation(rename)),
    );
  }

  async rename(from: string, to: string): Promise<void> {
    if (/(^|\/)\.\.?$/.test(from) || /(^|\/)\.\.?$/.test(to)) throw new CallError('EINVAL');
    const { path, type } = await this.#there(from, false);
    const { path: target, found } = await this.#walk(to, false);
    if (target.startsWith(`${path}/`)) throw new CallError('EINVAL');
    if (found !== undefined && type === 'dir' && typeOf(found) !== 'dir')
      throw new CallError('ENOTDIR');
    if (found !== undefined && type !== 'dir' && typeOf(found) === 'dir')
      throw new CallError('EISDIR');
    const rename = { replaceIfExists: true, rootDirectory: 0, fileName: target };
    await this.#with(path, { access: DELETE | FILE_READ_ATTRIBUTES, options: REPARSE }, (file) =>
      file.setInfo(Class.FileRenameInformation, encodeRenameInformation(rename)),
    );
  }

  async symlink(to: string, name: string): Promise<void> {
    if (to.length >= PATH_MAX) throw new CallError('ENAMETOOLONG');
    const path = await this.#fresh(name);
    await this.#reparse(
      path,
      0o777,
      encodeSymbolicLinkReparseData({ substituteName: to, printName: to, flags: 1 }),
    );
  }

  async special(name: string, kind: string, mode: number, major = 0, minor = 0): Promise<void> {
    const path = await this.#fresh(name);
    const device = kind === 'CHR\0' || kind === 'BLK\0';
    const data = Buffer.alloc(device ? NFS_DEVICE + 8 : NFS_DEVICE);
    data.writeUInt32LE(IO_REPARSE_TAG_NFS, 0);
    data.writeUInt16LE(data.length - NFS_TYPE, 4);
    data.write(kind, NFS_TYPE, 'latin1');
    if (device) {
      data.writeUInt32LE(major, NFS_DEVICE);
      data.writeUInt32LE(minor, NFS_DEVICE + 4);
    }
    await this.#reparse(path, mode & ~this.#umask, data);
  }

  async #reparse(path: string, mode: number, input: Buffer): Promise<void> {
    const access = Access.DELETE | FILE_WRITE_ATTRIBUTES | Access.SYNCHRONIZE;
    const file = await this.#open(
      path,
      { access, disposition: FILE_CREATE, options: REPARSE | FILE_NON_DIRECTORY_FILE },
      mode,
    );
    try {
      await file.ioctl(Fsctl.FSCTL_SET_REPARSE_POINT, { input });
    } catch (error) {
      if (error instanceof StatusError) check(error.status);
      throw error;
    } finally {
      await file.close();
    }
  }

  async #secure(
    path: string,
    over: Partial<SecurityDescriptor>,
    information: number,
  ): Promise<void> {
    const access =
      information === DACL_SECURITY_INFORMATION ? Access.WRITE_DAC : Access.WRITE_OWNER;
    const none = {
      control: 0,
      owner: undefined,
      group: undefined,
      sacl: undefined,
      dacl: undefined,
    };
    const bytes = encodeSecurityDescriptor({ ...none, ...over }, information);
    const file = await this.#open(path, { access, options: REPARSE });
    const request = setInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, bytes, information);
    const { status } = await this.#tree.request(request);
    await file.close();
    check(status);
  }

  async chmod(name: string, mode: number, follow = true): Promise<void> {
    const { path } = await this.#there(name, follow);
    await this.#secure(
      path,
      { dacl: makeAcl([deniedAce(nfsModeSid(mode), 0)]) },
      DACL_SECURITY_INFORMATION,
    );
  }

  async chown(name: string, uid: number, gid: number, follow = true): Promise<void> {
    const { path } = await this.#there(name, follow);
    if (uid !== -1)
      await this.#secure(path, { owner: unixUserSid(uid) }, OWNER_SECURITY_INFORMATION);
    if (gid !== -1)
      await this.#secure(path, { group: unixGroupSid(gid) }, GROUP_SECURITY_INFORMATION);
  }

  async truncate(name: string, size: number): Promise<void> {
    const { path, type } = await this.#there(name);
    if (size < 0) throw new CallError('EINVAL');
    if (type === 'dir') throw new CallError('EISDIR');
    await this.#with(path, { access: Access.FILE_WRITE_DATA, options: 0 }, (file) =>
      file.setInfo(
        Class.FileEndOfFileInformation,
        FileEndOfFileInformation.encode({ endOfFile: size }),
      ),
    );
  }

  async ftruncate(at: number, size: number): Promise<void> {
    if (size < 0) throw new CallError('EINVAL');
    const info = FileEndOfFileInformation.encode({ endOfFile: size });
    await this.#tree
      .request(setInfoRequest(this.#files[at]!.fileId, 1, Class.FileEndOfFileInformation, info))
      .then(({ status }) => check(status));
  }

  async write(at: number, data: string, offset = 0): Promise<void> {
    await this.#files[at]!.write(offset, Buffer.from(data));
  }

  async pread(at: number, length: number, offset: number): Promise<string> {
    return (await this.#files[at]!.read(offset, length)).toString();
  }

  /** `UTIME_NOW`, `UTIME_OMIT` or nanoseconds. */
  async utimens(
    name: string,
    times: readonly (readonly [number, string])[],
    follow: boolean,
  ): Promise<void> {
    const { path } = await this.#there(name, follow);
    const wanted = times.map(([seconds, nanoseconds]) => {
      if (nanoseconds === 'UTIME_OMIT') return NO_TIME;
      if (nanoseconds === 'UTIME_NOW') return fromUnixNanoseconds(BigInt(Date.now()) * 1_000_000n);
      return fromUnixNanoseconds(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));
    });
    const basic = {
      creationTime: NO_TIME,
      lastAccessTime: wanted[0]!,
      lastWriteTime: wanted[1]!,
      changeTime: NO_TIME,
      fileAttributes: 0,
    };
    await this.#with(path, { access: FILE_WRITE_ATTRIBUTES, options: REPARSE }, (file) =>
      file.setInfo(Class.FileBasicInformation, FileBasicInformation.encode(basic)),
    );
  }

  async stat(name: string, what: string, follow: boolean): Promise<string> {
    const { path, found } = await this.#there(name, follow);
    const device = what.includes('major') ? await this.#device(path) : undefined;
    return show(found, what, device);
  }

  /** Major and minor number of a special file. */
  #device(path: string): Promise<readonly [number, number]> {
    return this.#with(path, { access: FILE_READ_ATTRIBUTES, options: REPARSE }, async (file) => {
      const data = await file.ioctl(Fsctl.FSCTL_GET_REPARSE_POINT, { maxOutput: 16_384 });
      return [data.readUInt32LE(NFS_DEVICE), data.readUInt32LE(NFS_DEVICE + 4)];
    });
  }

  async fstat(at: number, what: string): Promise<string> {
    return show(
      decodeFilePosixInformation(await this.#files[at]!.queryInfo(Class.FilePosixInformation)),
      what,
    );
  }
}
