/** MS-SMB2 2.2.19 and 2.2.21: Channel of READ and WRITE, how their data travels. */

export const SMB2_CHANNEL_NONE = 0;
export const SMB2_CHANNEL_RDMA_V1 = 1;
export const SMB2_CHANNEL_RDMA_V1_INVALIDATE = 2;
export const SMB2_CHANNEL_RDMA_TRANSFORM = 3;
