/** MS-FSCC 2.1.2.1: reparse tags. */

export const IO_REPARSE_TAG_RESERVED_ZERO = 0x00000000;
export const IO_REPARSE_TAG_RESERVED_ONE = 0x00000001;
export const IO_REPARSE_TAG_RESERVED_TWO = 0x00000002;
export const IO_REPARSE_TAG_MOUNT_POINT = 0xa0000003;
export const IO_REPARSE_TAG_HSM = 0xc0000004;
export const IO_REPARSE_TAG_DRIVE_EXTENDER = 0x80000005;
export const IO_REPARSE_TAG_HSM2 = 0x80000006;
export const IO_REPARSE_TAG_SIS = 0x80000007;
export const IO_REPARSE_TAG_WIM = 0x80000008;
export const IO_REPARSE_TAG_CSV = 0x80000009;
export const IO_REPARSE_TAG_DFS = 0x8000000a;
export const IO_REPARSE_TAG_FILTER_MANAGER = 0x8000000b;
export const IO_REPARSE_TAG_SYMLINK = 0xa000000c;
export const IO_REPARSE_TAG_IIS_CACHE = 0xa0000010;
export const IO_REPARSE_TAG_DFSR = 0x80000012;
export const IO_REPARSE_TAG_DEDUP = 0x80000013;
export const IO_REPARSE_TAG_APPXSTRM = 0xc0000014;
export const IO_REPARSE_TAG_NFS = 0x80000014;
export const IO_REPARSE_TAG_FILE_PLACEHOLDER = 0x80000015;
export const IO_REPARSE_TAG_DFM = 0x80000016;
export const IO_REPARSE_TAG_WOF = 0x80000017;
export const IO_REPARSE_TAG_WCI = 0x80000018;
export const IO_REPARSE_TAG_WCI_1 = 0x90001018;
export const IO_REPARSE_TAG_GLOBAL_REPARSE = 0xa0000019;
export const IO_REPARSE_TAG_CLOUD = 0x9000001a;
export const IO_REPARSE_TAG_CLOUD_1 = 0x9000101a;
export const IO_REPARSE_TAG_CLOUD_2 = 0x9000201a;
export const IO_REPARSE_TAG_CLOUD_3 = 0x9000301a;
export const IO_REPARSE_TAG_CLOUD_4 = 0x9000401a;
export const IO_REPARSE_TAG_CLOUD_5 = 0x9000501a;
export const IO_REPARSE_TAG_CLOUD_6 = 0x9000601a;
export const IO_REPARSE_TAG_CLOUD_7 = 0x9000701a;
export const IO_REPARSE_TAG_CLOUD_8 = 0x9000801a;
export const IO_REPARSE_TAG_CLOUD_9 = 0x9000901a;
export const IO_REPARSE_TAG_CLOUD_A = 0x9000a01a;
export const IO_REPARSE_TAG_CLOUD_B = 0x9000b01a;
export const IO_REPARSE_TAG_CLOUD_C = 0x9000c01a;
export const IO_REPARSE_TAG_CLOUD_D = 0x9000d01a;
export const IO_REPARSE_TAG_CLOUD_E = 0x9000e01a;
export const IO_REPARSE_TAG_CLOUD_F = 0x9000f01a;
export const IO_REPARSE_TAG_APPEXECLINK = 0x8000001b;
export const IO_REPARSE_TAG_PROJFS = 0x9000001c;
export const IO_REPARSE_TAG_LX_SYMLINK = 0xa000001d;
export const IO_REPARSE_TAG_STORAGE_SYNC = 0x8000001e;
export const IO_REPARSE_TAG_STORAGE_SYNC_FOLDER = 0x90000027;
export const IO_REPARSE_TAG_WCI_TOMBSTONE = 0xa000001f;
export const IO_REPARSE_TAG_UNHANDLED = 0x80000020;
export const IO_REPARSE_TAG_ONEDRIVE = 0x80000021;
export const IO_REPARSE_TAG_PROJFS_TOMBSTONE = 0xa0000022;
export const IO_REPARSE_TAG_AF_UNIX = 0x80000023;
export const IO_REPARSE_TAG_LX_FIFO = 0x80000024;
export const IO_REPARSE_TAG_LX_CHR = 0x80000025;
export const IO_REPARSE_TAG_LX_BLK = 0x80000026;
export const IO_REPARSE_TAG_WCI_LINK = 0xa0000027;
export const IO_REPARSE_TAG_WCI_LINK_1 = 0xa0001027;

const NAME_SURROGATE = 0x2000_0000;
const DIRECTORY_BIT = 0x1000_0000;
const MICROSOFT = 0x8000_0000;

/** Does the tag make the object stand for another named one (symbolic links, mount points)? */
export const isNameSurrogate = (tag: number): boolean => (tag & NAME_SURROGATE) !== 0;

/** May a directory with this tag have children? */
export const isDirectoryTag = (tag: number): boolean => (tag & DIRECTORY_BIT) !== 0;

/** Microsoft tags carry a REPARSE_DATA_BUFFER, all others a REPARSE_GUID_DATA_BUFFER. */
export const isMicrosoftTag = (tag: number): boolean => (tag & MICROSOFT) !== 0;
