/** The shares of a server: NetrShareEnum (MS-SRVS 3.1.4.8) over the pipe srvsvc. */

import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { STATUS_BUFFER_OVERFLOW } from '../dtyp/ntstatus.ts';
import { ClientAssociation } from '../rpc/client-association.ts';
import { MAX_PREFERRED_LENGTH, SRVSVC } from '../rpc/srvsvc.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import { ProtocolViolation } from './client-error.ts';
import { succeed } from './exchange.ts';
import type { ClientFile } from './file.ts';
import { ioctlRequest } from './requests.ts';
import type { ClientSession } from './session.ts';

export interface ListedShare {
  readonly name: string;
  /** STYPE_DISKTREE and so on. */
  readonly type: number;
  readonly comment: string;
}

/** What fits into one fragment of the answer. */
const ANSWER_BYTES = 4280;

export async function listShares(session: ClientSession): Promise<ListedShare[]> {
  const tree = await session.treeConnect('IPC$');
  const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
  const pipe = await tree.open('srvsvc', { access });
  try {
    return await enumerate(pipe);
  } finally {
    await pipe.close();
    await tree.disconnect();
  }
}

async function enumerate(pipe: ClientFile): Promise<ListedShare[]> {
  const association = new ClientAssociation(SRVSVC);
  if (!association.bound(await transceive(pipe, association.bind()))) {
    throw new ProtocolViolation('srvsvc is not served');
  }
  const { NetrShareEnum } = SRVSVC.operations;
  const fragments = association.request(NetrShareEnum, {
    serverName: null,
    infoStruct: { tag: 1, value: { entries: null } },
    preferedMaximumLength: MAX_PREFERRED_LENGTH,
    resumeHandle: null,
  });
  for (const fragment of fragments.slice(0, -1)) await pipe.write(0, fragment);
  let answer = association.answer(NetrShareEnum, await transceive(pipe, fragments.at(-1)!));
  while (answer.kind === 'partial') {
    answer = association.answer(NetrShareEnum, await pipe.read(0, ANSWER_BYTES));
  }
  if (answer.kind === 'fault') throw new ProtocolViolation(`NetrShareEnum: fault ${answer.status}`);
  const { infoStruct } = answer.output;
  if (infoStruct.tag !== 1) throw new ProtocolViolation('NetrShareEnum: another level');
  return (infoStruct.value?.entries ?? []).map(({ netname, type, remark }) => ({
    name: netname ?? '',
    type,
    comment: remark ?? '',
  }));
}

/** Writes, and reads one fragment; what did not fit is read behind. */
async function transceive(pipe: ClientFile, fragment: Buffer): Promise<Buffer> {
  const request = ioctlRequest(pipe.fileId, Fsctl.FSCTL_PIPE_TRANSCEIVE, {
    input: fragment,
    maxOutput: ANSWER_BYTES,
  });
  const answer = succeed(await pipe.tree.request(request));
  const { output } = decodeIoctlResponse(answer.message);
  if (answer.status !== STATUS_BUFFER_OVERFLOW) return output;
  return Buffer.concat([output, await pipe.read(0, ANSWER_BYTES)]);
}
