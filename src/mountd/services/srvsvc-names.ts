/** MS-SRVS 3.1.4.29 to 3.1.4.34. Nothing of it is about this server: anybody may ask. */
import type { InputOf } from '../../rpc/operation.ts';
import type { NAME_OPERATIONS } from '../../rpc/srvsvc-names.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { canonicalPath, pathTypeOf } from './path-types.ts';
import type { Handlers } from './rpc-service.ts';

type Operations = typeof NAME_OPERATIONS;

const { NERR_Success, ERROR_INVALID_PARAMETER, ERROR_INVALID_NAME, NERR_BufTooSmall } = WIN32_ERROR;

/** 3.1.4.30, 3.1.4.33: "range(0,64000)". */
const OUTBUF_MAXIMUM = 64_000;
const CANONICALIZED = 0x1;
const FULL_BUFFER = 0x1;
const LM2X_COMPATIBLE = 0x8000_0000;
/** MS-DOS's rules for paths. */
const OLD_STYLE = 0x1;
const OLD_PATH_UNITS = 128;

interface NameRule {
  readonly longest: number;
  /** By LAN Manager's rules. */
  readonly longestLm: number;
  readonly upper: boolean;
  readonly upperLm: boolean;
  readonly forbidden: RegExp;
}

const NONE = /[^\s\S]/;
const ACCOUNT = /["/\\[\]:;|=,+*?<>\p{Cc}]/u;
const COMPUTER = /["/\\[\]:;|=,+*?<> \p{Cc}]/u;
const LINE = /\p{Cc}/u;

const rule = (
  [longestLm, upperLm]: readonly [number, boolean],
  [longest, upper]: readonly [number, boolean],
  forbidden: RegExp,
): NameRule => ({ longest, longestLm, upper, upperLm, forbidden });

/** 2.2.2.8, and the table of 3.1.4.33. */
const NAME_RULES: Readonly<Record<number, NameRule>> = {
  1: rule([20, true], [256, false], ACCOUNT),
  2: rule([14, false], [256, false], NONE),
  3: rule([20, true], [256, false], ACCOUNT),
  4: rule([15, true], [259, false], COMPUTER),
  5: rule([16, true], [16, true], COMPUTER),
  6: rule([15, true], [15, false], ACCOUNT),
  7: rule([15, true], [80, false], ACCOUNT),
  8: rule([259, true], [259, true], COMPUTER),
  9: rule([12, true], [80, false], ACCOUNT),
  10: rule([259, true], [259, true], LINE),
  11: rule([259, true], [259, true], LINE),
  12: rule([8, false], [8, false], NONE),
  13: rule([15, true], [15, false], ACCOUNT),
};
/** 3.1.4.34: with LM's rules the case of these counts: passwords, messages and whom they are for. */
const CASE_COUNTS = new Set([2, 10, 11, 12]);

const isValid = ({ longest, longestLm, forbidden }: NameRule, name: string, lm: boolean): boolean =>
  name.length > 0 && name.length <= (lm ? longestLm : longest) && !forbidden.test(name);

const order = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

export const nameHandlers = (): Handlers<Operations> => ({
  NetprPathType: ({ pathName, flags }) => {
    if (flags > OLD_STYLE) return { pathType: 0, status: ERROR_INVALID_PARAMETER };
    const tooLong = flags === OLD_STYLE && pathName.length > OLD_PATH_UNITS;
    const pathType = tooLong ? undefined : pathTypeOf(pathName);
    return pathType === undefined
      ? { pathType: 0, status: ERROR_INVALID_NAME }
      : { pathType, status: NERR_Success };
  },
  NetprPathCanonicalize: pathCanonicalize,
  NetprPathCompare: ({ pathName1, pathName2, flags }) => {
    if (flags > CANONICALIZED) return { status: ERROR_INVALID_PARAMETER };
    const done = flags === CANONICALIZED;
    const [a, b] = [pathName1, pathName2].map((one) => (done ? one : canonicalPath('', one)));
    if (a === undefined || b === undefined) return { status: ERROR_INVALID_NAME };
    if (!done && pathTypeOf(a) !== pathTypeOf(b)) return { status: 1 };
    return { status: order(a.toLowerCase(), b.toLowerCase()) };
  },
  NetprNameValidate: ({ name, nameType, flags }) => {
    const found = NAME_RULES[nameType];
    if (found === undefined || (flags & ~LM2X_COMPATIBLE) !== 0) {
      return { status: ERROR_INVALID_PARAMETER };
    }
    return { status: isValid(found, name, flags !== 0) ? NERR_Success : ERROR_INVALID_NAME };
  },
  NetprNameCanonicalize: ({ name, outbufLen, nameType, flags }) => {
    const room = Math.min(outbufLen, OUTBUF_MAXIMUM);
    const failed = (status: number) => ({ outbuf: new Array<number>(room).fill(0), status });
    const found = NAME_RULES[nameType];
    const lm = (flags & LM2X_COMPATIBLE) !== 0;
    if (found === undefined || hasOtherFlags(flags)) return failed(ERROR_INVALID_PARAMETER);
    if (!isValid(found, name, lm)) return failed(ERROR_INVALID_NAME);
    const text = `${canonicalName(found, name, lm)}\0`;
    const longest = (lm ? found.longestLm : found.longest) + 1;
    const needed = (flags & FULL_BUFFER) !== 0 ? longest : text.length;
    if (outbufLen > OUTBUF_MAXIMUM || room < needed) return failed(NERR_BufTooSmall);
    const outbuf = new Array<number>(room).fill(0);
    for (let i = 0; i < text.length; i++) outbuf[i] = text.charCodeAt(i);
    return { outbuf, status: NERR_Success };
  },
  NetprNameCompare: ({ name1, name2, nameType, flags }) => {
    const found = NAME_RULES[nameType];
    const lm = (flags & LM2X_COMPATIBLE) !== 0;
    if (found === undefined || hasOtherFlags(flags)) return { status: ERROR_INVALID_PARAMETER };
    const done = (flags & CANONICALIZED) !== 0;
    if (!done && ![name1, name2].every((name) => isValid(found, name, lm))) {
      return { status: ERROR_INVALID_PARAMETER };
    }
    const fold = (name: string) => (lm && CASE_COUNTS.has(nameType) ? name : name.toLowerCase());
    return { status: order(fold(name1), fold(name2)) };
  },
});

const hasOtherFlags = (flags: number): boolean => (flags & ~(LM2X_COMPATIBLE | FULL_BUFFER)) !== 0;

const canonicalName = ({ upper, upperLm }: NameRule, name: string, lm: boolean): string =>
  (lm ? upperLm : upper) ? name.toUpperCase() : name;

function pathCanonicalize({
  pathName,
  prefix,
  outbufLen,
  flags,
}: InputOf<Operations['NetprPathCanonicalize']>) {
  const outbuf = Buffer.alloc(Math.min(outbufLen, OUTBUF_MAXIMUM));
  const failed = (status: number) => ({ outbuf, pathType: 0, status });
  if (flags !== 0 || outbufLen > OUTBUF_MAXIMUM) return failed(ERROR_INVALID_PARAMETER);
  if (pathTypeOf(pathName) === undefined) return failed(ERROR_INVALID_NAME);
  const path = canonicalPath(prefix, pathName);
  const pathType = path === undefined ? undefined : pathTypeOf(path);
  if (path === undefined || pathType === undefined) return failed(ERROR_INVALID_NAME);
  const text = Buffer.from(`${path}\0`, 'utf16le');
  if (text.length > outbuf.length) return failed(NERR_BufTooSmall);
  text.copy(outbuf);
  return { outbuf, pathType, status: NERR_Success };
}
