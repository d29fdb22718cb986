/** The Distributed File System: Namespace Management Protocol (MS-DFSNM 2.2, 3.1.4): what this server answers of it. */
import {
  conformantArray,
  counted,
  leveled,
  type NdrType,
  struct,
  u32,
  union,
  unique,
  wstring,
} from './ndr.ts';
import { operation } from './operation.ts';

const text = unique(wstring);

const DFS_STORAGE_INFO = struct({ state: u32, serverName: text, shareName: text });
const DFS_INFO_1 = struct({ entryPath: text });
const DFS_INFO_2 = struct({ entryPath: text, comment: text, state: u32, numberOfStorages: u32 });
const DFS_INFO_3 = struct({
  entryPath: text,
  comment: text,
  state: u32,
  storages: counted(conformantArray(DFS_STORAGE_INFO)),
});

const container = <T>(info: NdrType<T>) =>
  unique(struct({ entries: counted(conformantArray(info)) }));

const DFS_INFO_ENUM_STRUCT = leveled({
  1: container(DFS_INFO_1),
  2: container(DFS_INFO_2),
  3: container(DFS_INFO_3),
});

export const NETDFS = {
  name: 'netdfs',
  syntax: { uuid: '4fc742e0-4a10-11cf-8273-00aa004ae673', major: 3, minor: 0 },
  operations: {
    NetrDfsManagerGetVersion: operation(0, {}, { version: u32 }),
    NetrDfsAdd: operation(
      1,
      {
        entryPath: wstring,
        serverName: wstring,
        shareName: text,
        comment: text,
        flags: u32,
      },
      { status: u32 },
    ),
    NetrDfsRemove: operation(
      2,
      { entryPath: wstring, serverName: text, shareName: text },
      { status: u32 },
    ),
    NetrDfsGetInfo: operation(
      4,
      { entryPath: wstring, serverName: text, shareName: text, level: u32 },
      {
        info: union({ 1: unique(DFS_INFO_1), 2: unique(DFS_INFO_2), 3: unique(DFS_INFO_3) }),
        status: u32,
      },
    ),
    NetrDfsEnum: operation(
      5,
      {
        level: u32,
        preferedMaximumLength: u32,
        info: unique(DFS_INFO_ENUM_STRUCT),
        resumeHandle: unique(u32),
      },
      { info: unique(DFS_INFO_ENUM_STRUCT), resumeHandle: unique(u32), status: u32 },
    ),
  },
} as const;
