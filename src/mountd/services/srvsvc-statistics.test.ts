import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataPlane } from '../../ipc/data-plane.ts';
import { SUMMARY } from '../../ipc/summary.support.test.ts';
import { SRVSVC } from '../../rpc/srvsvc.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { connectTo, context } from './connect.support.test.ts';

const { NERR_Success, ERROR_ACCESS_DENIED, ERROR_INVALID_LEVEL, ERROR_INVALID_PARAMETER } =
  WIN32_ERROR;
const { NetrServerStatisticsGet } = SRVSVC.operations;

const nothing = () => ({ next: () => undefined });
const plane: DataPlane = {
  summary: () => ({
    ...SUMMARY,
    startedAtMs: 1_700_000_000_999,
    readBytes: 5 * 2 ** 32 + 7,
    writtenBytes: 8,
  }),
  ...{ connections: nothing, sessions: nothing, opens: nothing },
  ...{ closeOpen: () => false, closeSession: () => false },
};
const asked = { serverName: null, service: 'LanmanServer', level: 0, options: 0 };

test('MS-SRVS 3.1.4.20: statistics of the server, for administrators, with 0 where it has to be', () => {
  const call = connectTo(
    'srvsvc',
    SRVSVC,
    context({ administrator: true, dataPlane: () => plane }),
  );
  const { infoStruct, status } = call(NetrServerStatisticsGet, asked);
  assert.equal(status, NERR_Success);
  assert.deepEqual(infoStruct, {
    ...{ start: 1_700_000_000, fopens: SUMMARY.opensCreated, devopens: 0, jobsqueued: 0 },
    ...{ sopens: SUMMARY.sessionsEstablished, stimedout: 0, serrorout: 0 },
    ...{ pwerrors: SUMMARY.loginFailures, permerrors: SUMMARY.accessesDenied, syserrors: 0 },
    ...{ bytessentLow: 7, bytessentHigh: 5, bytesrcvdLow: 8, bytesrcvdHigh: 0 },
    ...{ avresponse: 0, reqbufneed: 0, bigbufneed: 0 },
  });
});

test('levels and options that are none, and who may not know', () => {
  const call = connectTo(
    'srvsvc',
    SRVSVC,
    context({ administrator: true, dataPlane: () => plane }),
  );
  const status = (more: object) => call(NetrServerStatisticsGet, { ...asked, ...more });
  assert.deepEqual(status({ level: 1 }), { infoStruct: null, status: ERROR_INVALID_LEVEL });
  assert.deepEqual(status({ options: 1 }), { infoStruct: null, status: ERROR_INVALID_PARAMETER });
  const other = connectTo('srvsvc', SRVSVC, context({ dataPlane: () => plane }));
  assert.equal(other(NetrServerStatisticsGet, asked).status, ERROR_ACCESS_DENIED);
});
