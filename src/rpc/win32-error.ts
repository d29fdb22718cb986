/**
 * Return values of the management interfaces (MS-ERREF 2.2, MS-SRVS 2.2.2.10).
 */
export const WIN32_ERROR = {
  NERR_Success: 0,
  ERROR_ACCESS_DENIED: 5,
  ERROR_NOT_SUPPORTED: 50,
  ERROR_INVALID_PARAMETER: 87,
  ERROR_INVALID_NAME: 123,
  ERROR_INVALID_LEVEL: 124,
  ERROR_BUSY: 170,
  ERROR_MORE_DATA: 234,
  NERR_UnknownDevDir: 2116,
  NERR_DuplicateShare: 2118,
  NERR_BufTooSmall: 2123,
  NERR_NetNameNotFound: 2310,
  NERR_DeviceNotShared: 2311,
  NERR_ClientNameNotFound: 2312,
  NERR_FileIdNotFound: 2314,
} as const;
