/** MS-SMBD 3.1.5.2, .3, .6 and .7: the first message of a connection and its answer. */
import { STATUS_NOT_SUPPORTED, STATUS_SUCCESS } from '../../dtyp/ntstatus.ts';
import type { ChannelSettings } from './channel.ts';
import {
  DATA_AT,
  type NegotiateRequest,
  type NegotiateResponse,
  SMB_DIRECT_VERSION,
} from './messages.ts';

/** 3.1.1.1: what Windows has, both ways. */
const CREDITS = 255;
/** Bytes of one Send: of ours, and of the peer's; each receive that is posted stands for so much memory. */
const MAX_SEND_SIZE = 8128;
export const MAX_RECEIVE_SIZE = 8192;
const MAX_FRAGMENTED_SIZE = 1024 * 1024;

/** 3.1.5.6: with less a peer is not spoken to. */
const MIN_RECEIVE_SIZE = 128;
const MIN_FRAGMENTED_SIZE = 131_072;

export type NegotiationAnswer =
  | { readonly response: NegotiateResponse; readonly settings: ChannelSettings }
  | {
      /** Sent before the end, where the versions do not meet. */
      readonly response: NegotiateResponse | undefined;
      readonly settings: undefined;
      readonly problem: string;
    };

export function answerNegotiate(
  request: NegotiateRequest,
  maxReadWriteSize: number,
): NegotiationAnswer {
  const { minVersion, maxVersion, creditsRequested, maxReceiveSize, maxFragmentedSize } = request;
  if (minVersion > SMB_DIRECT_VERSION || maxVersion < SMB_DIRECT_VERSION) {
    const problem = `SMB Direct ${minVersion.toString(16)} to ${maxVersion.toString(16)}`;
    return { response: { ...NOTHING, status: STATUS_NOT_SUPPORTED }, settings: undefined, problem };
  }
  if (
    creditsRequested === 0 ||
    maxReceiveSize < MIN_RECEIVE_SIZE ||
    maxFragmentedSize < MIN_FRAGMENTED_SIZE
  ) {
    const problem = `credits ${creditsRequested}, receives ${maxReceiveSize}, fragmented ${maxFragmentedSize}`;
    return { response: undefined, settings: undefined, problem };
  }
  const maxSendSize = Math.min(MAX_SEND_SIZE, maxReceiveSize);
  const receiveCredits = Math.min(CREDITS, creditsRequested);
  const settings: ChannelSettings = {
    receiveCreditMax: CREDITS,
    receiveCreditTarget: receiveCredits,
    sendCreditTarget: CREDITS,
    receiveCredits,
    sendCredits: 0,
    maxSendSize,
    maxFragmentedReceiveSize: MAX_FRAGMENTED_SIZE,
    maxFragmentedSendSize: maxFragmentedSize,
  };
  const response: NegotiateResponse = {
    minVersion: SMB_DIRECT_VERSION,
    maxVersion: SMB_DIRECT_VERSION,
    negotiatedVersion: SMB_DIRECT_VERSION,
    creditsRequested: CREDITS,
    creditsGranted: receiveCredits,
    status: STATUS_SUCCESS,
    maxReadWriteSize,
    preferredSendSize: maxSendSize,
    maxReceiveSize: Math.max(
      MIN_RECEIVE_SIZE,
      Math.min(MAX_RECEIVE_SIZE, request.preferredSendSize),
    ),
    maxFragmentedSize: MAX_FRAGMENTED_SIZE,
  };
  return { response, settings };
}

/** "All other fields … MUST be set to 0." */
const NOTHING: NegotiateResponse = {
  minVersion: SMB_DIRECT_VERSION,
  maxVersion: SMB_DIRECT_VERSION,
  negotiatedVersion: SMB_DIRECT_VERSION,
  creditsRequested: 0,
  creditsGranted: 0,
  status: 0,
  maxReadWriteSize: 0,
  preferredSendSize: 0,
  maxReceiveSize: 0,
  maxFragmentedSize: 0,
};

export const proposeNegotiate = (): NegotiateRequest => ({
  minVersion: SMB_DIRECT_VERSION,
  maxVersion: SMB_DIRECT_VERSION,
  creditsRequested: CREDITS,
  preferredSendSize: MAX_SEND_SIZE,
  maxReceiveSize: MAX_RECEIVE_SIZE,
  maxFragmentedSize: MAX_FRAGMENTED_SIZE,
});

/** The initiator's part; undefined where the answer cannot be lived with. */
export function acceptNegotiated(response: NegotiateResponse): ChannelSettings | undefined {
  const { status, creditsRequested, creditsGranted, maxReceiveSize, maxFragmentedSize } = response;
  if (status !== STATUS_SUCCESS || response.negotiatedVersion !== SMB_DIRECT_VERSION)
    return undefined;
  if (creditsRequested === 0 || creditsGranted === 0 || maxReceiveSize <= DATA_AT) return undefined;
  return {
    receiveCreditMax: CREDITS,
    receiveCreditTarget: Math.min(CREDITS, creditsRequested),
    sendCreditTarget: CREDITS,
    receiveCredits: 0,
    sendCredits: creditsGranted,
    maxSendSize: Math.min(MAX_SEND_SIZE, maxReceiveSize),
    maxFragmentedReceiveSize: MAX_FRAGMENTED_SIZE,
    maxFragmentedSendSize: maxFragmentedSize,
  };
}
