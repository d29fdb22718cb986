/**
 * MS-CIFS 2.2.4.33 and 2.2.4.34, 2.2.4.46 and 2.2.4.47, 2.2.4.62 and 2.2.4.63: TRANSACTION, TRANSACTION2 and
 * NT_TRANSACT. Parameters and data may come in several messages, and answers may go in several.
 */
import { pad, struct, u8, u16, u32 } from '../wire/struct.ts';
import { align4, slice } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { type Block, writeBlock } from './block.ts';
import { SMB1_HEADER_SIZE } from './header.ts';
import { BytesReader } from './strings.ts';

/** Parameters and data of one transaction, of what may come in messages of 64 KiB. */
export const MAX_TRANSACTION_BYTES = 1024 * 1024;

const Words = struct('SMB_COM_TRANSACTION2 Request', 'MS-CIFS 2.2.4.46.1', {
  totalParameterCount: u16,
  totalDataCount: u16,
  maxParameterCount: u16,
  maxDataCount: u16,
  maxSetupCount: u8,
  reserved1: pad(1),
  flags: u16,
  timeout: u32,
  reserved2: pad(2),
  parameterCount: u16,
  parameterOffset: u16,
  dataCount: u16,
  dataOffset: u16,
  setupCount: u8,
  reserved3: pad(1),
});
const NtWords = struct('SMB_COM_NT_TRANSACT Request', 'MS-CIFS 2.2.4.62.1', {
  maxSetupCount: u8,
  reserved1: pad(2),
  totalParameterCount: u32,
  totalDataCount: u32,
  maxParameterCount: u32,
  maxDataCount: u32,
  parameterCount: u32,
  parameterOffset: u32,
  dataCount: u32,
  dataOffset: u32,
  setupCount: u8,
  function: u16,
});
const secondary = {
  parameterDisplacement: u16,
};
const SecondaryWords = struct('SMB_COM_TRANSACTION_SECONDARY Request', 'MS-CIFS 2.2.4.34.1', {
  totalParameterCount: u16,
  totalDataCount: u16,
  parameterCount: u16,
  parameterOffset: u16,
  ...secondary,
  dataCount: u16,
  dataOffset: u16,
  dataDisplacement: u16,
});
const NtSecondaryWords = struct('SMB_COM_NT_TRANSACT_SECONDARY Request', 'MS-CIFS 2.2.4.63.1', {
  reserved: pad(3),
  totalParameterCount: u32,
  totalDataCount: u32,
  parameterCount: u32,
  parameterOffset: u32,
  parameterDisplacement: u32,
  dataCount: u32,
  dataOffset: u32,
  dataDisplacement: u32,
});

export const TRANSACTION_DISCONNECT_TID = 0x0001;
export const TRANSACTION_NO_RESPONSE = 0x0002;

/** One part of a transaction's parameters and data, and where it belongs. */
export interface Fragment {
  readonly totalParameterCount: number;
  readonly totalDataCount: number;
  readonly parameters: Buffer;
  readonly parameterDisplacement: number;
  readonly data: Buffer;
  readonly dataDisplacement: number;
}

export interface TransactionHead {
  readonly setup: Buffer;
  /** NT_TRANSACT's Function; else the first word of the setup, if there is one. */
  readonly function: number;
  readonly maxParameterCount: number;
  readonly maxDataCount: number;
  readonly maxSetupCount: number;
  readonly flags: number;
  readonly timeout: number;
  /** Of TRANSACTION: \PIPE\… or \MAILSLOT\…. */
  readonly name: string;
}

export interface Primary {
  readonly head: TransactionHead;
  readonly fragment: Fragment;
}

interface Places {
  readonly parameterCount: number;
  readonly parameterOffset: number;
  readonly dataCount: number;
  readonly dataOffset: number;
}

function parts({ bytesAt }: Block, message: Buffer, v: Places) {
  const take = (offset: number, count: number): Buffer =>
    slice(message, offset, count, bytesAt, 'SMB_COM_TRANSACTION');
  return {
    parameters: take(v.parameterOffset, v.parameterCount),
    data: take(v.dataOffset, v.dataCount),
  };
}

function setupOf(words: Buffer, at: number, count: number): Buffer {
  if (words.length < at + count * 2) throw new WireError(Words.name, `${count} words of setup`);
  return words.subarray(at, at + count * 2);
}

export function decodeTransaction(
  block: Block,
  message: Buffer,
  unicode: boolean,
  named: boolean,
): Primary {
  const v = Words.read(block.words);
  const setup = setupOf(block.words, Words.size, v.setupCount);
  return {
    head: {
      setup,
      function: setup.length >= 2 ? setup.readUInt16LE(0) : 0xffff,
      maxParameterCount: v.maxParameterCount,
      maxDataCount: v.maxDataCount,
      maxSetupCount: v.maxSetupCount,
      flags: v.flags,
      timeout: v.timeout,
      name: named ? new BytesReader(block, unicode).text() : '',
    },
    fragment: {
      ...parts(block, message, v),
      totalParameterCount: v.totalParameterCount,
      totalDataCount: v.totalDataCount,
      parameterDisplacement: 0,
      dataDisplacement: 0,
    },
  };
}

export function decodeNtTransact(block: Block, message: Buffer): Primary {
  const v = NtWords.read(block.words);
  return {
    head: {
      setup: setupOf(block.words, NtWords.size, v.setupCount),
      function: v.function,
      maxParameterCount: v.maxParameterCount,
      maxDataCount: v.maxDataCount,
      maxSetupCount: v.maxSetupCount,
      flags: 0,
      timeout: 0,
      name: '',
    },
    fragment: {
      ...parts(block, message, v),
      totalParameterCount: v.totalParameterCount,
      totalDataCount: v.totalDataCount,
      parameterDisplacement: 0,
      dataDisplacement: 0,
    },
  };
}

/** TRANSACTION2_SECONDARY has a FID behind, which nobody needs. */
export function decodeSecondary(block: Block, message: Buffer, nt: boolean): Fragment {
  const v = nt ? NtSecondaryWords.read(block.words) : SecondaryWords.read(block.words);
  return { ...v, ...parts(block, message, v) };
}

/** What comes of a transaction, part by part, into its whole. */
export class Assembly {
  readonly head: TransactionHead;
  readonly parameters: Buffer;
  readonly data: Buffer;
  #parameterBytes = 0;
  #dataBytes = 0;
  #totalParameters: number;
  #totalData: number;

  constructor({ head, fragment }: Primary) {
    const { totalParameterCount, totalDataCount } = fragment;
    if (totalParameterCount + totalDataCount > MAX_TRANSACTION_BYTES) {
      throw new WireError(Words.name, `${totalParameterCount} and ${totalDataCount} bytes`);
    }
    this.head = head;
    const whole =
      fragment.parameters.length === totalParameterCount && fragment.data.length === totalDataCount;
    this.parameters = whole ? fragment.parameters : Buffer.alloc(totalParameterCount);
    this.data = whole ? fragment.data : Buffer.alloc(totalDataCount);
    this.#totalParameters = totalParameterCount;
    this.#totalData = totalDataCount;
    if (whole) {
      this.#parameterBytes = totalParameterCount;
      this.#dataBytes = totalDataCount;
    } else this.add(fragment);
  }

  /** MS-CIFS 3.3.5.2.5: totals may become smaller. */
  add(fragment: Fragment): void {
    const { parameters, data, parameterDisplacement, dataDisplacement } = fragment;
    if (
      parameterDisplacement + parameters.length > this.parameters.length ||
      dataDisplacement + data.length > this.data.length
    ) {
      throw new WireError(SecondaryWords.name, 'parameters or data beyond the totals');
    }
    parameters.copy(this.parameters, parameterDisplacement);
    data.copy(this.data, dataDisplacement);
    this.#parameterBytes += parameters.length;
    this.#dataBytes += data.length;
    this.#totalParameters = Math.min(this.#totalParameters, fragment.totalParameterCount);
    this.#totalData = Math.min(this.#totalData, fragment.totalDataCount);
  }

  get complete(): boolean {
    return this.#parameterBytes >= this.#totalParameters && this.#dataBytes >= this.#totalData;
  }
}

export interface TransactionAnswer {
  readonly setup: Buffer;
  readonly parameters: Buffer;
  readonly data: Buffer;
}

const counts = {
  parameterCount: u16,
  parameterOffset: u16,
  parameterDisplacement: u16,
  dataCount: u16,
  dataOffset: u16,
  dataDisplacement: u16,
  setupCount: u8,
  reserved2: pad(1),
};
const AnswerWords = struct('SMB_COM_TRANSACTION2 Response', 'MS-CIFS 2.2.4.46.2', {
  totalParameterCount: u16,
  totalDataCount: u16,
  reserved1: pad(2),
  ...counts,
});
const NtAnswerWords = struct('SMB_COM_NT_TRANSACT Response', 'MS-CIFS 2.2.4.62.2', {
  reserved1: pad(3),
  totalParameterCount: u32,
  totalDataCount: u32,
  parameterCount: u32,
  parameterOffset: u32,
  parameterDisplacement: u32,
  dataCount: u32,
  dataOffset: u32,
  dataDisplacement: u32,
  setupCount: u8,
});

/** The blocks of the answer's messages, each no longer than `limit` with its header. */
export function encodeTransactionAnswer(
  { setup, parameters, data }: TransactionAnswer,
  nt: boolean,
  limit: number,
): Buffer[] {
  const fixed = nt ? NtAnswerWords : AnswerWords;
  const bytesAt = SMB1_HEADER_SIZE + 1 + fixed.size + setup.length + 2;
  // Both parts are aligned to 4.
  const room = Math.max(64, limit - bytesAt - 8);
  const blocks: Buffer[] = [];
  let parametersSent = 0;
  let dataSent = 0;
  do {
    const p = parameters.subarray(parametersSent, parametersSent + room);
    const d = data.subarray(dataSent, dataSent + Math.max(0, room - p.length));
    const parameterOffset = align4(bytesAt);
    // Where there are none they lie at the end: clients look whether the offset is in the message.
    const parametersEnd = parameterOffset + p.length;
    const dataOffset = d.length > 0 ? align4(parametersEnd) : parametersEnd;
    const bytes = Buffer.alloc(
      (d.length > 0 ? dataOffset + d.length : parameterOffset + p.length) - bytesAt,
    );
    bytes.set(p, parameterOffset - bytesAt);
    if (d.length > 0) bytes.set(d, dataOffset - bytesAt);
    const words = fixed.encode(
      {
        totalParameterCount: parameters.length,
        totalDataCount: data.length,
        parameterCount: p.length,
        parameterOffset,
        parameterDisplacement: parametersSent,
        dataCount: d.length,
        dataOffset,
        dataDisplacement: dataSent,
        setupCount: setup.length / 2,
      },
      setup.length,
    );
    words.set(setup, fixed.size);
    blocks.push(writeBlock(words, bytes));
    parametersSent += p.length;
    dataSent += d.length;
  } while (parametersSent < parameters.length || dataSent < data.length);
  return blocks;
}

/** 2.2.4.33, "Interim Server Response": send the rest. */
export const interimBlock = (): Buffer => writeBlock(Buffer.alloc(0), Buffer.alloc(0));

export const Trans2 = {
  OPEN2: 0x00,
  FIND_FIRST2: 0x01,
  FIND_NEXT2: 0x02,
  QUERY_FS_INFORMATION: 0x03,
  SET_FS_INFORMATION: 0x04,
  QUERY_PATH_INFORMATION: 0x05,
  SET_PATH_INFORMATION: 0x06,
  QUERY_FILE_INFORMATION: 0x07,
  SET_FILE_INFORMATION: 0x08,
  CREATE_DIRECTORY: 0x0d,
  GET_DFS_REFERRAL: 0x10,
} as const;

export const NtTransact = {
  CREATE: 0x01,
  IOCTL: 0x02,
  SET_SECURITY_DESC: 0x03,
  NOTIFY_CHANGE: 0x04,
  RENAME: 0x05,
  QUERY_SECURITY_DESC: 0x06,
  QUERY_QUOTA: 0x07,
  SET_QUOTA: 0x08,
} as const;
