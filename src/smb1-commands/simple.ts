/** MS-CIFS 3.3.5.31, 3.3.5.52, 3.3.5.18, 3.3.5.51: ECHO, NT_CANCEL, PROCESS_EXIT, QUERY_INFORMATION_DISK. */
import { queryFsInfo } from '../commands/query-fs-info.ts';
import {
  type NtStatus,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_NAME_DELETED,
} from '../dtyp/ntstatus.ts';
import { FileFsSizeInformation } from '../fscc/fs-information.ts';
import { FsInformationClass } from '../fscc/information-class.ts';
import { closeOpen } from '../objects/teardown.ts';
import { writeBlock } from '../smb1/block.ts';
import {
  STATUS_INVALID_SMB,
  STATUS_SMB_BAD_TID,
  STATUS_SMB_USE_STANDARD,
} from '../smb1/dos-errors.ts';
import { Smb1Command } from '../smb1/header.ts';
import { CountAnswer, FidWords } from '../smb1/io.ts';
import { SMB2_0_INFO_FILESYSTEM } from '../smb2/info-types.ts';
import { struct, u16 } from '../wire/struct.ts';
import {
  type Call,
  EMPTY,
  type SessionCall,
  SILENT,
  type Smb1Outcome,
  type TreeCall,
} from './call.ts';
import { endSearch } from './find.ts';
import { openOf } from './opening.ts';
import { fsQuery } from './queries.ts';

const EchoWords = struct('SMB_COM_ECHO Request', 'MS-CIFS 2.2.4.39.1', { echoCount: u16 });
/** A client asks for one. */
const MAX_ECHOES = 64;

export function echo({ link, header, block }: Call): Smb1Outcome {
  const { echoCount } = EchoWords.read(block.words);
  // "SMB_COM_ECHO with a TID that is not valid": raw.echo; all ones is none.
  if (header.tid !== 0xffff && header.tid !== 0 && link.tids.get(header.tid) === undefined) {
    return STATUS_NETWORK_NAME_DELETED;
  }
  if (echoCount > MAX_ECHOES) return STATUS_INVALID_PARAMETER;
  const blocks: Buffer[] = [];
  for (let sequence = 1; sequence <= echoCount; sequence++) {
    const words = Buffer.alloc(2);
    words.writeUInt16LE(sequence);
    blocks.push(writeBlock(words, block.bytes));
  }
  return { blocks };
}

/** 3.3.5.54: no share is a printer's. */
export const noPrinter = (): Smb1Outcome => STATUS_INVALID_DEVICE_REQUEST;

/** 3.3.5.55, 3.3.5.56: nor is any file one that is printed. */
const notPrinted =
  (refusal: NtStatus) =>
  (call: TreeCall): Smb1Outcome => {
    const { fid } = FidWords.read(call.block.words);
    const file = openOf(call, fid);
    return typeof file === 'number' ? file : refusal;
  };

export const writePrintFile = notPrinted(STATUS_INVALID_DEVICE_REQUEST);
/** Its own status, as Windows has it (raw.close). */
export const closePrintFile = notPrinted(STATUS_INVALID_SMB);

/** Of the request with the same MID, PID, UID and TID; it is never answered. */
export function ntCancel({ link, header, pid }: Call): Smb1Outcome {
  link.signing?.withoutResponse();
  for (const call of link.waiting) {
    const same =
      call.header.mid === header.mid &&
      call.pid === pid &&
      call.header.uid === header.uid &&
      call.header.tid === header.tid;
    if (same) call.request.cancel();
  }
  return SILENT;
}

/** What the process has open on this connection goes with it, its searches too. */
export async function processExit(call: SessionCall): Promise<Smb1Outcome> {
  const { link, pid, header } = call;
  for (const file of [...link.files.values()]) {
    if (file.pid !== pid || file.uid !== header.uid) continue;
    if (link.removeFile(file)) await closeOpen(link.server, file.open);
  }
  for (const search of [...link.searches.values()]) {
    const { directory } = search;
    if (directory.pid === pid && directory.uid === header.uid) await endSearch(call, search);
  }
  return EMPTY;
}

const DiskWords = struct('SMB_COM_QUERY_INFORMATION_DISK Response', 'MS-CIFS 2.2.4.57.2', {
  totalUnits: u16,
  blocksPerUnit: u16,
  blockSize: u16,
  freeUnits: u16,
  reserved: u16,
});
const BLOCK_BYTES = 512;
const MAX_U16 = 0xffff;

/** 3.3.5.46: of a share of files. Sizes in 16-bit numbers: what is larger is told as the largest. */
export async function queryDisk(call: TreeCall): Promise<Smb1Outcome> {
  if (call.request.tree.files === undefined) return STATUS_SMB_BAD_TID;
  const found = await queryFsInfo(
    fsQuery(SMB2_0_INFO_FILESYSTEM, FsInformationClass.FileFsSizeInformation),
    call.request as never,
  );
  if (typeof found === 'number') return found;
  if (!('bytes' in found)) return STATUS_INVALID_PARAMETER;
  const size = FileFsSizeInformation.read(found.bytes);
  const unit = size.sectorsPerAllocationUnit * size.bytesPerSector;
  const total = size.totalAllocationUnits * unit;
  const free = size.availableAllocationUnits * unit;
  let blocksPerUnit = 1;
  while (blocksPerUnit < 64 && total / (blocksPerUnit * BLOCK_BYTES) > MAX_U16) blocksPerUnit *= 2;
  const units = (bytes: number): number =>
    Math.min(MAX_U16, Math.floor(bytes / (blocksPerUnit * BLOCK_BYTES)));
  return {
    words: DiskWords.encode({
      totalUnits: units(total),
      blocksPerUnit,
      blockSize: BLOCK_BYTES,
      freeUnits: units(free),
      reserved: 0,
    }),
  };
}

/** MS-CIFS 3.3.5.24: without CAP_RAW_MODE "a zero-length reply", which has not even a header: clients read otherwise. */
export function refuseReadRaw({ link }: Call): Smb1Outcome {
  link.connection.transport.send([NO_BYTES]);
  return SILENT;
}

const NO_BYTES = Buffer.alloc(0);

/** 3.3.5.26: without CAP_RAW_MODE a Final Server Response (2.2.4.25.3), with a Count of 0: clients write otherwise. */
export const refuseWriteRaw = (): Smb1Outcome => ({
  status: STATUS_SMB_USE_STANDARD,
  words: CountAnswer.encode({ count: 0 }),
  answersAs: Smb1Command.WRITE_COMPLETE,
});

/** 3.3.5.27: over TCP "the error code MUST be STATUS_SMB_USE_STANDARD". */
export const refuseWriteMpx = (): Smb1Outcome => STATUS_SMB_USE_STANDARD;
