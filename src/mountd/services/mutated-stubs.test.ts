/**
 * Stubs of any bytes at each operation of each interface: a result, or a fault, in little memory.
 * USMBD_FUZZ_STUBS=100000 makes it long.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DSSETUP } from '../../rpc/dssetup.ts';
import { EPMAPPER, encodeTower, syntaxFloor } from '../../rpc/epmapper.ts';
import { LSARPC } from '../../rpc/lsarpc.ts';
import { MGMT } from '../../rpc/mgmt.ts';
import { NETDFS } from '../../rpc/netdfs.ts';
import { NTSVCS } from '../../rpc/ntsvcs.ts';
import { encodeParameters, type Operation, type RpcInterface } from '../../rpc/operation.ts';
import { SAMR } from '../../rpc/samr.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import { SRVSVC } from '../../rpc/srvsvc.ts';
import { SVCCTL } from '../../rpc/svcctl.ts';
import { NDR32 } from '../../rpc/syntax-id.ts';
import { UNIXINFO } from '../../rpc/unixinfo.ts';
import { WINREG } from '../../rpc/winreg.ts';
import { WKSSVC } from '../../rpc/wkssvc.ts';
import { WireError } from '../../wire/wire-error.ts';
import { context } from './connect.support.test.ts';
import { createDssetupService } from './dssetup-service.ts';
import { createEpmapperService } from './epmapper-service.ts';
import { createLsarpcService } from './lsarpc-service.ts';
import { createMgmtService } from './mgmt-service.ts';
import { createNetdfsService } from './netdfs-service.ts';
import { createNtsvcsService } from './ntsvcs-service.ts';
import { MACHINE } from './principals.support.test.ts';
import { RpcFault } from './rpc-fault.ts';
import type { RpcService } from './rpc-service.ts';
import { createSamrService } from './samr-service.ts';
import { createSrvsvcService } from './srvsvc-service.ts';
import { createSvcctlService } from './svcctl-service.ts';
import { createUnixinfoService } from './unixinfo-service.ts';
import { createWinregService } from './winreg-service.ts';
import { createWkssvcService } from './wkssvc-service.ts';

const STUBS = Number(process.env.USMBD_FUZZ_STUBS ?? 4000);
/** No answer to one small stub is larger; a buffer of svcctl has what the client says, 256 KiB at most. */
const MAX_ANSWER_BYTES = (256 << 10) + 256;

/** A generator that a seed repeats (Mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Subject {
  readonly rpc: RpcInterface;
  readonly create: () => RpcService;
  /** Input stubs that are good, whose handles are what `open` answers with. */
  readonly open: readonly Buffer[];
}

const stubOf = (operation: Operation, input: object): Buffer =>
  encodeParameters(operation.input, input as never);

const ATTRIBUTES = {
  length: 24,
  rootDirectory: null,
  objectName: 0,
  attributes: 0,
  securityDescriptor: 0,
  securityQualityOfService: null,
};

const { LsarOpenPolicy2, LsarLookupNames3, LsarLookupSids2 } = LSARPC.operations;
const { SamrConnect2, SamrOpenDomain, SamrLookupNamesInDomain, SamrQueryDisplayInformation } =
  SAMR.operations;
const lookup = { lookupLevel: 1, mappedCount: 0, lookupOptions: 0, clientRevision: 2 };
const handle = NO_HANDLE;

const KEY = Buffer.alloc(16, 7);
const cipher = { length: 8, maximumLength: 8, buffer: Buffer.alloc(8, 3) };

const SUBJECTS: readonly Subject[] = [
  {
    rpc: LSARPC,
    create: () => createLsarpcService(context({ administrator: true, sessionKey: KEY })),
    open: [
      stubOf(LsarOpenPolicy2, { systemName: 'F', objectAttributes: ATTRIBUTES, desiredAccess: 1 }),
      stubOf(LsarLookupNames3, {
        policyHandle: handle,
        count: 2,
        names: ['anna', 'FILES\\bob'],
        translatedSids: { entries: null },
        ...lookup,
      }),
      stubOf(LSARPC.operations.LsarAddAccountRights, {
        ...{ policyHandle: handle, accountSid: MACHINE },
        userRights: { rights: ['SeBackupPrivilege', 'SeRestorePrivilege'] },
      }),
      stubOf(LSARPC.operations.LsarCreateSecret, {
        ...{ policyHandle: handle, name: 'G$one', desiredAccess: 3 },
      }),
      stubOf(LSARPC.operations.LsarSetSecret, { secretHandle: handle, current: cipher, old: null }),
      stubOf(LsarLookupSids2, {
        policyHandle: handle,
        sidEnumBuffer: { entries: [MACHINE, 'S-1-1-0'] },
        translatedNames: { entries: null },
        ...lookup,
      }),
    ],
  },
  {
    rpc: SAMR,
    create: () => createSamrService(context({ administrator: true, sessionKey: KEY })),
    open: [
      stubOf(SamrConnect2, { serverName: 'FILES', desiredAccess: 1 }),
      stubOf(SamrOpenDomain, { handle, desiredAccess: 1, domainId: MACHINE }),
      stubOf(SamrLookupNamesInDomain, { handle, count: 2, names: ['anna', 'bob'] }),
      stubOf(SamrQueryDisplayInformation, {
        handle,
        displayClass: 1,
        index: 0,
        entryCount: 10,
        preferredMaximumLength: 1000,
      }),
      stubOf(SAMR.operations.SamrSetInformationDomain, {
        ...{ handle, informationClass: 1 },
        information: {
          tag: 1,
          value: {
            ...{ minPasswordLength: 5, passwordHistoryLength: 3, passwordProperties: 1 },
            ...{ maxPasswordAge: -864_000_000_000n, minPasswordAge: 0n },
          },
        },
      }),
      stubOf(SAMR.operations.SamrSetInformationDomain, {
        ...{ handle, informationClass: 12 },
        information: {
          tag: 12,
          value: { lockoutDuration: -9n, lockoutObservationWindow: -9n, lockoutThreshold: 3 },
        },
      }),
      stubOf(SAMR.operations.SamrChangePasswordUser, {
        ...{ handle, lmPresent: 0, ntPresent: 1 },
        ...{ oldLmEncryptedWithNewLm: null, newLmEncryptedWithOldLm: null },
        ...{ oldNtEncryptedWithNewNt: KEY, newNtEncryptedWithOldNt: KEY },
        ...{ ntCrossEncryptionPresent: 0, newNtEncryptedWithNewLm: null },
        ...{ lmCrossEncryptionPresent: 0, newLmEncryptedWithNewNt: null },
      }),
    ],
  },
  {
    rpc: SRVSVC,
    create: () => createSrvsvcService(context({ administrator: true })),
    open: [
      stubOf(SRVSVC.operations.NetrShareEnum, {
        serverName: 'FILES',
        infoStruct: { tag: 502, value: { entries: null } },
        preferedMaximumLength: 1000,
        resumeHandle: 0,
      }),
      stubOf(SRVSVC.operations.NetrShareSetInfo, {
        ...{ serverName: 'F', netName: 'Data', parmErr: 0 },
        infoStruct: { tag: 1501, value: { securityDescriptor: Buffer.alloc(40, 1) } },
      }),
      stubOf(SRVSVC.operations.NetprPathCanonicalize, {
        ...{ serverName: 'F', pathName: 'C:\\a\\..\\b', prefix: '\\x', outbufLen: 90 },
        ...{ pathType: 0, flags: 0 },
      }),
      stubOf(SRVSVC.operations.NetrShareGetInfo, { serverName: 'F', netName: 'Data', level: 502 }),
      stubOf(SRVSVC.operations.NetrServerSetInfo, {
        ...{ serverName: 'F', level: 1005, parmErr: 0 },
        infoStruct: { tag: 1005, value: { comment: 'Ours' } },
      }),
      stubOf(SRVSVC.operations.NetrServerStatisticsGet, {
        ...{ serverName: 'F', service: 'SERVER', level: 0, options: 0 },
      }),
    ],
  },
  {
    rpc: WKSSVC,
    create: () => createWkssvcService(context({ administrator: true })),
    open: [
      stubOf(WKSSVC.operations.NetrWkstaGetInfo, { serverName: 'F', level: 102 }),
      stubOf(WKSSVC.operations.NetrWorkstationStatisticsGet, {
        ...{ serverName: 'F', serviceName: 'W', level: 0, options: 0 },
      }),
    ],
  },
  {
    rpc: SVCCTL,
    create: () => createSvcctlService(context({ administrator: true })),
    open: [
      stubOf(SVCCTL.operations.ROpenSCManagerW, {
        ...{ machineName: 'F', databaseName: null, desiredAccess: 4 },
      }),
      stubOf(SVCCTL.operations.ROpenServiceW, {
        ...{ handle, serviceName: 'LanmanServer', desiredAccess: 1 },
      }),
      stubOf(SVCCTL.operations.REnumServicesStatusW, {
        ...{ handle, serviceType: 0x30, serviceState: 3, bufferBytes: 900, resumeIndex: 0 },
      }),
    ],
  },
  {
    rpc: WINREG,
    create: () => createWinregService(context({ administrator: true })),
    open: [
      stubOf(WINREG.operations.OpenLocalMachine, { serverName: null, desiredAccess: 1 }),
      stubOf(WINREG.operations.BaseRegOpenKey, {
        ...{ handle, subKey: 'SYSTEM\\CurrentControlSet', options: 0, desiredAccess: 1 },
      }),
      stubOf(WINREG.operations.BaseRegEnumKey, {
        ...{ handle, index: 0, name: 200, className: 0, lastWriteTime: 0n },
      }),
      stubOf(WINREG.operations.BaseRegQueryValue, {
        ...{ handle, valueName: 'ProductType', type: 0, data: Buffer.alloc(40) },
        ...{ dataBytes: 40, dataLength: 40 },
      }),
    ],
  },
  {
    rpc: NETDFS,
    create: () => createNetdfsService(context({ administrator: true })),
    open: [
      stubOf(NETDFS.operations.NetrDfsEnum, {
        ...{ level: 3, preferedMaximumLength: 1000, resumeHandle: 0 },
        info: { tag: 3, value: { entries: null } },
      }),
      stubOf(NETDFS.operations.NetrDfsGetInfo, {
        ...{ entryPath: '\\\\FILES\\Data', serverName: null, shareName: null, level: 3 },
      }),
    ],
  },
  {
    rpc: UNIXINFO,
    create: () =>
      createUnixinfoService(
        context({ administrator: true, loginOf: () => ({ home: '/home/a', shell: '/bin/sh' }) }),
      ),
    open: [
      stubOf(UNIXINFO.operations.SidToUid, { sid: MACHINE }),
      stubOf(UNIXINFO.operations.UidToSid, { uid: 1000n }),
      stubOf(UNIXINFO.operations.GetPWUid, { count: 2, uids: [1000n, 7n] }),
    ],
  },
  {
    rpc: NTSVCS,
    create: createNtsvcsService,
    open: [
      stubOf(NTSVCS.operations.PNP_GetDeviceList, { filter: 'Spooler', length: 4, flags: 2 }),
      stubOf(NTSVCS.operations.PNP_GetDeviceRegProp, {
        ...{ devicePath: 'ACPI', property: 1, dataType: 0, size: 9, needed: 0, flags: 0 },
      }),
    ],
  },
  {
    rpc: EPMAPPER,
    create: () =>
      createEpmapperService({
        ...{ host: 'FILES', tcp: 49_152 },
        offered: () => [
          { syntax: SRVSVC.syntax, annotation: 'srvsvc', pipe: 'srvsvc' },
          { syntax: SAMR.syntax, annotation: 'samr', pipe: 'samr' },
        ],
      }),
    open: [
      stubOf(EPMAPPER.operations.ept_lookup, {
        ...{ inquiryType: 0, object: null, interfaceId: SRVSVC.syntax, versionOption: 1 },
        ...{ handle, maxEntries: 1 },
      }),
      stubOf(EPMAPPER.operations.ept_map, {
        object: null,
        mapTower: encodeTower([syntaxFloor(SRVSVC.syntax), syntaxFloor(NDR32)]),
        handle,
        maxTowers: 4,
      }),
    ],
  },
  {
    rpc: DSSETUP,
    create: () => createDssetupService(context()),
    open: [stubOf(DSSETUP.operations.DsRolerGetPrimaryDomainInformation, { infoLevel: 1 })],
  },
  {
    rpc: MGMT,
    create: () => createMgmtService([]),
    open: [stubOf(MGMT.operations.rpc__mgmt_inq_stats, { count: 4 })],
  },
];

/** Answers that wait for somebody. */
let later: Promise<Buffer>[] = [];

/** Undefined: a fault. Any other exception is a bug. */
function call(service: RpcService, opnum: number, stub: Buffer, bigEndian: boolean) {
  try {
    const result = service.call(opnum, stub, bigEndian);
    if (!(result instanceof Promise)) return result;
    // A change of a password; without accounts it is refused.
    later.push(result);
    return undefined;
  } catch (error) {
    if (error instanceof WireError || error instanceof RpcFault) return undefined;
    throw error;
  }
}

/** Handles that are good: the last 24 bytes of what opens one end in it and a status. */
function openHandles(service: RpcService, { rpc, open }: Subject): Buffer[] {
  const handles = [NO_HANDLE];
  for (const { opnum } of Object.values(rpc.operations)) {
    for (const stub of open) {
      for (const each of handles.slice(-2)) {
        const patched = Buffer.from(stub);
        if (patched.length >= each.length) patched.set(each, 0);
        const answer = call(service, opnum, patched, false);
        if (answer === undefined || answer.length < 24 || handles.length > 20) continue;
        const made = answer.subarray(answer.length - 24, answer.length - 4);
        if (!made.equals(NO_HANDLE)) handles.push(Buffer.from(made));
      }
    }
  }
  return handles;
}

for (const subject of SUBJECTS) {
  const { rpc, create, open } = subject;
  test(`${rpc.name}: ${STUBS} stubs of changed and of any bytes are answered or fault`, async () => {
    const draw = random(STUBS);
    const opnums = Object.values(rpc.operations).map(({ opnum }) => opnum);
    let service = create();
    let handles = openHandles(service, subject);
    let answered = 0;
    for (let i = 0; i < STUBS; i++) {
      if (i % 500 === 499) {
        service = create();
        handles = openHandles(service, subject);
      }
      const stub = Buffer.from(open[draw(open.length)]!);
      const held = handles[draw(handles.length)]!;
      if (stub.length >= held.length && draw(3) > 0) stub.set(held, 0);
      for (let n = draw(4); n > 0; n--) stub[draw(stub.length)] = draw(256);
      const cut = draw(4) === 0 ? stub.subarray(0, draw(stub.length + 1)) : stub;
      const answer = call(service, opnums[draw(opnums.length)]!, cut, draw(8) === 0);
      if (answer === undefined) continue;
      answered += 1;
      assert.ok(answer.length <= MAX_ANSWER_BYTES, `${answer.length} bytes`);
    }
    for (const answer of await Promise.all(later)) assert.ok(answer.length <= MAX_ANSWER_BYTES);
    later = [];
    // A fuzzer that is refused at the door finds nothing.
    assert.ok(answered > STUBS / 50, `${answered} of ${STUBS} were answered`);
  });
}
