/**
 * MS-CIFS 3.3.5.58.4 to 3.3.5.58.9: TRANS2_QUERY_… and TRANS2_SET_… of files, by path or FID, and of file systems.
 * What a level has in common with a class of MS-FSCC is asked of the commands of SMB2.
 */
import { after } from '../base/after.ts';
import type { OpenRequest } from '../commands/command.ts';
import { queryFsInfo } from '../commands/query-fs-info.ts';
import {
  DELETE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_READ_EA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  FILE_WRITE_EA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_LEVEL,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileBasicInformation, FileStandardInformation } from '../fscc/file-information.ts';
import { decodeFileFsVolumeInformation, FileFsSizeInformation } from '../fscc/fs-information.ts';
import {
  FileInformationClass as Class,
  FsInformationClass as Fs,
} from '../fscc/information-class.ts';
import { formatPath } from '../fscc/names.ts';
import type { Open } from '../objects/open.ts';
import {
  allInfoOf,
  decodeSetStandard,
  encodeAllInfo,
  encodeInfoStandard,
  encodeInfoVolume,
  encodeNameInfo,
  FsAllocation,
  FsLevel,
  type Known,
  knownOf,
  PASSTHROUGH,
  QueryLevel,
  SetLevel,
} from '../smb1/information.ts';
import { decodeText, untilNul } from '../smb1/strings.ts';
import type { Assembly, TransactionAnswer } from '../smb1/transaction.ts';
import { UnixFsLevel, UnixLevel } from '../smb1/unix.ts';
import { SMB2_0_INFO_FILESYSTEM } from '../smb2/info-types.ts';
import { isErrno } from '../vfs/errno.ts';
import { WireError } from '../wire/wire-error.ts';
import type { MaybePromise, TreeCall } from './call.ts';
import { type EaOutcome, encodeFeaList, refuseGeaList, setFeaList } from './eas.ts';
import { lookAt } from './looking.ts';
import { grantedTo, openFor, openRequest, withOpen } from './opening.ts';
import { refusePath, sharePath } from './paths.ts';
import { queryPosixLock, setPosixLock } from './posix-locks.ts';
import { fileInformation, fsQuery, informationOf, setInformation } from './queries.ts';
import { passthroughRename } from './renaming.ts';
import { basicInformation } from './times.ts';
import { cifsUnixInfo, queryUnix, setCifsUnixInfo, speaksUnix, whoAmI } from './unix-queries.ts';
import { setUnixFile, setUnixPath } from './unix-sets.ts';

export const NO_SETUP = Buffer.alloc(0);
/** EaErrorOffset, of every answer about a file. */
const EA_ERROR_OFFSET = Buffer.alloc(2);

const answered = (data: Buffer): TransactionAnswer => ({
  setup: NO_SETUP,
  parameters: EA_ERROR_OFFSET,
  data,
});

/** Whole, also where it tells what is wrong with extended attributes. */
type Told = TransactionAnswer & { readonly status?: NtStatus };

/** InformationLevel, four reserved bytes, the path. */
function pathParameters({ parameters }: Assembly, unicode: boolean) {
  if (parameters.length < 6) throw new WireError('TRANS2_QUERY_PATH_INFORMATION', 'too short');
  const text = untilNul(decodeText(parameters.subarray(6), unicode));
  return { level: parameters.readUInt16LE(0), text };
}

function fidParameters({ parameters }: Pick<Assembly, 'parameters'>) {
  if (parameters.length < 4) throw new WireError('TRANS2_QUERY_FILE_INFORMATION', 'too short');
  return { fid: parameters.readUInt16LE(0), level: parameters.readUInt16LE(2) };
}

export function queryPath(call: TreeCall, assembly: Assembly): MaybePromise<Told | NtStatus> {
  const { level, text } = pathParameters(assembly, call.unicode);
  if (!isQueryLevel(level) && !isUnixQuery(call, level)) return STATUS_INVALID_LEVEL;
  const name = sharePath(call, text);
  const refused = refusePath(name);
  if (refused !== undefined) return refused;
  if (level === QueryLevel.IS_NAME_VALID) return answered(Buffer.alloc(0));
  const access = FILE_READ_ATTRIBUTES | (needsEas(level) ? FILE_READ_EA : 0);
  const opened = () =>
    withOpen(call, { name, access }, (request) => query(call, request, level, assembly));
  const same = classOf(level);
  if (same === undefined) return opened();
  return after(lookAt(call, name, same), (told): MaybePromise<Told | NtStatus> => {
    if (told === undefined) return opened();
    return typeof told === 'number' ? told : fit(told, assembly.head.maxDataCount);
  });
}

export function queryFile(call: TreeCall, assembly: Assembly): MaybePromise<Told | NtStatus> {
  const { fid, level } = fidParameters(assembly);
  const file = openFor(call, fid, needsEas(level) ? FILE_READ_EA : FILE_READ_ATTRIBUTES);
  if (typeof file === 'number') return file;
  return query(call, openRequest(call), level, assembly);
}

const needsEas = (level: number): boolean =>
  level === QueryLevel.QUERY_EAS_FROM_LIST ||
  level === QueryLevel.QUERY_ALL_EAS ||
  level === PASSTHROUGH + Class.FileFullEaInformation;

const QUERY_LEVELS: readonly number[] = Object.values(QueryLevel);
const isQueryLevel = (level: number): boolean =>
  level >= PASSTHROUGH || QUERY_LEVELS.includes(level);

const UNIX_QUERIES: readonly number[] = [
  ...[UnixLevel.BASIC, UnixLevel.LINK, UnixLevel.INFO2],
  UnixLevel.ACL,
];
const isUnixQuery = (call: TreeCall, level: number): boolean =>
  UNIX_QUERIES.includes(level) && speaksUnix(call);

/** Classes that say the same as a level. */
const SAME_AS: Readonly<Record<number, number>> = {
  [QueryLevel.BASIC]: Class.FileBasicInformation,
  [QueryLevel.STANDARD_NT]: Class.FileStandardInformation,
  [QueryLevel.EA]: Class.FileEaInformation,
  [QueryLevel.ALT_NAME]: Class.FileAlternateNameInformation,
  [QueryLevel.STREAM]: Class.FileStreamInformation,
  [QueryLevel.COMPRESSION]: Class.FileCompressionInformation,
};

const classOf = (level: number): number | undefined => {
  const same = level >= PASSTHROUGH ? level - PASSTHROUGH : SAME_AS[level];
  return same !== undefined && same <= 0xff ? same : undefined;
};

function query(
  call: TreeCall,
  request: OpenRequest,
  level: number,
  assembly: Assembly,
): MaybePromise<Told | NtStatus> {
  // Windows tells by pass-through what the level of NT tells, without what FileAllInformation has beside.
  if (level === PASSTHROUGH + Class.FileAllInformation) {
    return query(call, request, QueryLevel.ALL, assembly);
  }
  const { head, data } = assembly;
  // Attributes are the file's, not its streams': raw.streams.names.
  if (needsEas(level) && request.open.handle?.base !== undefined) return STATUS_INVALID_PARAMETER;
  const fitting = (told: Buffer | NtStatus) =>
    typeof told === 'number' ? told : fit(told, head.maxDataCount);
  if (level === UnixLevel.LOCK && speaksUnix(call)) return fitting(queryPosixLock(request, data));
  if (isUnixQuery(call, level)) return queryUnix(call, request, level).then(fitting);
  const same = classOf(level);
  if (same !== undefined) {
    return after(fileInformation(request, same), (found) =>
      fitting(typeof found === 'number' ? found : found.bytes),
    );
  }
  switch (level) {
    case QueryLevel.STANDARD:
    case QueryLevel.QUERY_EA_SIZE:
      return after(whatIsKnown(request), (known) =>
        typeof known === 'number'
          ? known
          : answered(encodeInfoStandard(known, level === QueryLevel.QUERY_EA_SIZE)),
      );
    case QueryLevel.ALL:
      return after(all(request), fitting);
    case QueryLevel.NAME:
      return fit(encodeNameInfo(nameOf(request)), head.maxDataCount);
    case QueryLevel.QUERY_ALL_EAS:
    case QueryLevel.QUERY_EAS_FROM_LIST: {
      const refused = level === QueryLevel.QUERY_ALL_EAS ? undefined : refuseGeaList(data);
      if (refused !== undefined) return settled(refused);
      const list = level === QueryLevel.QUERY_ALL_EAS ? undefined : data;
      return encodeFeaList(request, list).then(fitting);
    }
    default:
      return STATUS_INVALID_LEVEL;
  }
}

/** What does not fit is cut, as a name is; the whole length stands before it. */
const fit = (data: Buffer, limit: number): TransactionAnswer =>
  answered(data.length > limit ? data.subarray(0, limit) : data);

/** What a file has is asked at once. */
export function whatIsKnown(request: OpenRequest): MaybePromise<Known | NtStatus> {
  if (request.open.handle === undefined) return knownOfPipe(request);
  return after(fileInformation(request, Class.FileAllInformation), (found) =>
    typeof found === 'number' ? found : knownOf(found.bytes),
  );
}

function all(request: OpenRequest): MaybePromise<Buffer | NtStatus> {
  if (request.open.handle === undefined) {
    return knownOfPipe(request).then((known) =>
      typeof known === 'number' ? known : encodeAllInfo(known, nameOf(request)),
    );
  }
  return after(fileInformation(request, Class.FileAllInformation), (found) =>
    typeof found === 'number' ? found : allInfoOf(found.bytes),
  );
}

async function knownOfPipe(request: OpenRequest): Promise<Known | NtStatus> {
  const basic = await fileInformation(request, Class.FileBasicInformation);
  if (typeof basic === 'number') return basic;
  const standard = await fileInformation(request, Class.FileStandardInformation);
  if (typeof standard === 'number') return standard;
  const ea = await fileInformation(request, Class.FileEaInformation);
  return {
    basic: FileBasicInformation.read(basic.bytes),
    standard: FileStandardInformation.read(standard.bytes),
    eaSize: typeof ea === 'number' ? 0 : ea.bytes.readUInt32LE(0),
  };
}

/** Begins with a backslash; a stream's has its name behind. */
function nameOf({ open }: OpenRequest): string {
  const path = open.handle?.path();
  if (path === undefined) return open.pipe === undefined ? '' : `\\${open.pipe.name}`;
  if (isErrno(path)) return '';
  const stream = open.handle!.streamName();
  return typeof stream === 'string' ? `${formatPath(path)}:${stream}` : formatPath(path);
}

/** Rights that setting a level needs: a path is opened with them. */
function rightsFor(level: number): number {
  switch (level >= PASSTHROUGH ? level - PASSTHROUGH : level) {
    case SetLevel.EAS:
    case Class.FileFullEaInformation:
      return FILE_WRITE_EA;
    case SetLevel.DISPOSITION:
    case Class.FileDispositionInformation:
    case Class.FileLinkInformation:
      return DELETE;
    case SetLevel.ALLOCATION:
    case SetLevel.END_OF_FILE:
    case Class.FileAllocationInformation:
    case Class.FileEndOfFileInformation:
      return FILE_WRITE_DATA;
    // The rename itself asks for more.
    case Class.FileRenameInformation:
      return FILE_READ_ATTRIBUTES;
    default:
      return FILE_WRITE_ATTRIBUTES;
  }
}

/** 2.2.8.4: levels of TRANS2_SET_FILE_INFORMATION. */
const BY_FID_ONLY: readonly number[] = [
  SetLevel.DISPOSITION,
  SetLevel.ALLOCATION,
  SetLevel.END_OF_FILE,
];

export async function setPath(call: TreeCall, assembly: Assembly) {
  const { level, text } = pathParameters(assembly, call.unicode);
  const name = sharePath(call, text);
  const refused = refusePath(name);
  if (refused !== undefined) return refused;
  if (isUnixSet(call, level)) {
    const data = await setUnixPath(call, name, level, assembly.data);
    return typeof data === 'number' ? data : answered(data);
  }
  if (name === '') return STATUS_ACCESS_DENIED;
  const access = rightsFor(level) | FILE_READ_ATTRIBUTES;
  const done = await withOpen(call, { name, access }, (request) =>
    BY_FID_ONLY.includes(level)
      ? STATUS_INVALID_LEVEL
      : set(call, request, level, assembly.data, true),
  );
  return settled(done);
}

const DATA_RIGHTS = FILE_READ_DATA | FILE_WRITE_DATA;
const UNIX_FILE_SETS: readonly number[] = [UnixLevel.BASIC, UnixLevel.INFO2, UnixLevel.ACL];
const UNIX_SETS: readonly number[] = [...UNIX_FILE_SETS, ...[UnixLevel.LINK, UnixLevel.HARD_LINK]];
/** Whoever tries levels at random must not have deleted what he asks about. */
const UNIX_OPERATIONS: readonly number[] = [UnixLevel.OPEN, UnixLevel.UNLINK];
const isUnixSet = (call: TreeCall, level: number): boolean =>
  speaksUnix(call) &&
  (UNIX_SETS.includes(level) || (call.link.speaksUnix && UNIX_OPERATIONS.includes(level)));

export async function setFile(call: TreeCall, assembly: Assembly) {
  const { fid, level } = fidParameters(assembly);
  const ofUnix = UNIX_FILE_SETS.includes(level) && speaksUnix(call);
  const isLock = level === UnixLevel.LOCK && speaksUnix(call);
  // A level of Unix may set the size with all the rest.
  const rights = isLock ? DATA_RIGHTS : ofUnix ? FILE_WRITE_DATA : rightsFor(level);
  const file = openFor(call, fid, rights);
  if (typeof file === 'number') return file;
  if (isLock) {
    const locked = await setPosixLock(openRequest(call), assembly.data, grantedTo(file));
    return locked === STATUS_SUCCESS ? answered(NO_SETUP) : locked;
  }
  if (!ofUnix && isRoot(file.open)) return STATUS_ACCESS_DENIED;
  return settled(
    await (ofUnix
      ? setUnixFile(openRequest(call), level, assembly.data)
      : set(call, openRequest(call), level, assembly.data)),
  );
}

/** 3.3.5.58.7, 3.3.5.58.9: "setting of attribute information for the root directory of the share MUST NOT be supported". */
function isRoot({ handle }: Open): boolean {
  const path = handle?.base === undefined ? handle?.path() : undefined;
  return path !== undefined && !isErrno(path) && path.length === 0;
}

/** 2.2.6.6.2 to 2.2.6.9.2: what becomes of extended attributes is told by a whole answer. */
function settled(done: NtStatus | EaOutcome): Told | NtStatus {
  if (typeof done === 'number') return done === STATUS_SUCCESS ? answered(NO_SETUP) : done;
  const parameters = Buffer.alloc(2);
  parameters.writeUInt16LE(done.errorOffset);
  return { ...answered(NO_SETUP), status: done.status, parameters };
}

const SETS: Readonly<Record<number, number>> = {
  [SetLevel.BASIC]: Class.FileBasicInformation,
  [SetLevel.DISPOSITION]: Class.FileDispositionInformation,
  [SetLevel.ALLOCATION]: Class.FileAllocationInformation,
  [SetLevel.END_OF_FILE]: Class.FileEndOfFileInformation,
};

async function set(
  call: TreeCall,
  request: OpenRequest,
  level: number,
  data: Buffer,
  byPath = false,
): Promise<NtStatus | EaOutcome> {
  if (level === SetLevel.EAS) return setFeaList(request, data);
  if (level === SetLevel.STANDARD) {
    if (data.length < 12) return STATUS_INVALID_PARAMETER;
    const basic = basicInformation(decodeSetStandard(data));
    return setInformation(request, Class.FileBasicInformation, basic);
  }
  const same = level >= PASSTHROUGH ? level - PASSTHROUGH : SETS[level];
  if (same === undefined || same > 0xff) return STATUS_INVALID_LEVEL;
  if (same === Class.FileRenameInformation) return passthroughRename(call, request, data, byPath);
  // "SMB_SET_FILE_BASIC_INFO" of 36 bytes, without what is reserved behind.
  const short = same === Class.FileBasicInformation && data.length >= 36 && data.length < 40;
  const buffer = short ? Buffer.concat([data, Buffer.alloc(40 - data.length)]) : data;
  return setInformation(request, same, buffer);
}

const FS_SAME_AS: Readonly<Record<number, number>> = {
  [FsLevel.VOLUME_NT]: Fs.FileFsVolumeInformation,
  [FsLevel.SIZE]: Fs.FileFsSizeInformation,
  [FsLevel.DEVICE]: Fs.FileFsDeviceInformation,
  [FsLevel.ATTRIBUTE]: Fs.FileFsAttributeInformation,
};

async function ofFileSystem(call: TreeCall, fsClass: number) {
  const query = fsQuery(SMB2_0_INFO_FILESYSTEM, fsClass);
  return informationOf(await queryFsInfo(query, call.request as OpenRequest));
}

export async function queryFs(call: TreeCall, { head, parameters }: Assembly) {
  if (parameters.length < 2) throw new WireError('TRANS2_QUERY_FS_INFORMATION', 'too short');
  const level = parameters.readUInt16LE(0);
  const bare = (data: Buffer): TransactionAnswer => ({
    setup: NO_SETUP,
    parameters: NO_SETUP,
    data: data.subarray(0, head.maxDataCount),
  });
  const same = level >= PASSTHROUGH ? level - PASSTHROUGH : FS_SAME_AS[level];
  if (same !== undefined) {
    if (same > 0xff) return STATUS_INVALID_LEVEL;
    const found = await ofFileSystem(call, same);
    return typeof found === 'number' ? found : bare(found.bytes);
  }
  if (speaksUnix(call)) {
    if (level === UnixFsLevel.CIFS_UNIX) return bare(cifsUnixInfo());
    if (level === UnixFsLevel.WHO_AM_I) return bare(whoAmI(call, head.maxDataCount));
    if (level === UnixFsLevel.POSIX_FS) {
      const found = await ofFileSystem(call, Fs.FileFsPosixInformation);
      return typeof found === 'number' ? found : bare(found.bytes);
    }
  }
  if (level === FsLevel.ALLOCATION) {
    const found = await ofFileSystem(call, Fs.FileFsSizeInformation);
    return typeof found === 'number' ? found : bare(allocation(found.bytes));
  }
  if (level !== FsLevel.VOLUME && level !== FsLevel.LABEL) return STATUS_INVALID_LEVEL;
  const found = await ofFileSystem(call, Fs.FileFsVolumeInformation);
  if (typeof found === 'number') return found;
  const { volumeSerialNumber, volumeLabel } = decodeFileFsVolumeInformation(found.bytes);
  return bare(encodeInfoVolume(volumeSerialNumber, volumeLabel, call.unicode));
}

/** MS-SMB 3.3.5.10.9: a class of MS-FSCC 2.5 on the FID's file system, or the Unix extensions. */
export function setFileSystem(
  call: TreeCall,
  { parameters, data }: Assembly,
): MaybePromise<NtStatus> {
  const { fid, level } = fidParameters({ parameters });
  if (level === UnixFsLevel.CIFS_UNIX && speaksUnix(call)) return setCifsUnixInfo(call, data);
  // "If the server does not support setting file system information, then it MUST fail the request with ACCESS_DENIED".
  if (level < PASSTHROUGH) return STATUS_ACCESS_DENIED;
  const fsClass = level - PASSTHROUGH;
  if (fsClass > 0xff) return STATUS_INVALID_LEVEL;
  const file = openFor(call, fid, FILE_WRITE_DATA);
  if (typeof file === 'number') return file;
  return setInformation(openRequest(call), fsClass, data, SMB2_0_INFO_FILESYSTEM);
}

const U32_MAX = 0xffff_ffff;

function allocation(bytes: Buffer): Buffer {
  const size = FileFsSizeInformation.read(bytes);
  return FsAllocation.encode({
    idFileSystem: 0,
    sectorsPerUnit: size.sectorsPerAllocationUnit,
    units: Math.min(size.totalAllocationUnits, U32_MAX),
    unitsAvailable: Math.min(size.availableAllocationUnits, U32_MAX),
    bytesPerSector: size.bytesPerSector,
  });
}

export const notSupported = (): NtStatus => STATUS_NOT_SUPPORTED;
