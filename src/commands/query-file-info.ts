/** MS-SMB2 3.3.5.20.1 and MS-FSA 2.1.5.12: information about a file. */
import { FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import { STATUS_ACCESS_DENIED, STATUS_NOT_SUPPORTED } from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_NORMAL } from '../fscc/attributes.ts';
import {
  COMPRESSION_FORMAT_NONE,
  encodeFileAllInformation,
  encodeFileNameInformation,
  FILE_BYTE_ALIGNMENT,
  FILE_PIPE_BYTE_STREAM_MODE,
  FILE_PIPE_CLIENT_END,
  FILE_PIPE_CONNECTED_STATE,
  FILE_PIPE_FULL_DUPLEX,
  FILE_PIPE_MESSAGE_TYPE,
  FILE_PIPE_QUEUE_OPERATION,
  FileAccessInformation,
  FileAlignmentInformation,
  type FileAllInformation,
  FileAttributeTagInformation,
  FileBasicInformation,
  FileCompressionInformation,
  FileEaInformation,
  FileIdInformation,
  FileInternalInformation,
  FileModeInformation,
  FileNetworkOpenInformation,
  FilePipeInformation,
  FilePipeLocalInformation,
  FilePositionInformation,
  FileStandardInformation,
} from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { fileQueryRules, fitInformation, refuseFileQuery } from '../fscc/information-rules.ts';
import { formatPath } from '../fscc/names.ts';
import { encodeFilePosixInformation } from '../fscc/posix-information.ts';
import type { Open } from '../objects/open.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import { type Errno, isErrno, type Result } from '../vfs/errno.ts';
import type { MaybePromise, VfsHandle, VfsStat } from '../vfs/vfs.ts';
import type { OpenRequest } from './command.ts';
import { openAttributes, reparseTagOf } from './directory-entry.ts';
import { statusOfErrno } from './errno-status.ts';
import { eaSizeOf, queryFullEas } from './extended-attributes.ts';
import { filesOf, posixInformation } from './posix.ts';
import type { QueryResult } from './query-info.ts';
import { queryStreams } from './query-streams.ts';
import { alternateName } from './short-names.ts';
import { shownFileId } from './shown-attributes.ts';

export function queryFileInfo(
  body: QueryInfoRequest,
  request: OpenRequest,
): MaybePromise<QueryResult> {
  const { open, connection } = request;
  const rule = fileQueryRules[body.fileInfoClass];
  if (rule === undefined) return queryPosix(body, request);
  if ((rule.requiredAccess & ~open.access) !== 0) return STATUS_ACCESS_DENIED;
  if (body.outputBufferLength < rule.fixedSize) return fit(body, NOTHING);
  if (open.handle === undefined) {
    return fit(body, open.pipe && pipeInformation(body.fileInfoClass));
  }
  if (body.fileInfoClass === Class.FileNormalizedNameInformation) {
    if (!connection.dialect!.normalizedNames) return STATUS_NOT_SUPPORTED;
  }
  const { handle } = open;
  if (body.fileInfoClass === Class.FileFullEaInformation) return queryFullEas(body, open, handle);
  if (body.fileInfoClass === Class.FileAlternateNameInformation) {
    return alternateName(
      { share: request.tree.share, files: filesOf(open, request.tree) },
      handle,
    ).then((short) =>
      typeof short === 'number' ? short : fit(body, encodeFileNameInformation(short)),
    );
  }
  if (body.fileInfoClass === Class.FileStreamInformation) return queryStreams(body, open, handle);
  return queryStat(body, open, handle);
}

/** As much of a class that is known as the client has room for. */
const fit = (body: QueryInfoRequest, encoded: Buffer | undefined): QueryResult =>
  encoded === undefined
    ? STATUS_NOT_SUPPORTED
    : fitInformation(
        fileQueryRules[body.fileInfoClass]!.fixedSize,
        encoded,
        body.outputBufferLength,
      );

/** What the object's stat tells, and EaSize where the class has it. */
function queryStat(
  body: QueryInfoRequest,
  open: Open,
  handle: VfsHandle,
): MaybePromise<QueryResult> {
  const stat = handle.stat();
  const eaSize = asksEaSize(body.fileInfoClass, stat) ? eaSizeOf(handle) : 0;
  return stat instanceof Promise || eaSize instanceof Promise
    ? statLater(body, open, handle, stat, eaSize)
    : answerStat(body, open, handle, stat, eaSize);
}

/** Of its own: what a function keeps for later is made whenever it is called. */
async function statLater(
  body: QueryInfoRequest,
  open: Open,
  handle: VfsHandle,
  stat: MaybePromise<Result<VfsStat>>,
  eaSize: MaybePromise<number>,
): Promise<QueryResult> {
  const [known, size] = await Promise.all([stat, eaSize]);
  return answerStat(body, open, handle, known, size);
}

function answerStat(
  body: QueryInfoRequest,
  open: Open,
  handle: VfsHandle,
  stat: Result<VfsStat>,
  eaSize: number,
): QueryResult {
  if (isErrno(stat)) return statusOfErrno(stat);
  const path = HOLDS_PATH.has(body.fileInfoClass) ? toldPathOf(handle) : NO_PATH;
  const encoded = fileInformation(body.fileInfoClass, { open, handle, stat, eaSize, path });
  return typeof encoded === 'number' ? encoded : fit(body, encoded);
}

/** The class of the SMB3 POSIX extensions, where they are spoken. */
async function queryPosix(body: QueryInfoRequest, request: OpenRequest): Promise<QueryResult> {
  const { open, tree } = request;
  const isKnown = body.fileInfoClass === Class.FilePosixInformation;
  if (!isKnown || tree.posixFiles === undefined || open.handle === undefined) {
    return refuseFileQuery(body.fileInfoClass);
  }
  if ((open.access & FILE_READ_ATTRIBUTES) === 0) return STATUS_ACCESS_DENIED;
  const stat = await open.handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  const encoded = encodeFilePosixInformation(posixInformation(open.home, stat, open.handle.path()));
  return fitInformation(encoded.length, encoded, body.outputBufferLength);
}

const HOLDS_EA_SIZE: ReadonlySet<number> = new Set([
  Class.FileEaInformation,
  Class.FileAllInformation,
]);

function asksEaSize(fileInfoClass: number, stat: MaybePromise<Result<VfsStat>>): boolean {
  if (!HOLDS_EA_SIZE.has(fileInfoClass)) return false;
  return typeof stat === 'number' || stat instanceof Promise || stat.hasNoEas !== true;
}

/** Those with attributes, which a name may decide about, and those with the name itself. */
const HOLDS_PATH: ReadonlySet<number> = new Set([
  Class.FileBasicInformation,
  Class.FileAllInformation,
  Class.FileNameInformation,
  Class.FileNormalizedNameInformation,
  Class.FileNetworkOpenInformation,
  Class.FileAttributeTagInformation,
]);

const NO_PATH: readonly string[] = [];

const toldPathOf = (handle: VfsHandle): readonly string[] | Errno =>
  handle.toldPath?.() ?? handle.path();

const NOTHING = Buffer.alloc(0);

/** What is told of an open beside its file. */
type Telling = Pick<Open, 'home' | 'session' | 'tree' | 'file' | 'access' | 'position' | 'mode'> &
  Partial<Pick<Open, 'isFolderLink'>>;

interface Subject {
  readonly open: Telling;
  readonly handle: VfsHandle;
  readonly stat: VfsStat;
  readonly eaSize: number;
  readonly path: readonly string[] | Errno;
}

/** The bytes of one class; undefined where it is not served, a status where there is no answer. */
export function fileInformation(
  fileInfoClass: number,
  subject: Subject,
): Buffer | number | undefined {
  const { open, stat } = subject;
  switch (fileInfoClass) {
    case Class.FileBasicInformation:
      return FileBasicInformation.encode(basic(subject));
    case Class.FileStandardInformation:
      return FileStandardInformation.encode(standard(subject));
    case Class.FileInternalInformation:
      return FileInternalInformation.encode({ indexNumber: shownFileId(open, stat) });
    case Class.FileEaInformation:
      return FileEaInformation.encode({ eaSize: subject.eaSize });
    case Class.FileAccessInformation:
      return FileAccessInformation.encode({ accessFlags: open.access });
    case Class.FilePositionInformation:
      return FilePositionInformation.encode({ currentByteOffset: open.position });
    case Class.FileModeInformation:
      return FileModeInformation.encode({ mode: open.mode });
    case Class.FileAlignmentInformation:
      return FileAlignmentInformation.encode({ alignmentRequirement: FILE_BYTE_ALIGNMENT });
    case Class.FileAllInformation:
      return all(subject);
    case Class.FileNameInformation:
    case Class.FileNormalizedNameInformation:
      return name(subject, fileInfoClass === Class.FileNormalizedNameInformation);
    case Class.FileCompressionInformation:
      return FileCompressionInformation.encode({
        compressedFileSize: stat.size,
        compressionFormat: COMPRESSION_FORMAT_NONE,
        compressionUnitShift: 0,
        chunkShift: 0,
        clusterShift: 0,
      });
    case Class.FileNetworkOpenInformation:
      return FileNetworkOpenInformation.encode({
        ...basic(subject),
        allocationSize: stat.allocationSize,
        endOfFile: stat.size,
      });
    case Class.FileAttributeTagInformation:
      return FileAttributeTagInformation.encode({
        fileAttributes: attributes(subject),
        reparseTag: reparseTagOf(stat),
      });
    case Class.FileIdInformation:
      return FileIdInformation.encode({
        volumeSerialNumber: BigInt(stat.volumeId),
        fileId: shownFileId(open, stat),
        fileIdHigh: 0n,
      });
    default:
      return undefined;
  }
}

const attributes = ({ open, path, stat }: Subject): number => openAttributes(open, stat, path);

const basic = (subject: Subject): FileBasicInformation => ({
  creationTime: subject.stat.creationTime,
  lastAccessTime: subject.stat.lastAccessTime,
  lastWriteTime: subject.stat.lastWriteTime,
  changeTime: subject.stat.changeTime,
  fileAttributes: attributes(subject),
});

/** MS-FSA 2.1.5.12.27: a file that is being deleted has one link less; a stream may go alone. */
function linksOf({ file }: Telling, stat: VfsStat): number {
  const going = (file?.base ?? file)?.deleters.length ?? 0;
  return Math.max(0, (stat.kind === 'directory' ? 1 : stat.linkCount) - going);
}

const isGoing = ({ file }: Telling, handle: VfsHandle, links: number): boolean =>
  links === 0 || file?.isDoomed(handle) === true;

function standard({ open, handle, stat }: Subject): FileStandardInformation {
  const numberOfLinks = linksOf(open, stat);
  return {
    allocationSize: stat.allocationSize,
    endOfFile: stat.size,
    numberOfLinks,
    deletePending: isGoing(open, handle, numberOfLinks),
    directory: stat.kind === 'directory' || open.isFolderLink === true,
  };
}

/** In one object: this is what clients ask for most. */
function all(subject: Subject): Buffer | number {
  const { open, handle, stat } = subject;
  const numberOfLinks = linksOf(open, stat);
  const info: FileAllInformation = {
    creationTime: stat.creationTime,
    lastAccessTime: stat.lastAccessTime,
    lastWriteTime: stat.lastWriteTime,
    changeTime: stat.changeTime,
    fileAttributes: attributes(subject),
    allocationSize: stat.allocationSize,
    endOfFile: stat.size,
    numberOfLinks,
    deletePending: isGoing(open, handle, numberOfLinks),
    directory: stat.kind === 'directory' || open.isFolderLink === true,
    indexNumber: shownFileId(open, stat),
    eaSize: subject.eaSize,
    accessFlags: open.access,
    currentByteOffset: open.position,
    mode: open.mode,
    alignmentRequirement: FILE_BYTE_ALIGNMENT,
    name: fileName(subject),
  };
  return encodeFileAllInformation(info);
}

/** FileName begins with a backslash; the normalized name, being relative to the share, does not. */
function name(subject: Subject, normalized: boolean): Buffer | number {
  if (isErrno(subject.path)) return statusOfErrno(subject.path);
  const full = fileName(subject);
  return encodeFileNameInformation(normalized ? full.slice(1) : full);
}

/** With the name of the stream, if it is one, without its type. Empty once the name is removed. */
function fileName({ handle, path }: Subject): string {
  const stream = handle.streamName();
  if (isErrno(path) || isErrno(stream)) return '';
  return stream === undefined ? formatPath(path) : `${formatPath(path)}:${stream}`;
}

/** What a pipe tells: never an error where Windows gives an answer. */
function pipeInformation(fileInfoClass: number): Buffer | undefined {
  switch (fileInfoClass) {
    case Class.FileBasicInformation:
      return FileBasicInformation.encode({
        creationTime: 0n,
        lastAccessTime: 0n,
        lastWriteTime: 0n,
        changeTime: 0n,
        fileAttributes: FILE_ATTRIBUTE_NORMAL,
      });
    case Class.FileStandardInformation:
      return FileStandardInformation.encode({
        allocationSize: 4096,
        endOfFile: 0,
        numberOfLinks: 1,
        deletePending: true,
        directory: false,
      });
    case Class.FilePipeInformation:
      return FilePipeInformation.encode({
        readMode: FILE_PIPE_BYTE_STREAM_MODE,
        completionMode: FILE_PIPE_QUEUE_OPERATION,
      });
    case Class.FilePipeLocalInformation:
      return FilePipeLocalInformation.encode({
        namedPipeType: FILE_PIPE_MESSAGE_TYPE,
        namedPipeConfiguration: FILE_PIPE_FULL_DUPLEX,
        maximumInstances: 0xffff_ffff,
        currentInstances: 1,
        inboundQuota: 4096,
        readDataAvailable: 0,
        outboundQuota: 4096,
        writeQuotaAvailable: 4096,
        namedPipeState: FILE_PIPE_CONNECTED_STATE,
        namedPipeEnd: FILE_PIPE_CLIENT_END,
      });
    default:
      return undefined;
  }
}
