/**
 * The text of smb.conf and ksmbd.conf, without loss: what is not edited stays byte for byte. Keys are
 * compared without regard to case and white space, section names without regard to case, as both
 * originals do.
 *
 * Where the two differ: ksmbd lets `;` and `#` start a comment anywhere, Samba only at the start of a
 * line. Here they do so at the start of a line or after white space, outside double quotes; a file that
 * leans on either rule alone gets a bad value, which is an error, and not silently another meaning. A
 * backslash at the end of a line goes on with the next one (Samba).
 */
import type { Problem } from './problem.ts';

export interface SectionNode {
  readonly kind: 'section';
  readonly raw: string;
  readonly name: string;
  readonly line: number;
  /** Of an included file; undefined: the one that is read. */
  readonly file?: string;
}

export interface ParameterNode {
  readonly kind: 'parameter';
  /** Indentation, key and equals sign. */
  readonly before: string;
  /** As written, with quotes, continued lines joined. */
  readonly value: string;
  readonly rawValue: string;
  /** White space, comment and line end. */
  readonly after: string;
  readonly key: string;
  readonly line: number;
  /** As of a section. */
  readonly file?: string;
}

/** Blank lines, comments, and what could not be read. */
export interface TextNode {
  readonly kind: 'text';
  readonly raw: string;
}

export type Node = SectionNode | ParameterNode | TextNode;

export const normalizeKey = (key: string): string => key.replace(/\s+/g, '').toLowerCase();
/** What makes two section or share names the same. */
export const normalizeName = (name: string): string => name.trim().normalize('NFC').toLowerCase();

const rawOf = (node: Node): string =>
  node.kind === 'parameter' ? node.before + node.rawValue + node.after : node.raw;

const INDENTATION = '    ';

export class SmbConf {
  readonly #nodes: Node[];

  constructor(nodes: readonly Node[]) {
    this.#nodes = [...nodes];
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  toString(): string {
    return this.#nodes.map(rawOf).join('');
  }

  hasSection(section: string): boolean {
    return this.#headers(section).length > 0;
  }

  /** The parameters of all sections of this name, in order. */
  parameters(section: string): ParameterNode[] {
    return this.#headers(section).flatMap((header) =>
      this.#nodes.slice(header, this.#end(header)).filter((node) => node.kind === 'parameter'),
    );
  }

  /**
   * Gives a parameter a value: in place when one of `names` is there (further ones of them go), else
   * after the section's last parameter, in a new section where there is none.
   */
  set(section: string, names: readonly [string, ...string[]], value: string): void {
    const [first, ...others] = this.#matching(section, names);
    if (first === undefined) {
      this.#add(section, names[0], value);
      return;
    }
    const node = this.#nodes[first] as ParameterNode;
    // The old name may be a synonym or even mean the opposite.
    const same = normalizeKey(node.key) === normalizeKey(names[0]);
    const before = same ? node.before : node.before.replace(node.key, () => names[0]);
    const text = quoteForLine(value);
    const key = same ? node.key : names[0];
    this.#nodes[first] = { ...node, before, key, value: text, rawValue: text };
    for (const index of others.reverse()) this.#nodes.splice(index, 1);
  }

  /** Whether there was one to remove. */
  unset(section: string, names: readonly string[]): boolean {
    const indexes = this.#matching(section, names);
    for (const index of indexes.reverse()) this.#nodes.splice(index, 1);
    return indexes.length > 0;
  }

  addSection(name: string): void {
    const last = this.#nodes.at(-1);
    if (last !== undefined) {
      this.#endLine(this.#nodes.length - 1);
      if (rawOf(last).trim() !== '') this.#nodes.push({ kind: 'text', raw: '\n' });
    }
    this.#nodes.push({ kind: 'section', raw: `[${name}]\n`, name, line: 0 });
  }

  /** Comments after the last parameter stay: they usually introduce what follows. */
  removeSection(name: string): boolean {
    const headers = this.#headers(name);
    for (const header of headers.reverse()) {
      const nodes = this.#nodes.slice(header, this.#end(header));
      const last = nodes.findLastIndex((node) => node.kind !== 'text');
      this.#nodes.splice(header, last + 1);
      this.#joinBlanks(header);
    }
    return headers.length > 0;
  }

  /** Where something was, one blank line is left of those before and after it; none at an end of the file. */
  #joinBlanks(index: number): void {
    const isBlank = (at: number): boolean => {
      const node = this.#nodes[at];
      return node === undefined || (node.kind === 'text' && rawOf(node).trim() === '');
    };
    if (!isBlank(index - 1) || !isBlank(index)) return;
    if (index > 0) this.#nodes.splice(index - 1, 1);
    else this.#nodes.splice(0, 1);
  }

  #headers(section: string): number[] {
    const wanted = normalizeName(section);
    return [...this.#nodes.keys()].filter((index) => {
      const node = this.#nodes[index]!;
      return node.kind === 'section' && normalizeName(node.name) === wanted;
    });
  }

  /** Where the section that `header` opens ends. */
  #end(header: number): number {
    const next = this.#nodes.findIndex((node, index) => index > header && node.kind === 'section');
    return next === -1 ? this.#nodes.length : next;
  }

  #matching(section: string, names: readonly string[]): number[] {
    const wanted = new Set(names.map(normalizeKey));
    const parameters = new Set<Node>(this.parameters(section));
    return [...this.#nodes.keys()].filter((index) => {
      const node = this.#nodes[index]!;
      return (
        node.kind === 'parameter' && parameters.has(node) && wanted.has(normalizeKey(node.key))
      );
    });
  }

  #add(section: string, key: string, value: string): void {
    if (!this.hasSection(section)) this.addSection(section);
    const header = this.#headers(section).at(-1)!;
    const end = this.#end(header);
    const offset = this.#nodes.slice(header, end).findLastIndex((node) => node.kind !== 'text');
    const previous = header + offset;
    this.#endLine(previous);
    const neighbour = this.#nodes[previous]!;
    const indentation =
      neighbour.kind === 'parameter' ? /^\s*/.exec(neighbour.before)![0] : INDENTATION;
    const text = quoteForLine(value);
    const before = `${indentation}${key} = `;
    const node = { kind: 'parameter', before, value: text, rawValue: text, key, line: 0 } as const;
    this.#nodes.splice(previous + 1, 0, { ...node, after: '\n' });
  }

  /** A last line without a line end gets one before another follows. */
  #endLine(index: number): void {
    const node = this.#nodes[index]!;
    if (rawOf(node).endsWith('\n')) return;
    this.#nodes[index] =
      node.kind === 'parameter'
        ? { ...node, after: `${node.after}\n` }
        : { ...node, raw: `${node.raw}\n` };
  }
}

/** A value as it must be written to be read back. */
function quoteForLine(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new TypeError('a value is one line of text');
  const plain = value === value.trim() && commentStart(value) === value.length;
  return plain && !value.endsWith('\\') ? value : `"${value}"`;
}

/** Where the comment starts that ends `text`, which follows an equals sign; its length if none does. */
function commentStart(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') {
      const close = text.indexOf('"', i + 1);
      if (close !== -1) i = close;
    } else if ((c === ';' || c === '#') && (i === 0 || /\s/.test(text[i - 1]!))) {
      return i;
    }
  }
  return text.length;
}

export interface ParsedSmbConf {
  readonly document: SmbConf;
  /** Errors of form only; which keys and values are right is parameters.ts's business. */
  readonly problems: readonly Problem[];
}

/** `inSection`: of a file that is included by a section. */
export function parseSmbConf(text: string, file: string, inSection = false): ParsedSmbConf {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const nodes: Node[] = [];
  const problems: Problem[] = [];
  for (let index = 0; index < lines.length; ) {
    const { raw, joined, count } = logicalLine(lines, index);
    const line = index + 1;
    index += count;
    const node = parseLine(raw, joined, line);
    if ('message' in node) {
      problems.push({ severity: 'error', file, line, ...node });
      nodes.push({ kind: 'text', raw });
      continue;
    }
    if (node.kind === 'parameter' && !inSection) {
      const message = `"${node.key}" stands before the first section`;
      problems.push({ severity: 'error', file, line, message, expected: '[global] above it' });
    }
    inSection ||= node.kind === 'section';
    nodes.push(node);
  }
  return { document: new SmbConf(nodes), problems };
}

interface LogicalLine {
  readonly raw: string;
  /** Without line ends and the backslashes before them. */
  readonly joined: string;
  readonly count: number;
}

function logicalLine(lines: readonly string[], index: number): LogicalLine {
  let raw = '';
  let joined = '';
  for (let count = 1; ; count++) {
    const line = lines[index + count - 1]!;
    raw += line;
    joined += line.replace(/\r?\n$/, '');
    const goesOn = joined.endsWith('\\') && !isComment(joined) && index + count < lines.length;
    if (!goesOn) return { raw, joined, count };
    joined = joined.slice(0, -1);
  }
}

/** Whether a line ends in a comment, where a backslash means nothing. */
function isComment(line: string): boolean {
  const equals = line.indexOf('=');
  const rest = /^\s*[;#]/.test(line) || equals === -1 ? line.trimStart() : line.slice(equals + 1);
  return commentStart(rest) < rest.length;
}

type Fault = Pick<Problem, 'message' | 'expected'>;

function parseLine(raw: string, joined: string, line: number): Node | Fault {
  const text = joined.replace(/^\uFEFF/, '').trim();
  if (text === '' || /^[;#]/.test(text)) return { kind: 'text', raw };
  if (text.includes('\0')) return { message: 'a NUL character', expected: 'text in UTF-8' };
  if (text.startsWith('[')) return parseHeader(raw, text, line);
  const equals = raw.indexOf('=');
  const key = raw
    .slice(0, equals)
    .replace(/^\uFEFF/, '')
    .trim();
  if (equals === -1 || key === '' || /[\r\n]/.test(key)) {
    return { message: `cannot read "${text}"`, expected: '"key = value" or "[section]"' };
  }
  return parseParameter(raw, joined, key, line);
}

function parseHeader(raw: string, text: string, line: number): Node | Fault {
  const match = /^\[([^\]]*)\](.*)$/s.exec(text);
  const rest = match?.[2]?.trim() ?? '';
  if (match === null || !(rest === '' || /^[;#]/.test(rest))) {
    return { message: `cannot read "${text}"`, expected: '"[section]" alone on its line' };
  }
  const name = match[1]!.trim();
  if (name === '') return { message: 'a section without a name', expected: '"[section]"' };
  return { kind: 'section', raw, name, line };
}

function parseParameter(raw: string, joined: string, key: string, line: number): ParameterNode {
  const start = raw.indexOf('=') + 1;
  const before = raw.slice(0, start) + /^[^\S\r\n]*/.exec(raw.slice(start))![0];
  const text = joined.slice(joined.indexOf('=') + 1);
  const end = commentStart(text);
  const value = text.slice(0, end).trim();
  // The comment and the white space about it are on the last of the continued lines.
  const tail = raw.length - (text.length - end) - /\r?\n?$/.exec(raw)![0].length;
  const rawValue = raw.slice(before.length, Math.max(tail, before.length)).trimEnd();
  const after = raw.slice(before.length + rawValue.length);
  return { kind: 'parameter', before, value, rawValue, after, key, line };
}
