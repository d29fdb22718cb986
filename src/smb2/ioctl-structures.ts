/**
 * MS-SMB2 2.2.31.1-4 and 2.2.32.1-6, MS-FSCC 2.3.45-50: what the control codes of IOCTL carry.
 */
import { bytes, guid, i64, id64, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { MAX_DIALECTS } from './negotiate.ts';

// FSCTL_VALIDATE_NEGOTIATE_INFO

const ValidateRequest = struct('VALIDATE_NEGOTIATE_INFO Request', '2.2.31.4', {
  capabilities: u32,
  guid,
  securityMode: u16,
  dialectCount: u16,
});
export interface ValidateNegotiateInfoRequest
  extends Omit<Wire<typeof ValidateRequest>, 'dialectCount'> {
  readonly dialects: readonly number[];
}
export function decodeValidateNegotiateInfoRequest(input: Buffer): ValidateNegotiateInfoRequest {
  const { dialectCount, ...rest } = ValidateRequest.read(input);
  if (dialectCount > MAX_DIALECTS) {
    throw new WireError(ValidateRequest.name, `${dialectCount} dialects`);
  }
  const at = ValidateRequest.size;
  const list = slice(input, at, dialectCount * 2, at, ValidateRequest.name);
  const dialects: number[] = [];
  for (let i = 0; i < list.length; i += 2) dialects.push(list.readUInt16LE(i));
  return { ...rest, dialects };
}
export function encodeValidateNegotiateInfoRequest(v: ValidateNegotiateInfoRequest): Buffer {
  const b = ValidateRequest.encode(
    { ...v, dialectCount: v.dialects.length },
    2 * v.dialects.length,
  );
  v.dialects.forEach((dialect, i) => {
    b.writeUInt16LE(dialect, ValidateRequest.size + 2 * i);
  });
  return b;
}

const ValidateResponse = struct('VALIDATE_NEGOTIATE_INFO Response', '2.2.32.6', {
  capabilities: u32,
  guid,
  securityMode: u16,
  dialect: u16,
});
export type ValidateNegotiateInfoResponse = Wire<typeof ValidateResponse>;
export const decodeValidateNegotiateInfoResponse = (
  output: Buffer,
): ValidateNegotiateInfoResponse => ValidateResponse.read(output);
export const encodeValidateNegotiateInfoResponse = (v: ValidateNegotiateInfoResponse): Buffer =>
  ValidateResponse.encode(v);

// FSCTL_SRV_REQUEST_RESUME_KEY, FSCTL_SRV_COPYCHUNK and FSCTL_SRV_COPYCHUNK_WRITE

export const RESUME_KEY_SIZE = 24;

const ResumeKey = struct('SRV_REQUEST_RESUME_KEY Response', '2.2.32.3', {
  resumeKey: bytes(RESUME_KEY_SIZE),
  contextLength: pad(4),
});
export const decodeResumeKeyResponse = (output: Buffer): Buffer => ResumeKey.read(output).resumeKey;
/** 32 bytes as Windows sends it: four of a context that is empty. */
export const encodeResumeKeyResponse = (resumeKey: Buffer): Buffer =>
  ResumeKey.encode({ resumeKey }, 4);

const CopyChunkCopy = struct('SRV_COPYCHUNK_COPY', '2.2.31.1', {
  sourceKey: bytes(RESUME_KEY_SIZE),
  chunkCount: u32,
  reserved: pad(4),
});
const CopyChunk = struct('SRV_COPYCHUNK', '2.2.31.1.1', {
  sourceOffset: id64,
  targetOffset: id64,
  length: u32,
  reserved: pad(4),
});
export type SrvCopyChunk = Wire<typeof CopyChunk>;
export interface SrvCopyChunkCopy {
  readonly sourceKey: Buffer;
  /** Undefined: more of them than `maxChunks`, or than there are, to which the server answers its limits. */
  readonly chunks: readonly SrvCopyChunk[] | undefined;
}
export function decodeSrvCopyChunkCopy(input: Buffer, maxChunks: number): SrvCopyChunkCopy {
  const { sourceKey, chunkCount } = CopyChunkCopy.read(input);
  const present = (input.length - CopyChunkCopy.size) / CopyChunk.size;
  if (chunkCount > Math.min(present, maxChunks)) return { sourceKey, chunks: undefined };
  const chunks: SrvCopyChunk[] = [];
  for (let i = 0; i < chunkCount; i++) {
    chunks.push(CopyChunk.read(input, CopyChunkCopy.size + i * CopyChunk.size));
  }
  return { sourceKey, chunks };
}
export function encodeSrvCopyChunkCopy(sourceKey: Buffer, chunks: readonly SrvCopyChunk[]): Buffer {
  const b = CopyChunkCopy.encode(
    { sourceKey, chunkCount: chunks.length },
    chunks.length * CopyChunk.size,
  );
  let at = CopyChunkCopy.size;
  for (const chunk of chunks) at = CopyChunk.write(b, chunk, at);
  return b;
}

const CopyChunkResponse = struct('SRV_COPYCHUNK_RESPONSE', '2.2.32.1', {
  chunksWritten: u32,
  chunkBytesWritten: u32,
  totalBytesWritten: u32,
});
export type SrvCopyChunkResponse = Wire<typeof CopyChunkResponse>;
export const decodeSrvCopyChunkResponse = (output: Buffer): SrvCopyChunkResponse =>
  CopyChunkResponse.read(output);
export const encodeSrvCopyChunkResponse = (v: SrvCopyChunkResponse): Buffer =>
  CopyChunkResponse.encode(v);

// FSCTL_LMR_REQUEST_RESILIENCY

const Resiliency = struct('NETWORK_RESILIENCY_REQUEST', '2.2.31.3', {
  timeout: u32,
  reserved: pad(4),
});
/** The timeout in milliseconds. */
export const decodeNetworkResiliencyRequest = (input: Buffer): number =>
  Resiliency.read(input).timeout;
export const encodeNetworkResiliencyRequest = (timeout: number): Buffer =>
  Resiliency.encode({ timeout });

// FSCTL_SRV_ENUMERATE_SNAPSHOTS

const SnapshotArray = struct('SRV_SNAPSHOT_ARRAY', '2.2.32.2', {
  numberOfSnapShots: u32,
  numberOfSnapShotsReturned: u32,
  snapShotArraySize: u32,
});
export interface SrvSnapshotArray extends Wire<typeof SnapshotArray> {
  /** @GMT tokens; empty when they did not fit. */
  readonly snapShots: readonly string[];
}
export function decodeSrvSnapshotArray(output: Buffer): SrvSnapshotArray {
  const fixed = SnapshotArray.read(output);
  // What did not fit is told by its size alone.
  const length = fixed.numberOfSnapShotsReturned === 0 ? 0 : fixed.snapShotArraySize;
  const list = slice(output, SnapshotArray.size, length, SnapshotArray.size, SnapshotArray.name);
  const snapShots = utf16(list, SnapshotArray.name)
    .split('\0')
    .filter((token) => token !== '');
  return { ...fixed, snapShots };
}
/** Of all tokens those that `maxOutputResponse` has room for: all, or none and what they would take. */
export function encodeSrvSnapshotArray(
  tokens: readonly string[],
  maxOutputResponse: number,
): Buffer {
  const list = utf16Bytes(tokens.length === 0 ? '' : `${tokens.join('\0')}\0\0`);
  const fits = SnapshotArray.size + list.length <= maxOutputResponse;
  const fixed = SnapshotArray.encode({
    numberOfSnapShots: tokens.length,
    numberOfSnapShotsReturned: fits ? tokens.length : 0,
    snapShotArraySize: list.length,
  });
  return fits ? Buffer.concat([fixed, list]) : fixed;
}

// FSCTL_PIPE_WAIT and FSCTL_PIPE_PEEK

const PipeWait = struct('FSCTL_PIPE_WAIT Request', 'MS-FSCC 2.3.49', {
  timeout: i64,
  nameLength: u32,
  timeoutSpecified: u8,
  padding: pad(1),
});
export interface PipeWaitRequest {
  /** Units of 100 ns, negative for a span; undefined waits for ever. */
  readonly timeout: bigint | undefined;
  /** Without `\pipe\`. */
  readonly name: string;
}
export function decodePipeWaitRequest(input: Buffer): PipeWaitRequest {
  const { timeout, nameLength, timeoutSpecified } = PipeWait.read(input);
  const name = slice(input, PipeWait.size, nameLength, PipeWait.size, PipeWait.name);
  return {
    timeout: timeoutSpecified === 0 ? undefined : timeout,
    name: utf16(name, PipeWait.name),
  };
}
export function encodePipeWaitRequest(v: PipeWaitRequest): Buffer {
  const name = utf16Bytes(v.name);
  const fixed = PipeWait.encode({
    timeout: v.timeout ?? 0n,
    nameLength: name.length,
    timeoutSpecified: v.timeout === undefined ? 0 : 1,
  });
  return Buffer.concat([fixed, name]);
}

export const FILE_PIPE_CONNECTED_STATE = 0x00000003;
export const FILE_PIPE_CLOSING_STATE = 0x00000004;

const PipePeek = struct('FSCTL_PIPE_PEEK Reply', 'MS-FSCC 2.3.46', {
  namedPipeState: u32,
  readDataAvailable: u32,
  numberOfMessages: u32,
  messageLength: u32,
});
/** Without Data. */
export const PIPE_PEEK_FIXED_BYTES = PipePeek.size;
export interface PipePeekReply extends Wire<typeof PipePeek> {
  readonly data: Buffer;
}
export const decodePipePeekReply = (output: Buffer): PipePeekReply => ({
  ...PipePeek.read(output),
  data: output.subarray(PipePeek.size),
});
export const encodePipePeekReply = (v: PipePeekReply): Buffer =>
  Buffer.concat([PipePeek.encode(v), v.data]);
