/** All that a server tells of a file, as lines that can be compared. */
import { createHash } from 'node:crypto';
import { StatusError } from '../../src/client/client-error.ts';
import { succeed } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import { queryInfoRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  FILE_GENERIC_READ,
  FILE_READ_ATTRIBUTES,
  READ_CONTROL,
} from '../../src/dtyp/access-mask.ts';
import type { Acl } from '../../src/dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
} from '../../src/dtyp/security-descriptor.ts';
import { FileBasicInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { decodeStreamInformation } from '../../src/fscc/stream-information.ts';
import { SMB2_0_INFO_SECURITY } from '../../src/smb2/info-types.ts';
import { decodeQueryInfoResponse } from '../../src/smb2/query-info.ts';

const INFORMATION =
  OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;

export async function viewOf(
  tree: ClientTree,
  path: string,
  isDirectory: boolean,
): Promise<string[]> {
  const file = await tree.open(path, { access: FILE_READ_ATTRIBUTES | READ_CONTROL });
  const lines = [...(await basicOf(file)), ...(await securityOf(file))];
  const streams = await file.queryInfo(FileInformationClass.FileStreamInformation);
  await file.close();
  for (const { streamName, streamSize } of decodeStreamInformation(streams)) {
    const name = streamName.replace(/:\$DATA$/, '');
    // The default stream is the file; of a directory there is none.
    if (name === ':' && isDirectory) continue;
    lines.push(`stream ${name} ${streamSize} ${await digestOf(tree, path, name)}`);
  }
  return lines.sort();
}

async function basicOf(file: ClientFile): Promise<string[]> {
  const bytes = await file.queryInfo(FileInformationClass.FileBasicInformation);
  const { creationTime, lastWriteTime, fileAttributes } = FileBasicInformation.read(bytes);
  return [
    `attributes 0x${fileAttributes.toString(16)}`,
    `created ${creationTime}`,
    `written ${lastWriteTime}`,
  ];
}

export async function securityOf(file: ClientFile): Promise<string[]> {
  const request = queryInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, {
    additionalInformation: INFORMATION,
  });
  const { message } = succeed(await file.tree.request(request));
  const { control, owner, group, dacl } = decodeSecurityDescriptor(
    decodeQueryInfoResponse(message).outputBuffer,
  );
  return [
    `owner ${owner}`,
    `group ${group}`,
    `control 0x${control.toString(16)}`,
    ...acesOf(dacl).map((ace, i) => `ace ${String(i).padStart(2, '0')} ${ace}`),
  ];
}

const acesOf = (dacl: Acl | null | undefined): string[] =>
  dacl === null || dacl === undefined
    ? ['no DACL']
    : dacl.aces.map((ace) => {
        const what = `type ${ace.type} flags 0x${ace.flags.toString(16)}`;
        return ace.kind === 'raw' ? what : `${what} 0x${ace.mask.toString(16)} ${ace.sid}`;
      });

/** Of a file that may not be read, the status: that is the same on both servers, too. */
async function digestOf(tree: ClientTree, path: string, name: string): Promise<string> {
  try {
    const full = name === ':' ? path : `${path}${name}`;
    const stream = await tree.open(full, { access: FILE_GENERIC_READ });
    const bytes = await stream.readAll();
    await stream.close();
    return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  } catch (error) {
    if (error instanceof StatusError) return `status 0x${error.status.toString(16)}`;
    throw error;
  }
}
