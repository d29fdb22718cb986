import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeChangeNotifyRequest } from './change-notify.ts';
import { encodeCloseRequest } from './close.ts';
import { encodeCreateResponse } from './create.ts';
import { CREATE_RESPONSE_FILE_ID_AT, fileIdOffset } from './file-id.ts';
import { encodeFlushRequest } from './flush.ts';
import { Command } from './header.ts';
import { encodeIoctlRequest } from './ioctl.ts';
import { encodeLockRequest } from './lock.ts';
import { encodeOplockBreakRequest } from './oplock-break.ts';
import { encodeQueryDirectoryRequest } from './query-directory.ts';
import { encodeQueryInfoRequest } from './query-info.ts';
import { encodeReadRequest } from './read.ts';
import { encodeSetInfoRequest } from './set-info.ts';
import { encodeWriteRequest } from './write.ts';

const id = { persistentId: 0x1122334455667, volatileId: 0x18899aabbccdd };
const raw = '6756453423120100ddccbbaa99880100';
const none = Buffer.alloc(0);

const info = { infoType: 1, fileInfoClass: 5, additionalInformation: 0, ...id };
const channel = { channel: 0, remainingBytes: 0, flags: 0, offset: 0, ...id };
const bodies = new Map<number, Buffer>([
  [Command.CLOSE, encodeCloseRequest({ flags: 0, ...id })],
  [Command.FLUSH, encodeFlushRequest({ reserved1: 0, ...id })],
  [
    Command.READ,
    encodeReadRequest({
      ...channel,
      padding: 0,
      length: 1,
      minimumCount: 0,
      readChannelInfo: none,
    }),
  ],
  [Command.WRITE, encodeWriteRequest({ ...channel, data: none, writeChannelInfo: none })],
  [
    Command.LOCK,
    encodeLockRequest({ lockSequenceNumber: 0, lockSequenceIndex: 0, locks: [], ...id }),
  ],
  [
    Command.IOCTL,
    encodeIoctlRequest({
      ctlCode: 1,
      maxInputResponse: 0,
      maxOutputResponse: 0,
      flags: 1,
      input: none,
      output: none,
      ...id,
    }),
  ],
  [
    Command.QUERY_DIRECTORY,
    encodeQueryDirectoryRequest({
      fileInformationClass: 1,
      flags: 0,
      fileIndex: 0,
      outputBufferLength: 1,
      fileName: '*',
      ...id,
    }),
  ],
  [
    Command.CHANGE_NOTIFY,
    encodeChangeNotifyRequest({ flags: 0, outputBufferLength: 1, completionFilter: 1, ...id }),
  ],
  [
    Command.QUERY_INFO,
    encodeQueryInfoRequest({ ...info, flags: 0, outputBufferLength: 1, inputBuffer: none }),
  ],
  [Command.SET_INFO, encodeSetInfoRequest({ ...info, buffer: none })],
  [Command.OPLOCK_BREAK, encodeOplockBreakRequest({ kind: 'oplock', oplockLevel: 0, ...id })],
]);

test('the table of offsets is where the codecs write the FileId', () => {
  for (const command of Object.values(Command)) {
    const at = fileIdOffset(command);
    assert.equal(bodies.get(command)?.toString('hex', at, at! + 16), at === undefined ? at : raw);
  }
});

test('CREATE response', () => {
  const response = encodeCreateResponse({
    oplockLevel: 0,
    flags: 0,
    createAction: 1,
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 0n,
    changeTime: 0n,
    allocationSize: 0,
    endOfFile: 0,
    fileAttributes: 0,
    createContexts: [],
    ...id,
  });
  const at = CREATE_RESPONSE_FILE_ID_AT;
  assert.equal(response.toString('hex', at, at + 16), raw);
});
