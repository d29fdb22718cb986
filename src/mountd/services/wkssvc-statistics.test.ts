import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataPlane } from '../../ipc/data-plane.ts';
import { SUMMARY } from '../../ipc/summary.support.test.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { WKSSVC } from '../../rpc/wkssvc.ts';
import { connectTo, context } from './connect.support.test.ts';

const { NERR_Success, ERROR_ACCESS_DENIED, ERROR_INVALID_LEVEL, ERROR_INVALID_PARAMETER } =
  WIN32_ERROR;
const { NetrWorkstationStatisticsGet } = WKSSVC.operations;

const nothing = () => ({ next: () => undefined });
const plane: DataPlane = {
  summary: () => ({ ...SUMMARY, startedAtMs: 1_700_000_000_000 }),
  ...{ connections: nothing, sessions: nothing, opens: nothing },
  ...{ closeOpen: () => false, closeSession: () => false },
};
const asked = { serverName: null, serviceName: 'LanmanWorkstation', level: 0, options: 0 };
const connected = (administrator: boolean) =>
  connectTo('wkssvc', WKSSVC, context({ administrator, dataPlane: () => plane }));

test('MS-WKST 3.2.4.11: this machine is no client, so all is 0 but the time since when', () => {
  const { buffer, status } = connected(true)(NetrWorkstationStatisticsGet, asked);
  assert.equal(status, NERR_Success);
  const { statisticsStartTime, ...others } = buffer!;
  // 2023-11-14 22:13:20 UTC.
  assert.equal(statisticsStartTime, 133_444_736_000_000_000n);
  assert.equal(Object.keys(others).length, 39);
  assert.ok(Object.values(others).every((one) => Number(one) === 0));
});

test('levels and options that are none, and who may not know', () => {
  const status = (more: object, administrator = true) =>
    connected(administrator)(NetrWorkstationStatisticsGet, { ...asked, ...more });
  assert.deepEqual(status({ level: 1 }), { buffer: null, status: ERROR_INVALID_LEVEL });
  assert.deepEqual(status({ options: 1 }), { buffer: null, status: ERROR_INVALID_PARAMETER });
  assert.deepEqual(status({}, false), { buffer: null, status: ERROR_ACCESS_DENIED });
});
