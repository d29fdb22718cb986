import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Struct } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeFileFsAttributeInformation,
  decodeFileFsVolumeInformation,
  encodeFileFsAttributeInformation,
  encodeFileFsVolumeInformation,
  FileFsControlInformation,
  FileFsDeviceInformation,
  FileFsFullSizeInformation,
  FileFsObjectIdInformation,
  FileFsSectorSizeInformation,
  FileFsSizeInformation,
} from './fs-information.ts';
import { FsInformationClass as Class } from './information-class.ts';
import { fsQueryRules } from './information-rules.ts';

function golden<V>(structure: Struct<V>, value: V, hex: string, informationClass: number): void {
  test(structure.name, () => {
    assert.equal(structure.encode(value).toString('hex'), hex);
    const b = Buffer.from(hex, 'hex');
    assert.deepEqual(structure.read(b), value);
    for (let n = 0; n < b.length; n++) {
      assert.throws(() => structure.read(b.subarray(0, n)), WireError);
    }
    assert.equal(fsQueryRules[informationClass]?.fixedSize, structure.size);
  });
}

golden(
  FileFsControlInformation,
  {
    freeSpaceStartFiltering: 0n,
    freeSpaceThreshold: 0n,
    freeSpaceStopFiltering: 0n,
    defaultQuotaThreshold: 2n ** 64n - 1n,
    defaultQuotaLimit: 4096n,
    fileSystemControlFlags: 8,
  },
  `${'00'.repeat(24)}ffffffffffffffff00100000000000000800000000000000`,
  Class.FileFsControlInformation,
);
golden(
  FileFsFullSizeInformation,
  {
    totalAllocationUnits: 2 ** 32,
    callerAvailableAllocationUnits: 2,
    actualAvailableAllocationUnits: 3,
    sectorsPerAllocationUnit: 8,
    bytesPerSector: 512,
  },
  '0000000001000000020000000000000003000000000000000800000000020000',
  Class.FileFsFullSizeInformation,
);
golden(
  FileFsSizeInformation,
  {
    totalAllocationUnits: 1,
    availableAllocationUnits: 2,
    sectorsPerAllocationUnit: 8,
    bytesPerSector: 512,
  },
  '010000000000000002000000000000000800000000020000',
  Class.FileFsSizeInformation,
);
golden(
  FileFsObjectIdInformation,
  { objectId: Buffer.alloc(16, 1), extendedInfo: Buffer.alloc(48, 2) },
  `${'01'.repeat(16)}${'02'.repeat(48)}`,
  Class.FileFsObjectIdInformation,
);
golden(
  FileFsSectorSizeInformation,
  {
    logicalBytesPerSector: 512,
    physicalBytesPerSectorForAtomicity: 4096,
    physicalBytesPerSectorForPerformance: 4096,
    fileSystemEffectivePhysicalBytesPerSectorForAtomicity: 4096,
    flags: 3,
    byteOffsetForSectorAlignment: 0,
    byteOffsetForPartitionAlignment: 0xffffffff,
  },
  '00020000001000000010000000100000' + '0300000000000000ffffffff',
  Class.FileFsSectorSizeInformation,
);
golden(
  FileFsDeviceInformation,
  { deviceType: 7, characteristics: 0x20 },
  '0700000020000000',
  Class.FileFsDeviceInformation,
);

test('attributes of a file system', () => {
  const value = {
    fileSystemAttributes: 0x0003002f,
    maximumComponentNameLength: 255,
    fileSystemName: 'NTFS',
  };
  const hex = '2f000300ff000000080000004e00540046005300';
  const encoded = encodeFileFsAttributeInformation(value);
  assert.equal(encoded.toString('hex'), hex);
  assert.deepEqual(decodeFileFsAttributeInformation(encoded), value);
  for (let n = 0; n < encoded.length; n++) {
    assert.throws(() => decodeFileFsAttributeInformation(encoded.subarray(0, n)), WireError);
  }
});

test('volume', () => {
  const value = {
    volumeCreationTime: 0x1122334455667788n,
    volumeSerialNumber: 0xdeadbeef,
    supportsObjects: false,
    volumeLabel: 'Da',
  };
  const encoded = encodeFileFsVolumeInformation(value);
  assert.equal(encoded.toString('hex'), '8877665544332211efbeadde0400000000004400' + '6100');
  assert.deepEqual(decodeFileFsVolumeInformation(encoded), value);
  for (let n = 0; n < encoded.length; n++) {
    assert.throws(() => decodeFileFsVolumeInformation(encoded.subarray(0, n)), WireError);
  }
  const long = encodeFileFsVolumeInformation({ ...value, volumeLabel: 'x'.repeat(40) });
  assert.equal(decodeFileFsVolumeInformation(long).volumeLabel, 'x'.repeat(32));
});
