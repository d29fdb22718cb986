import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SRVSVC } from '../../rpc/srvsvc.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { connectTo } from './connect.support.test.ts';
import { canonicalPath, pathTypeOf } from './path-types.ts';

const { NERR_Success, ERROR_INVALID_NAME, ERROR_INVALID_PARAMETER, NERR_BufTooSmall } = WIN32_ERROR;
const {
  NetprPathCanonicalize,
  NetprPathCompare,
  NetprPathType,
  NetprNameCanonicalize,
  NetprNameCompare,
  NetprNameValidate,
} = SRVSVC.operations;
const call = connectTo('srvsvc', SRVSVC);
const serverName = null;

test('MS-SRVS 2.2.2.9: the types of paths', () => {
  const types: readonly (readonly [string, number | undefined])[] = [
    ['\\\\server', 4144],
    ['\\\\*', 4145],
    ['\\\\server\\share\\a', 4096],
    ['//server/share/*.txt', 4097],
    ['\\\\server\\share\\', undefined],
    ['\\\\server\\pipe\\x', 6912],
    ['\\dir\\file', 8194],
    ['\\dir\\*', 8195],
    ['c:\\dir', 8198],
    ['c:dir', 8196],
    ['dir\\file', 8192],
    ['dir\\f?le', 8193],
    ['\\pipe\\x', 11010],
    ['\\pipe', 43778],
    ['C:', 16384],
    ['LPT1:', 16400],
    ['com9', 16416],
    ['nul', 16464],
    ['a:b:c', undefined],
    ['a|b', undefined],
    ['', undefined],
    ['a'.repeat(261), undefined],
  ];
  for (const [path, type] of types) assert.equal(pathTypeOf(path), type, path);
  assert.deepEqual(call(NetprPathType, { serverName, pathName: 'c:\\x', flags: 0 }), {
    pathType: 8198,
    status: NERR_Success,
  });
  const old = { serverName, pathName: 'a'.repeat(129), flags: 1 };
  assert.equal(call(NetprPathType, old).status, ERROR_INVALID_NAME);
  assert.equal(call(NetprPathType, { ...old, flags: 2 }).status, ERROR_INVALID_PARAMETER);
});

test('MS-SRVS 3.1.4.30: the canonical form of a path stays below its root', () => {
  const forms: readonly (readonly [string, string, string | undefined])[] = [
    ['', 'a/./b//c', 'a\\b\\c'],
    ['c:\\x', 'y\\..\\z.', 'c:\\x\\z'],
    ['', '\\\\srv\\share\\a\\..\\b', '\\\\srv\\share\\b'],
    ['', 'c:\\..\\x', undefined],
    ['', '..', undefined],
  ];
  for (const [prefix, path, form] of forms) assert.equal(canonicalPath(prefix, path), form, path);
  const input = { serverName, pathName: 'b\\.\\c', prefix: 'c:\\a', pathType: 0, flags: 0 };
  const told = call(NetprPathCanonicalize, { ...input, outbufLen: 40 });
  assert.equal(told.outbuf.toString('utf16le').replace(/\0+$/, ''), 'c:\\a\\b\\c');
  assert.equal(told.pathType, 8198);
  assert.equal(call(NetprPathCanonicalize, { ...input, outbufLen: 8 }).status, NERR_BufTooSmall);
  const long = call(NetprPathCanonicalize, { ...input, outbufLen: 64_001 });
  assert.equal(long.status, ERROR_INVALID_PARAMETER);
});

test('MS-SRVS 3.1.4.31: paths are compared by their canonical forms', () => {
  const compare = (pathName1: string, pathName2: string, flags: number) =>
    call(NetprPathCompare, { serverName, pathName1, pathName2, pathType: 0, flags }).status;
  assert.equal(compare('C:\\a\\.\\b', 'c:/A/b', 0), 0);
  assert.equal(compare('C:\\a\\.\\b', 'c:\\A\\b', 1), -1);
  assert.equal(compare('b', 'a', 0), 1);
  assert.equal(compare('b', 'a', 2), ERROR_INVALID_PARAMETER);
});

test('MS-SRVS 3.1.4.32 to 3.1.4.34: names by their kinds', () => {
  const validate = (name: string, nameType: number, flags = 0) =>
    call(NetprNameValidate, { serverName, name, nameType, flags }).status;
  assert.equal(validate('a'.repeat(80), 9), NERR_Success);
  assert.equal(validate('a'.repeat(81), 9), ERROR_INVALID_NAME);
  assert.equal(validate('a'.repeat(13), 9, 0x8000_0000), ERROR_INVALID_NAME);
  assert.equal(validate('a b', 4), ERROR_INVALID_NAME);
  assert.equal(validate('a', 14), ERROR_INVALID_PARAMETER);
  const input = { serverName, name: 'share', nameType: 9, flags: 0x8000_0000 };
  const told = call(NetprNameCanonicalize, { ...input, outbufLen: 6 });
  assert.equal(String.fromCharCode(...told.outbuf), 'SHARE\0');
  const small = call(NetprNameCanonicalize, { ...input, outbufLen: 6, flags: 0x8000_0001 });
  assert.equal(small.status, NERR_BufTooSmall);
  const compare = { serverName, name1: 'A', name2: 'a', nameType: 9, flags: 0 };
  assert.equal(call(NetprNameCompare, compare).status, 0);
  const passwords = { ...compare, nameType: 2, flags: 0x8000_0000 };
  assert.equal(call(NetprNameCompare, passwords).status, -1);
});
