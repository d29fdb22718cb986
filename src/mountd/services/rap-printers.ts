/**
 * MS-RAP 3.2.5.4 to 3.2.5.10: print queues, jobs, and the destinations that LAN Manager had beside them. There are no
 * printers: lists are empty, and what is asked by its name is not there.
 */
import type { RapAnswer } from '../../ipc/control-plane.ts';
import { RapFunction, type RapRequest, RapStatus } from '../../rpc/rap.ts';
import { refuse, refuseOne, several } from './rap-answers.ts';

/** 2.5.7.1.1 */
const MAX_QUEUE_LEVEL = 5;
const MAX_DESTINATION_LEVEL = 3;

const none = (request: RapRequest, maxLevel: number): RapAnswer =>
  (request.numbers[0] ?? 0) > maxLevel
    ? refuse(RapStatus.ERROR_INVALID_LEVEL)
    : several(request, []);

/** Undefined for what is about something else. */
export function answerAboutPrinters(request: RapRequest): RapAnswer | undefined {
  switch (request.function) {
    case RapFunction.NetPrintQEnum:
      return none(request, MAX_QUEUE_LEVEL);
    case RapFunction.NetPrintDestEnum:
      return none(request, MAX_DESTINATION_LEVEL);
    case RapFunction.NetPrintQGetInfo:
      return refuseOne(
        request.strings[0] === '' ? RapStatus.ERROR_INVALID_PARAMETER : RapStatus.NERR_QNotFound,
      );
    case RapFunction.NetPrintDestGetInfo:
      return refuseOne(RapStatus.NERR_DestNotFound);
    case RapFunction.NetPrintQPause:
    case RapFunction.NetPrintQContinue:
    case RapFunction.NetPrintQPurge:
    case RapFunction.NetPrintJobEnum:
      return refuse(RapStatus.NERR_QNotFound);
    case RapFunction.NetPrintJobGetInfo:
      return refuseOne(RapStatus.NERR_JobNotFound);
    case RapFunction.NetPrintJobDelete:
    case RapFunction.NetPrintJobPause:
    case RapFunction.NetPrintJobContinue:
    case RapFunction.NetPrintJobSetInfo:
      return refuse(RapStatus.NERR_JobNotFound);
    default:
      return undefined;
  }
}
