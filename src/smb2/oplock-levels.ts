/** MS-SMB2 2.2.13, 2.2.13.2.8, 2.2.13.2.10 and 2.2.23: oplock levels, lease states and lease flags. */

export const SMB2_OPLOCK_LEVEL_NONE = 0x00;
export const SMB2_OPLOCK_LEVEL_II = 0x01;
export const SMB2_OPLOCK_LEVEL_EXCLUSIVE = 0x08;
export const SMB2_OPLOCK_LEVEL_BATCH = 0x09;
export const SMB2_OPLOCK_LEVEL_LEASE = 0xff;

export const SMB2_LEASE_NONE = 0x00;
export const SMB2_LEASE_READ_CACHING = 0x01;
export const SMB2_LEASE_HANDLE_CACHING = 0x02;
export const SMB2_LEASE_WRITE_CACHING = 0x04;

export const SMB2_LEASE_FLAG_BREAK_IN_PROGRESS = 0x00000002;
export const SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET = 0x00000004;

/** Flags of the Lease Break Notification. */
export const SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED = 0x01;
