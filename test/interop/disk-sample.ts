/**
 * Files as people have them on a disk of Windows': security descriptors that are inherited, protected and that
 * deny, named streams, attributes, creation times. The same for the same seed.
 */

import { succeed } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import { setInfoRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  WRITE_DAC,
} from '../../src/dtyp/access-mask.ts';
import {
  type Ace,
  allowedAce,
  CONTAINER_INHERIT_ACE,
  deniedAce,
  INHERIT_ONLY_ACE,
  makeAcl,
  NO_PROPAGATE_INHERIT_ACE,
  OBJECT_INHERIT_ACE,
} from '../../src/dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  encodeSecurityDescriptor,
  PROTECTED_DACL_SECURITY_INFORMATION,
  SE_DACL_AUTO_INHERIT_REQ,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PROTECTED,
} from '../../src/dtyp/security-descriptor.ts';
import {
  BUILTIN_ADMINISTRATORS,
  CREATOR_GROUP,
  CREATOR_OWNER,
  EVERYONE,
  type Sid,
} from '../../src/dtyp/sid.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
} from '../../src/fscc/attributes.ts';
import { FileBasicInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_SECURITY } from '../../src/smb2/info-types.ts';

export interface SampleFile {
  /** With backslashes, below the sample's folder. */
  readonly path: string;
  readonly isDirectory: boolean;
  readonly isReadOnly: boolean;
}

/** Who is named in the ACLs. */
export interface Cast {
  readonly owner: Sid;
  /** Users and groups beside. */
  readonly others: readonly Sid[];
}

/** The same numbers for the same seed: mulberry32. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Of another domain. Authenticated Users are left out: Samba's kernel refuses them what its ACL grants. */
const STRANGER: Sid = 'S-1-5-21-1111-2222-3333-1104';

const FILES_IN_A_DIRECTORY = 10;
const MAX_CONTENT_BYTES = 3000;
/** ext4 has some 4 KiB for all extended attributes of a file. */
const MAX_STREAM_BYTES = 400;
const MAX_STREAMS = 2;
/** 2000-01-01, and about the seconds of 20 years. */
const FIRST_TIME = 125_911_584_000_000_000n;
const SECONDS = 600_000_000;

const READ_EXECUTE = FILE_GENERIC_READ | FILE_GENERIC_EXECUTE;
const MASKS = [
  FILE_GENERIC_READ,
  READ_EXECUTE,
  READ_EXECUTE | FILE_GENERIC_WRITE | DELETE,
  FILE_ALL_ACCESS,
];
const INHERITANCE = [
  0,
  OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE,
  OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE | INHERIT_ONLY_ACE,
  CONTAINER_INHERIT_ACE,
  OBJECT_INHERIT_ACE | INHERIT_ONLY_ACE,
  OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE | NO_PROPAGATE_INHERIT_ACE,
];
const ATTRIBUTES = [
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_HIDDEN,
];

/** Makes `count` files and the directories that they are in. */
export class Sample {
  readonly #tree: ClientTree;
  readonly #folder: string;
  readonly #cast: Cast;
  readonly #below: (below: number) => number;
  readonly #made: SampleFile[] = [];

  constructor(tree: ClientTree, folder: string, cast: Cast, seed: number) {
    this.#tree = tree;
    this.#folder = folder;
    this.#cast = cast;
    this.#below = randomNumbers(seed);
  }

  async make(count: number): Promise<readonly SampleFile[]> {
    await this.#tree.makeDirectory(this.#folder);
    const directories = ['.'];
    for (let i = 0; i < count; i++) {
      if (i % FILES_IN_A_DIRECTORY === 0) directories.push(await this.#makeDirectory(directories));
      await this.#makeFile(`${directories.at(-1)}\\file ${i}.txt`);
    }
    return this.#made;
  }

  async #makeDirectory(directories: readonly string[]): Promise<string> {
    const parent = directories[this.#below(directories.length)]!;
    const path = `${parent}\\folder ${directories.length}`;
    const file = await this.#create(path, true);
    if (this.#below(3) > 0) await this.#setDacl(file, true);
    if (this.#below(3) === 0) await this.#setBasic(file, FILE_ATTRIBUTE_HIDDEN);
    this.#made.push({ path, isDirectory: true, isReadOnly: false });
    await file.close();
    return path;
  }

  async #makeFile(path: string): Promise<void> {
    const file = await this.#create(path, false);
    await file.writeAll(this.#bytes(MAX_CONTENT_BYTES));
    for (let i = this.#below(MAX_STREAMS + 1); i > 0; i--)
      await this.#makeStream(`${path}:st ${i}`);
    if (this.#below(3) === 0) await this.#setDacl(file, false);
    const attributes = this.#pick(ATTRIBUTES);
    await this.#setBasic(file, attributes);
    const isReadOnly = (attributes & FILE_ATTRIBUTE_READONLY) !== 0;
    this.#made.push({ path, isDirectory: false, isReadOnly });
    await file.close();
  }

  async #makeStream(path: string): Promise<void> {
    const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    const stream = await this.#tree.open(this.#full(path), { disposition: FILE_CREATE, access });
    const bytes = this.#bytes(MAX_STREAM_BYTES);
    if (bytes.length > 0) await stream.writeAll(bytes);
    await stream.close();
  }

  #create(path: string, isDirectory: boolean): Promise<ClientFile> {
    const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE | WRITE_DAC;
    const options = isDirectory ? FILE_DIRECTORY_FILE : 0;
    const how = { access, disposition: FILE_CREATE, options };
    return this.#tree.open(this.#full(path), how);
  }

  async #setBasic(file: ClientFile, fileAttributes: number): Promise<void> {
    const seconds = BigInt(this.#below(SECONDS)) * 10_000_000n;
    const creationTime = FIRST_TIME + seconds + BigInt(this.#below(10_000_000));
    const times = { lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };
    const bytes = FileBasicInformation.encode({ creationTime, ...times, fileAttributes });
    await file.setInfo(FileInformationClass.FileBasicInformation, bytes);
  }

  /** In Windows' order: what denies, then what allows; the owner keeps everything. */
  async #setDacl(file: ClientFile, isDirectory: boolean): Promise<void> {
    const { owner, others } = this.#cast;
    const flags = (): number => (isDirectory ? this.#pick(INHERITANCE) : 0);
    const aces: Ace[] = [];
    for (let i = this.#below(3); i > 0; i--) {
      aces.push(deniedAce(this.#pick(others), this.#pick([FILE_GENERIC_WRITE, DELETE]), flags()));
    }
    aces.push(allowedAce(owner, FILE_ALL_ACCESS, isDirectory ? INHERITANCE[1]! : 0));
    for (let i = this.#below(4); i > 0; i--) {
      const sid = this.#pick([EVERYONE, BUILTIN_ADMINISTRATORS, STRANGER, ...others]);
      aces.push(allowedAce(sid, this.#pick(MASKS), flags()));
    }
    if (isDirectory && this.#below(2) === 0) {
      aces.push(allowedAce(CREATOR_OWNER, FILE_ALL_ACCESS, INHERITANCE[2]));
      aces.push(allowedAce(CREATOR_GROUP, READ_EXECUTE, INHERITANCE[2]));
    }
    const isProtected = this.#below(3) === 0;
    const inherits = SE_DACL_AUTO_INHERITED | SE_DACL_AUTO_INHERIT_REQ;
    const control = isProtected ? SE_DACL_PROTECTED : this.#pick([0, inherits]);
    const none = { owner: undefined, group: undefined, sacl: undefined };
    const bytes = encodeSecurityDescriptor({ control, ...none, dacl: makeAcl(aces) });
    const information =
      DACL_SECURITY_INFORMATION | (isProtected ? PROTECTED_DACL_SECURITY_INFORMATION : 0);
    const request = setInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, bytes, information >>> 0);
    succeed(await this.#tree.request(request));
  }

  #full(path: string): string {
    return `${this.#folder}\\${path.replace(/^\.\\/, '')}`;
  }

  #bytes(most: number): Buffer {
    const bytes = Buffer.alloc(this.#below(most));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#below(256);
    return bytes;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }
}
