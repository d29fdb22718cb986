/** MS-ERREF 2.2: the Win32 and network management codes that the RPC services answer with (MS-SRVS 2.2.2.10). */

export type Win32Error = number;

export const NERR_Success = 0x00000000;
export const ERROR_SUCCESS = 0x00000000;
export const ERROR_FILE_NOT_FOUND = 0x00000002;
export const ERROR_PATH_NOT_FOUND = 0x00000003;
export const ERROR_ACCESS_DENIED = 0x00000005;
export const ERROR_INVALID_HANDLE = 0x00000006;
export const ERROR_NOT_ENOUGH_MEMORY = 0x00000008;
export const ERROR_INVALID_DATA = 0x0000000d;
export const ERROR_NOT_SUPPORTED = 0x00000032;
export const ERROR_BAD_NETPATH = 0x00000035;
export const ERROR_NETWORK_ACCESS_DENIED = 0x00000041;
export const ERROR_INVALID_PARAMETER = 0x00000057;
export const ERROR_CALL_NOT_IMPLEMENTED = 0x00000078;
export const ERROR_INSUFFICIENT_BUFFER = 0x0000007a;
export const ERROR_INVALID_NAME = 0x0000007b;
export const ERROR_INVALID_LEVEL = 0x0000007c;
export const ERROR_MORE_DATA = 0x000000ea;
export const ERROR_NO_MORE_ITEMS = 0x00000103;
export const NERR_UnknownDevDir = 0x00000844;
export const NERR_RedirectedPath = 0x00000845;
export const NERR_DuplicateShare = 0x00000846;
export const NERR_BufTooSmall = 0x0000084b;
export const NERR_InternalError = 0x0000085c;
export const NERR_UserNotFound = 0x000008ad;
export const NERR_NetNameNotFound = 0x00000906;
export const NERR_DeviceNotShared = 0x00000907;
export const NERR_ClientNameNotFound = 0x00000908;
export const NERR_FileIdNotFound = 0x0000090a;
export const NERR_InvalidComputer = 0x0000092f;
