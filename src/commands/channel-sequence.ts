/** MS-SMB2 3.3.5.9, Successful Open Initialization: Open.ChannelSequence. */
import type { Request } from '../objects/request.ts';
import { channelSequenceOf } from '../smb2/header.ts';

/** Before 3.x there is none: the field is the status, and reserved. */
export const sequenceOf = ({ connection, header }: Request): number | undefined =>
  connection.dialect!.smb3 ? channelSequenceOf(header) : undefined;
