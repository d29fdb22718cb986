/**
 * MS-FSA 2.1.4.3 and 2.1.4.4: is a file name in an expression with wildcards? The five wildcards:
 *
 *     *  any characters, or none
 *     ?  one character
 *     <  DOS_STAR: any characters, or none; where it takes the name's last period, that is its end
 *     >  DOS_QM: one character; nothing at a period and at the end of the name
 *     "  DOS_DOT: a period; nothing at the end of the name
 *
 * An expression is a small automaton whose states are its positions; a name is run through all states
 * at once, so the work is bounded by (units of the name) x (units of the expression) whatever the
 * expression is, and both are at most 255 once validated.
 */
import { foldKey } from './upcase.ts';

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const DOS_STAR = 0x3c;
const DOS_QM = 0x3e;
const DOS_DOT = 0x22;
const PERIOD = 0x2e;

export const isWildcard = (unit: number): boolean =>
  unit === STAR ||
  unit === QUESTION_MARK ||
  unit === DOS_STAR ||
  unit === DOS_QM ||
  unit === DOS_DOT;

export function hasWildcards(expression: string): boolean {
  for (let i = 0; i < expression.length; i++) {
    if (isWildcard(expression.charCodeAt(i))) return true;
  }
  return false;
}

export type Matcher = (name: string) => boolean;

const everything: Matcher = () => true;

const asItIs = (name: string): string => name;

/**
 * Compiles `expression` once for many names, compared without regard to case unless `isExact`. `*` and
 * `*.*` match every name, with a period or without (2.1.4.4, part 1); an empty expression only an empty name.
 */
export function createMatcher(expression: string, isExact = false): Matcher {
  if (expression === '*' || expression === '*.*') return everything;
  const keyOf = isExact ? asItIs : foldKey;
  const folded = keyOf(expression).replace(/\*{2,}/g, '*');
  if (!hasWildcards(folded)) return (name) => keyOf(name) === folded;
  const rest = folded.slice(1);
  if (folded.charCodeAt(0) === STAR && !hasWildcards(rest)) {
    return (name) => keyOf(name).endsWith(rest);
  }
  const head = folded.slice(0, -1);
  if (folded.endsWith('*') && !hasWildcards(head)) {
    return (name) => keyOf(name).startsWith(head);
  }
  const run = automaton(folded);
  return (name) => run(keyOf(name));
}

export const matches = (expression: string, name: string): boolean =>
  createMatcher(expression)(name);

function automaton(expression: string): Matcher {
  const length = expression.length;
  const codes = Uint16Array.from({ length }, (_, i) => expression.charCodeAt(i));
  let current = new Uint8Array(length + 1);
  let next = new Uint8Array(length + 1);
  return (name) => {
    const lastPeriod = name.lastIndexOf('.');
    current.fill(0);
    current[0] = 1;
    for (let i = 0; i < name.length; i++) {
      next.fill(0);
      if (!step(codes, current, next, name.charCodeAt(i), i === lastPeriod)) return false;
      [current, next] = [next, current];
    }
    return accepts(codes, current);
  };
}

/**
 * One character of the name. A state that may also be left without consuming it marks its successor in
 * `current`, which is visited next. False: no state is left.
 */
function step(
  codes: Uint16Array,
  current: Uint8Array,
  next: Uint8Array,
  unit: number,
  isLastPeriod: boolean,
): boolean {
  let alive = 0;
  for (let state = 0; state < codes.length; state++) {
    if (current[state] === 0) continue;
    const code = codes[state];
    if (code === STAR || code === DOS_STAR) {
      // "zero or more characters until encountering and matching the final ."
      next[code === DOS_STAR && isLastPeriod ? state + 1 : state] = 1;
      alive = 1;
      current[state + 1] = 1;
    } else if (code === DOS_QM && unit === PERIOD) {
      current[state + 1] = 1;
    } else if (
      code === unit ||
      code === QUESTION_MARK ||
      code === DOS_QM ||
      (code === DOS_DOT && unit === PERIOD)
    ) {
      next[state + 1] = 1;
      alive = 1;
    }
  }
  return alive === 1;
}

/** At the end of the name every wildcard but `?` may stand for nothing. */
function accepts(codes: Uint16Array, current: Uint8Array): boolean {
  for (let state = 0; state < codes.length; state++) {
    if (current[state] === 0) continue;
    const code = codes[state]!;
    if (isWildcard(code) && code !== QUESTION_MARK) current[state + 1] = 1;
  }
  return current[codes.length] === 1;
}
