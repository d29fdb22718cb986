/**
 * `idmap config DOMAIN : backend | range | rangesize` of [global], as in Samba: which uids and gids the users and groups of
 * domains get. `*` is for every domain without lines of its own.
 */
import type { ParameterNode } from './smb-conf.ts';

/**
 * `autorid`: blocks of `rangesize` RIDs, taken as domains come; `tdb`: each SID by itself, as it comes; `rid`: the RID
 * above the beginning of the range, for one domain.
 */
export type IdmapBackend = 'autorid' | 'rid' | 'tdb';

export interface IdmapDomain {
  /** A NetBIOS name, or `*`. */
  readonly domain: string;
  readonly backend: IdmapBackend;
  readonly low: number;
  readonly high: number;
  /** Of a block; 1 for `tdb`, the whole range for `rid`. */
  readonly rangeSize: number;
}

export interface IdmapProblem {
  readonly node: ParameterNode;
  readonly message: string;
  readonly expected: string;
}

const KEY = /^idmap\s+config\s+(\*|[^\s:]{1,15})\s*:\s*(.+)$/i;
/** Below them a system has users of its own; 2^32-1 is nobody's, and 65534 is what `nobody` has. */
const LOWEST_ID = 1000;
const HIGHEST_ID = 0xffff_fffd;
/** As in idmap_autorid(8). */
const AUTORID_RANGE_SIZE = 100_000;
const MIN_RANGE_SIZE = 2000;

interface Lines {
  readonly domain: string;
  readonly backend: ParameterNode | undefined;
  readonly range: ParameterNode | undefined;
  readonly rangesize: ParameterNode | undefined;
}

/** What stands behind the colon. */
export const IDMAP_OPTIONS = ['backend', 'range', 'rangesize'] as const;
export type IdmapOption = (typeof IDMAP_OPTIONS)[number];
const isOption = (word: string): word is IdmapOption =>
  (IDMAP_OPTIONS as readonly string[]).includes(word);

export const isIdmapLine = ({ key }: Pick<ParameterNode, 'key'>): boolean => KEY.test(key);

/** What the lines say together. Nothing is said of one domain twice: the last line counts. */
export function idmapOf(nodes: readonly ParameterNode[]): {
  readonly domains: readonly IdmapDomain[];
  readonly problems: readonly IdmapProblem[];
} {
  const problems: IdmapProblem[] = [];
  const byDomain = new Map<string, Lines>();
  for (const node of nodes) {
    const [, name = '', option = ''] = KEY.exec(node.key) ?? [];
    const domain = name.toUpperCase();
    const field = option.replace(/\s+/g, '').toLowerCase();
    if (!isOption(field)) {
      const message = `"${node.key}" is not supported`;
      problems.push({ node, message, expected: 'backend, range or rangesize behind the colon' });
      continue;
    }
    const before = byDomain.get(domain) ?? NO_LINES;
    byDomain.set(domain, { ...before, domain, [field]: node });
  }
  const domains = [...byDomain.values()].flatMap((lines) => {
    const made = domainOf(lines, nodes[0]!);
    if ('message' in made) problems.push(made);
    return 'message' in made ? [] : [made];
  });
  const sorted = [...domains].sort((a, b) => a.low - b.low);
  for (const [i, { low, domain }] of sorted.entries()) {
    if (i === 0 || sorted[i - 1]!.high < low) continue;
    const node = byDomain.get(domain)!.range!;
    const message = `the range of ${domain} overlaps that of ${sorted[i - 1]!.domain}`;
    problems.push({ node, message, expected: 'ranges that have no id in common' });
  }
  return { domains, problems };
}

const NO_LINES: Lines = {
  domain: '',
  backend: undefined,
  range: undefined,
  rangesize: undefined,
};

function domainOf(lines: Lines, first: ParameterNode): IdmapDomain | IdmapProblem {
  const { domain, range } = lines;
  if (range === undefined) {
    const node = lines.backend ?? lines.rangesize ?? first;
    const message = `domain ${domain} has no range of ids`;
    return { node, message, expected: `"idmap config ${domain} : range = 100000-1999999"` };
  }
  const backend = (lines.backend?.value ?? (domain === '*' ? 'tdb' : 'rid')).toLowerCase();
  const wanted = domain === '*' ? ['autorid', 'tdb'] : ['rid'];
  if (!wanted.includes(backend)) {
    const message = `no such backend for domain ${domain} here: ${backend}`;
    const why = domain === '*' ? '' : ' (the others look a domain’s ids up in its directory)';
    return { node: lines.backend!, message, expected: `${wanted.join(' or ')}${why}` };
  }
  const [, from, to] = /^(\d{1,10})\s*-\s*(\d{1,10})$/.exec(range.value) ?? [];
  const [low, high] = [Number(from), Number(to)];
  if (!(low >= LOWEST_ID && low <= high && high <= HIGHEST_ID)) {
    const message = `bad range "${range.value}"`;
    return { node: range, message, expected: `LOW-HIGH from ${LOWEST_ID} to ${HIGHEST_ID}` };
  }
  const rangeSize = sizeOf(backend as IdmapBackend, high - low + 1, lines);
  if (typeof rangeSize !== 'number') return rangeSize;
  return { domain, backend: backend as IdmapBackend, low, high, rangeSize };
}

function sizeOf(backend: IdmapBackend, ids: number, lines: Lines): number | IdmapProblem {
  if (backend === 'rid') return ids;
  if (backend === 'tdb') return 1;
  const { rangesize, range } = lines;
  const size = Number(rangesize?.value ?? AUTORID_RANGE_SIZE);
  if (Number.isInteger(size) && size >= MIN_RANGE_SIZE && size <= ids) return size;
  const message = `a block of ${rangesize?.value ?? AUTORID_RANGE_SIZE} ids in a range of ${ids}`;
  const expected = `a rangesize from ${MIN_RANGE_SIZE} to the size of the range, or a larger range`;
  return { node: rangesize ?? range!, message, expected };
}

/** Each with its value, as smb.conf has them. */
export const idmapSettings = (
  domains: readonly IdmapDomain[],
): readonly (readonly [key: string, value: string])[] =>
  domains.flatMap(({ domain, backend, low, high, rangeSize }) => {
    const key = `idmap config ${domain} :`;
    const size = [`${key} rangesize`, String(rangeSize)] as const;
    return [
      [`${key} backend`, backend] as const,
      [`${key} range`, `${low}-${high}`] as const,
      ...(backend === 'autorid' ? [size] : []),
    ];
  });

export const idmapText = (domains: readonly IdmapDomain[]): string =>
  idmapSettings(domains)
    .map(([key, value]) => `    ${key} = ${value}\n`)
    .join('');
