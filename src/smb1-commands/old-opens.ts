/**
 * MS-CIFS 3.3.5.35, 3.3.5.5, 3.3.5.6, 3.3.5.21, 3.3.5.22, 3.3.5.58.1: OPEN_ANDX, OPEN, CREATE, CREATE_TEMPORARY,
 * CREATE_NEW and TRANS2_OPEN2: the opens of DOS and OS/2. AccessMode says what is wanted and what is denied to others,
 * OpenMode what to do where the file is there, and where it is not.
 */
import { randomInt } from 'node:crypto';
import { eaSizeOf } from '../commands/extended-attributes.ts';
import {
  FILE_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_SHARING_VIOLATION,
  STATUS_TOO_MANY_OPENED_FILES,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_NORMAL } from '../fscc/attributes.ts';
import { encodeOem } from '../fscc/code-page.ts';
import { FileEndOfFileInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { equalIgnoreCase } from '../fscc/upcase.ts';
import { hasWildcards } from '../fscc/wildcard.ts';
import type { Open } from '../objects/open.ts';
import { STATUS_OS2_FILE_EXISTS, STATUS_OS2_INVALID_ACCESS } from '../smb1/dos-errors.ts';
import { fromUtime, toUtime } from '../smb1/dos-time.ts';
import { SMB_FLAGS2_NT_STATUS } from '../smb1/header.ts';
import {
  decodeOldCreate,
  decodeOpen,
  decodeOpenAndX,
  FidAnswer,
  type OldOpen,
  OpenAndXAnswer,
  OpenAndXExtendedAnswer,
  OpenAnswer,
  OpenResult,
  REQ_OPLOCK,
  REQ_OPLOCK_BATCH,
  ResourceType,
  SMB_OPEN_EXTENDED_RESPONSE,
} from '../smb1/open.ts';
import { decodeText, untilNul } from '../smb1/strings.ts';
import type { Assembly, TransactionAnswer } from '../smb1/transaction.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPENED,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../smb2/create-options.ts';
import {
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_EXCLUSIVE,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../smb2/oplock-levels.ts';
import { isErrno } from '../vfs/errno.ts';
import { pad, struct, u16, u32 } from '../wire/struct.ts';
import type { MaybePromise, Smb1Messages, Smb1Outcome, TreeCall } from './call.ts';
import { setEasOfOpened } from './eas.ts';
import { contextsOf } from './files.ts';
import type { OpenFile } from './link.ts';
import { type Made, openFile, openRequest, type Wish } from './opening.ts';
import { dosAttributes } from './path-commands.ts';
import { refusePath, sharePath } from './paths.ts';
import { setInformation } from './queries.ts';
import { setTimes } from './times.ts';

/** 2.2.4.3.1: AccessMode. */
const ACCESS_MASK = 0x000f;
const ACCESS_READ = 0;
const ACCESS_WRITE = 1;
const ACCESS_READ_WRITE = 2;
const ACCESS_EXECUTE = 3;
const SHARING_SHIFT = 4;
const DENY_COMPATIBLE = 0;
const DENY_ALL = 1;
const DENY_WRITE = 2;
const DENY_READ = 3;
const DENY_NONE = 4;
const FCB_MODE = 0x00ff;
const STANDARD_RIGHTS_ALL = 0x001f_0000;
const WRITE_THROUGH_MODE = 0x4000;
const DATA_RIGHTS = FILE_READ_DATA | FILE_WRITE_DATA;

interface Modes {
  readonly access: number;
  readonly share: number;
  /** DENY_DOS or FCB: those of one process bear each other. */
  readonly compatible: number | undefined;
}

function modesOf(accessMode: number, name: string): Modes | NtStatus {
  if ((accessMode & FCB_MODE) === FCB_MODE) {
    return { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, share: 0, compatible: FCB_MODE };
  }
  const access = accessOf(accessMode & ACCESS_MASK);
  if (access === undefined) return STATUS_OS2_INVALID_ACCESS;
  switch ((accessMode >>> SHARING_SHIFT) & 7) {
    case DENY_COMPATIBLE:
      return { access, share: compatibleShare(accessMode, name), compatible: DENY_COMPATIBLE };
    case DENY_ALL:
      return { access, share: 0, compatible: undefined };
    case DENY_WRITE:
      return { access, share: FILE_SHARE_READ, compatible: undefined };
    case DENY_READ:
      return { access, share: FILE_SHARE_WRITE, compatible: undefined };
    case DENY_NONE:
      return { access, share: FILE_SHARE_READ | FILE_SHARE_WRITE, compatible: undefined };
    default:
      return STATUS_OS2_INVALID_ACCESS;
  }
}

function accessOf(mode: number): number | undefined {
  switch (mode) {
    case ACCESS_READ:
      return FILE_GENERIC_READ;
    case ACCESS_WRITE:
      // Windows adds that, by which the open's own size and times can be asked for.
      return FILE_GENERIC_WRITE | FILE_READ_ATTRIBUTES;
    case ACCESS_READ_WRITE:
      return FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    case ACCESS_EXECUTE:
      return FILE_GENERIC_READ | FILE_EXECUTE;
    default:
      return undefined;
  }
}

/** Compatibility mode: programs are shared by all who read, other files by readers among themselves. */
function compatibleShare(accessMode: number, name: string): number {
  if (/\.(exe|dll|com|sym)$/i.test(name)) return FILE_SHARE_READ | FILE_SHARE_WRITE;
  return (accessMode & ACCESS_MASK) === ACCESS_READ ? FILE_SHARE_READ : 0;
}

const IF_EXISTS_MASK = 0x3;
const IF_MISSING_CREATE = 0x10;

/** To open for execution what is not to be opened makes it, on Windows and elsewhere (raw.open.openx). */
function dispositionOf({ openMode, accessMode }: OldOpen): number | undefined {
  if (openMode === 0 && (accessMode & ACCESS_MASK) === ACCESS_EXECUTE) return FILE_CREATE;
  const creates = (openMode & IF_MISSING_CREATE) !== 0;
  switch (openMode & IF_EXISTS_MASK) {
    case 0:
      return creates ? FILE_CREATE : undefined;
    case 1:
      return creates ? FILE_OPEN_IF : FILE_OPEN;
    case 2:
      return creates ? FILE_OVERWRITE_IF : FILE_OVERWRITE;
    default:
      return undefined;
  }
}

/** A file that is new has the size and the time that its maker names. */
async function begin(call: TreeCall, made: Open, wanted: OldOpen): Promise<void> {
  call.request.open = made;
  if (wanted.allocationSize > 0) {
    const size = FileEndOfFileInformation.encode({ endOfFile: wanted.allocationSize });
    await setInformation(openRequest(call), FileInformationClass.FileEndOfFileInformation, size);
  }
  const lastWriteTime = fromUtime(wanted.creationTime);
  if (lastWriteTime !== 0n) await setTimes(openRequest(call), { lastWriteTime });
}

interface Opened {
  readonly file: OpenFile;
  readonly open: Open;
  /** Absent where the open was there before. */
  readonly made: Made | undefined;
}

/** Pipes stand below \PIPE here, unlike in NT_CREATE_ANDX. */
function nameOf({ request }: TreeCall, path: string): string | NtStatus {
  if (request.tree.files !== undefined) return refusePath(path) ?? path;
  return /^pipe\\(?<pipe>.+)$/i.exec(path)?.groups?.pipe ?? STATUS_OBJECT_PATH_SYNTAX_BAD;
}

async function open(call: TreeCall, wanted: OldOpen): Promise<Opened | NtStatus> {
  const name = nameOf(call, sharePath(call, wanted.name));
  if (typeof name === 'number') return name;
  const modes = modesOf(wanted.accessMode, name);
  if (typeof modes === 'number') return modes;
  const disposition = dispositionOf(wanted);
  if (disposition === undefined) return STATUS_OS2_INVALID_ACCESS;
  const oplockLevel =
    (wanted.flags & REQ_OPLOCK_BATCH) !== 0
      ? SMB2_OPLOCK_LEVEL_BATCH
      : (wanted.flags & REQ_OPLOCK) !== 0
        ? SMB2_OPLOCK_LEVEL_EXCLUSIVE
        : SMB2_OPLOCK_LEVEL_NONE;
  const wish = {
    name,
    access: modes.access,
    share: modes.share,
    disposition,
    options: FILE_NON_DIRECTORY_FILE | ((wanted.accessMode & WRITE_THROUGH_MODE) !== 0 ? 2 : 0),
    attributes: wanted.fileAttrs & 0x27 || FILE_ATTRIBUTE_NORMAL,
    oplockLevel,
    createContexts: contextsOf(wanted.allocationSize),
  };
  const opened = await openAs(call, wish, modes);
  if (opened === STATUS_SHARING_VIOLATION && modes.compatible !== undefined) {
    return openBeside(call, wish, modes);
  }
  if (typeof opened === 'number') return opened;
  const { file, made } = opened;
  if (made.response.createAction !== FILE_OPENED) await begin(call, file.open, wanted);
  return { file, open: file.open, made };
}

/**
 * Who may only write in compatibility mode has the file open to read as well, where the user may: an FCB that comes after
 * reads. Nobody else can tell, since nothing is shared.
 */
async function openAs(call: TreeCall, wish: Wish, { access, share, compatible }: Modes) {
  if (compatible === undefined) return openFile(wish, call);
  const rights = access;
  if (share === 0 && (rights & DATA_RIGHTS) !== DATA_RIGHTS) {
    const whole = { ...wish, access: FILE_GENERIC_READ | FILE_GENERIC_WRITE };
    const opened = await openFile(whole, call, { compatible, rights });
    if (opened !== STATUS_ACCESS_DENIED) return opened;
  }
  return openFile(wish, call, { compatible, rights });
}

/**
 * 2.2.4.3.1: opens in compatibility mode, or by FCBs, of one process are one open with several FIDs, each with the rights
 * that it asked for; an FCB has both. Others join an FCB, and who has opened a file to write that is no program.
 */
function openBeside(call: TreeCall, wish: Wish, modes: Modes): Opened | NtStatus {
  const { link, header, pid } = call;
  const rights = modes.access;
  for (const other of link.files.values()) {
    const { open: held, uid } = other;
    if (other.compatible === undefined || other.pid !== pid || uid !== header.uid) continue;
    const path = held.closed ? undefined : held.handle?.path();
    if (path === undefined || isErrno(path) || held.tree !== call.request.tree) continue;
    if (!equalIgnoreCase(path.join('\\'), wish.name)) continue;
    if (held.share !== 0 || (rights & DATA_RIGHTS & ~held.access) !== 0) continue;
    const file = link.shareFile(other, { compatible: modes.compatible, rights });
    if (file === undefined) return STATUS_TOO_MANY_OPENED_FILES;
    call.opened = file;
    return { file, open: held, made: undefined };
  }
  return STATUS_SHARING_VIOLATION;
}

const sizeOf = (size: number): number => Math.min(size, 0xffff_ffff);

const RESULTS: Readonly<Record<number, number>> = {
  [FILE_OPENED]: OpenResult.OPENED,
  [FILE_CREATED]: OpenResult.CREATED,
};

async function openedFields({ file, open: { pipe, handle }, made }: Opened, accessMode: number) {
  const stat = await handle?.stat();
  const known = stat === undefined || isErrno(stat) ? undefined : stat;
  const level = made?.response.oplockLevel ?? SMB2_OPLOCK_LEVEL_NONE;
  const action = made?.response.createAction ?? FILE_OPENED;
  const granted = level >= SMB2_OPLOCK_LEVEL_EXCLUSIVE ? OpenResult.OPLOCK : 0;
  return {
    fid: file.fid,
    fileAttrs: dosAttributes(known?.attributes ?? 0),
    lastWriteTime: toUtime(known?.lastWriteTime ?? 0n),
    fileDataSize: sizeOf(known?.size ?? 0),
    accessRights: accessRightsOf(accessMode),
    resourceType: pipe === undefined ? ResourceType.DISK : ResourceType.MESSAGE_PIPE,
    nmPipeStatus: pipe === undefined ? 0 : 0x05ff,
    openResults: (RESULTS[action] ?? OpenResult.TRUNCATED) | granted,
  };
}

/** What the client may do; an FCB reads and writes. */
const accessRightsOf = (accessMode: number): number =>
  (accessMode & FCB_MODE) === FCB_MODE ? ACCESS_READ_WRITE : accessMode & ACCESS_MASK;

export async function openAndX(call: TreeCall): Promise<Smb1Outcome> {
  const wanted = decodeOpenAndX(call.block, call.unicode);
  const opened = await open(call, wanted);
  if (typeof opened === 'number') return opened;
  const fields = await openedFields(opened, wanted.accessMode);
  const onSent = opened.made?.onSent;
  if ((wanted.flags & SMB_OPEN_EXTENDED_RESPONSE) === 0) {
    return { words: OpenAndXAnswer.encode(fields), onSent };
  }
  // As Windows has it; who wants to know asks NT_CREATE_ANDX.
  const rest = {
    serverFid: 0,
    maximalAccessRights: STANDARD_RIGHTS_ALL,
    guestMaximalAccessRights: 0,
  };
  return { words: OpenAndXExtendedAnswer.encode({ ...fields, ...rest }), onSent };
}

const plain = { flags: 0, searchAttrs: 0x16, allocationSize: 0, creationTime: 0 };

export async function oldOpen(call: TreeCall): Promise<Smb1Outcome> {
  const { accessMode, searchAttributes, name } = decodeOpen(call.block, call.unicode);
  const wanted = { ...plain, accessMode, fileAttrs: 0, openMode: 1, name };
  const opened = await open(call, {
    ...wanted,
    searchAttrs: searchAttributes,
    flags: flagsOf(call),
  });
  if (typeof opened === 'number') return opened;
  const fields = await openedFields(opened, accessMode);
  const words = OpenAnswer.encode({
    fid: fields.fid,
    fileAttrs: fields.fileAttrs,
    lastModified: fields.lastWriteTime,
    fileSize: fields.fileDataSize,
    accessMode: fields.accessRights,
  });
  return { words, onSent: opened.made?.onSent };
}

/** SMB_FLAGS_OPLOCK and SMB_FLAGS_OPBATCH of the header ask for an oplock here. */
const flagsOf = ({ header }: TreeCall): number => {
  if ((header.flags & 0x20) === 0) return 0;
  return (header.flags & 0x40) !== 0 ? REQ_OPLOCK_BATCH : REQ_OPLOCK;
};

const create =
  (openMode: number) =>
  async (call: TreeCall): Promise<Smb1Outcome> => {
    const { fileAttributes, creationTime, name } = decodeOldCreate(call.block, call.unicode);
    if (hasWildcards(name)) return STATUS_INVALID_PARAMETER;
    const opened = await open(call, {
      ...plain,
      flags: flagsOf(call),
      accessMode: ACCESS_READ_WRITE,
      fileAttrs: fileAttributes,
      creationTime,
      openMode,
      name,
    });
    if (typeof opened === 'number') return opened;
    const onSent = opened.made?.onSent;
    return { words: FidAnswer.encode({ fid: opened.file.fid }), onSent };
  };

export const oldCreate = create(IF_MISSING_CREATE | 2);
export const createNew = create(IF_MISSING_CREATE);

/** Attempts to find a name that is free. */
const MAX_NAMES = 16;

export async function createTemporary(call: TreeCall): Promise<Smb1Outcome> {
  const { creationTime, name } = decodeOldCreate(call.block, call.unicode);
  for (let attempt = 0; attempt < MAX_NAMES; attempt++) {
    const made = `TMP${randomInt(0x10_0000).toString(36).toUpperCase().padStart(5, '0')}`;
    const opened = await open(call, {
      ...plain,
      accessMode: ACCESS_READ_WRITE,
      fileAttrs: 0,
      creationTime,
      openMode: IF_MISSING_CREATE,
      name: `${name}/${made}`,
    });
    if (opened === STATUS_OBJECT_NAME_COLLISION) continue;
    if (typeof opened === 'number') return opened;
    const bytes = encodeOem(`${made}\0`);
    const onSent = opened.made?.onSent;
    return { words: FidAnswer.encode({ fid: opened.file.fid }), bytes, onSent };
  }
  return STATUS_OBJECT_NAME_COLLISION;
}

const takesNtStatus = ({ header }: TreeCall): boolean =>
  (header.flags2 & SMB_FLAGS2_NT_STATUS) !== 0;

const Open2 = struct('TRANS2_OPEN2 Request', 'MS-CIFS 2.2.6.1.1', {
  flags: u16,
  accessMode: u16,
  reserved1: pad(2),
  fileAttrs: u16,
  creationTime: u32,
  openMode: u16,
  allocationSize: u32,
  reserved2: pad(10),
});
const Open2Answer = struct('TRANS2_OPEN2 Response', 'MS-CIFS 2.2.6.1.2', {
  fid: u16,
  fileAttrs: u16,
  creationTime: u32,
  fileDataSize: u32,
  accessMode: u16,
  resourceType: u16,
  nmPipeStatus: u16,
  actionTaken: u16,
  reserved: pad(4),
  extendedAttributeErrorOffset: u16,
  extendedAttributeLength: u32,
});

/** 2.2.6.1.1: "If set, the client is requesting that the server return the total length of the EAs for the file." */
const REQ_EASIZE = 0x0008;

const easLength = ({ handle }: Open, flags: number): MaybePromise<number> =>
  (flags & REQ_EASIZE) === 0 || handle === undefined ? 0 : eaSizeOf(handle);

/** 3.3.5.58.2: attributes come when the file is open; where they fail the answer tells that, and the FID. */
export async function open2(
  call: TreeCall,
  { parameters, data }: Assembly,
): Promise<(TransactionAnswer & Pick<Smb1Messages, 'status' | 'onSent'>) | NtStatus> {
  const body = Open2.read(parameters);
  const name = untilNul(decodeText(parameters.subarray(Open2.size), call.unicode));
  // Neither to be opened nor to be made: raw.open.t2open.
  if (body.openMode === 0) return STATUS_OBJECT_NAME_COLLISION;
  const opened = await open(call, { ...body, searchAttrs: 0x16, name });
  if (opened === STATUS_OBJECT_NAME_COLLISION && !takesNtStatus(call))
    return STATUS_OS2_FILE_EXISTS;
  if (typeof opened === 'number') return opened;
  call.request.open = opened.open;
  const isNew = (opened.made?.response.createAction ?? FILE_OPENED) !== FILE_OPENED;
  const eas = await setEasOfOpened(openRequest(call), data, isNew);
  const fields = await openedFields(opened, body.accessMode);
  const answer = Open2Answer.encode({
    fid: fields.fid,
    fileAttrs: fields.fileAttrs,
    creationTime: fields.lastWriteTime,
    fileDataSize: fields.fileDataSize,
    accessMode: body.accessMode,
    resourceType: fields.resourceType,
    nmPipeStatus: fields.nmPipeStatus,
    actionTaken: fields.openResults,
    extendedAttributeErrorOffset: eas.errorOffset,
    extendedAttributeLength: await easLength(opened.open, body.flags),
  });
  const none = Buffer.alloc(0);
  const onSent = opened.made?.onSent;
  return { status: eas.status, setup: none, parameters: answer, data: none, onSent };
}
