/**
 * MS-FSCC 2.3.7, 2.3.9, 2.3.13-14, 2.3.18, 2.3.51-52, 2.3.55-56, 2.3.83 and 2.3.85: what FSCTLs about a file's
 * ranges carry. Offsets are signed there; a negative one is read as a number that no file reaches.
 */
import { bytes, id64, pad, struct, u16, u32, type Wire } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';

/** No signed 64-bit number. */
export const isNegative = (offset: number): boolean => offset >= 2 ** 63;

export const FileAllocatedRange = struct('FILE_ALLOCATED_RANGE_BUFFER', '2.3.52', {
  fileOffset: id64,
  length: id64,
});
export type FileAllocatedRange = Wire<typeof FileAllocatedRange>;

export function encodeFileAllocatedRanges(ranges: readonly FileAllocatedRange[]): Buffer {
  const output = Buffer.alloc(ranges.length * FileAllocatedRange.size);
  let at = 0;
  for (const range of ranges) at = FileAllocatedRange.write(output, range, at);
  return output;
}

export function decodeFileAllocatedRanges(output: Buffer): FileAllocatedRange[] {
  const ranges: FileAllocatedRange[] = [];
  for (let at = 0; at < output.length; at += FileAllocatedRange.size) {
    ranges.push(FileAllocatedRange.read(output, at));
  }
  return ranges;
}

export const FileZeroData = struct('FILE_ZERO_DATA_INFORMATION', '2.3.85', {
  fileOffset: id64,
  beyondFinalZero: id64,
});

export const COMPRESSION_FORMAT_NONE = 0x0000;
export const CompressionState = struct('CompressionState', '2.3.18', { compressionState: u16 });

export const FILE_REGION_USAGE_VALID_CACHED_DATA = 0x00000001;
export const FileRegionInput = struct('FILE_REGION_INPUT', '2.3.55', {
  fileOffset: id64,
  length: id64,
  desiredUsage: u32,
  reserved: pad(4),
});

const RegionOutput = struct('FILE_REGION_OUTPUT', '2.3.56', {
  flags: u32,
  totalRegionEntryCount: u32,
  regionEntryCount: u32,
  reserved: pad(4),
});
/** 2.3.56.1: laid out as the input is. */
export type FileRegion = Wire<typeof FileRegionInput>;
export const FILE_REGION_OUTPUT_BYTES = RegionOutput.size + FileRegionInput.size;

export const encodeFileRegion = (region: FileRegion): Buffer =>
  Buffer.concat([
    RegionOutput.encode({ flags: 0, totalRegionEntryCount: 1, regionEntryCount: 1 }),
    FileRegionInput.encode(region),
  ]);

export function decodeFileRegions(output: Buffer): FileRegion[] {
  const { regionEntryCount } = RegionOutput.read(output);
  const regions: FileRegion[] = [];
  for (let i = 0; i < regionEntryCount; i++) {
    regions.push(FileRegionInput.read(output, RegionOutput.size + i * FileRegionInput.size));
  }
  return regions;
}

const FileLevelTrim = struct('FILE_LEVEL_TRIM', '2.3.13', { key: u32, numRanges: u32 });
export interface FileLevelTrim {
  readonly key: number;
  readonly ranges: readonly FileAllocatedRange[];
}
/** The ranges up to `maxRanges`; a WireError where there are fewer than it says. */
export function decodeFileLevelTrim(input: Buffer, maxRanges: number): FileLevelTrim {
  const { key, numRanges } = FileLevelTrim.read(input);
  const end = FileLevelTrim.size + numRanges * FileAllocatedRange.size;
  if (end > input.length) throw new WireError(FileLevelTrim.name, `${numRanges} ranges`);
  const used = Math.min(numRanges, maxRanges) * FileAllocatedRange.size;
  const ranges = input.subarray(FileLevelTrim.size, FileLevelTrim.size + used);
  return { key, ranges: decodeFileAllocatedRanges(ranges) };
}
export const encodeFileLevelTrim = ({ key, ranges }: FileLevelTrim): Buffer =>
  Buffer.concat([
    FileLevelTrim.encode({ key, numRanges: ranges.length }),
    encodeFileAllocatedRanges(ranges),
  ]);
export const FileLevelTrimOutput = struct('FILE_LEVEL_TRIM_OUTPUT', '2.3.14', {
  numRangesProcessed: u32,
});

const SOURCE = { sourceFileId: bytes(16), sourceFileOffset: id64, targetFileOffset: id64 };
export const DuplicateExtents = struct('SMB2_DUPLICATE_EXTENTS_DATA', '2.3.7.2', {
  ...SOURCE,
  byteCount: id64,
});
export type DuplicateExtents = Wire<typeof DuplicateExtents>;

export const DuplicateExtentsEx = struct('SMB2_DUPLICATE_EXTENTS_DATA_EX', '2.3.9.2', {
  structureSize: id64,
  ...SOURCE,
  byteCount: id64,
  flags: u32,
  reserved: pad(4),
});
