/**
 * XML 1.0 with namespaces, as far as SOAP messages have it: no document type, no processing instructions (SOAP 1.2
 * part 1, 5), of attributes only those that declare namespaces are kept. Strangers write what is read here, so it is
 * total and has limits: an element tree or a WireError.
 */
import { WireError } from '../wire/wire-error.ts';

/** Elements within each other; SOAP's have eight. */
const MAX_DEPTH = 24;
const MAX_ELEMENTS = 256;
const MAX_ATTRIBUTES = 64;

export interface QualifiedName {
  /** A URI; empty: none. */
  readonly namespace: string;
  readonly name: string;
}

export interface XmlElement extends QualifiedName {
  /** What stands in it beside elements, without the white space around. */
  readonly text: string;
  readonly children: readonly XmlElement[];
  /** What prefixes stand for in it; the empty one is the default. */
  readonly prefixes: ReadonlyMap<string, string>;
}

const SPACE = /[ \t\r\n]*/y;
const COMMENT = /<!--.*?-->/sy;
const DECLARATION = /<\?xml[ \t\r\n][^>?]*\?>/y;
const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y;
const EQUALS = /[ \t\r\n]*=[ \t\r\n]*/y;
const VALUE = /"[^"<]*"|'[^'<]*'/y;
const TEXT = /[^<]+/y;
const CDATA = /<!\[CDATA\[.*?\]\]>/sy;
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([a-z]{1,4}));|&/g;

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};
const MAX_CODE_POINT = 0x10ffff;

const wrong = (problem: string): WireError => new WireError('XML', problem);

function expanded(raw: string): string {
  return raw.replace(REFERENCE, (_all, decimal, hex, name) => {
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16);
    if (code > 0 && code <= MAX_CODE_POINT) return String.fromCodePoint(code);
    const entity = Object.hasOwn(ENTITIES, name ?? '') ? ENTITIES[name] : undefined;
    if (entity === undefined) throw wrong('an unknown reference');
    return entity;
  });
}

interface Tag {
  readonly raw: string;
  readonly prefixes: ReadonlyMap<string, string>;
  readonly isEmpty: boolean;
}

class Reader {
  readonly #text: string;
  #at = 0;
  #elements = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): XmlElement {
    this.#take(SPACE);
    this.#take(DECLARATION);
    this.#skipMisc();
    const root = this.#element(new Map(), 1);
    this.#skipMisc();
    if (this.#at < this.#text.length) throw wrong('something behind the root');
    return root;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #takes(literal: string): boolean {
    if (!this.#text.startsWith(literal, this.#at)) return false;
    this.#at += literal.length;
    return true;
  }

  #skipMisc(): void {
    do this.#take(SPACE);
    while (this.#take(COMMENT) !== undefined);
  }

  #element(around: ReadonlyMap<string, string>, depth: number): XmlElement {
    if (depth > MAX_DEPTH) throw wrong('too deep');
    this.#elements += 1;
    if (this.#elements > MAX_ELEMENTS) throw wrong('too many elements');
    const { raw, prefixes, isEmpty } = this.#tag(around);
    const name = qualified(raw, prefixes);
    if (name === undefined) throw wrong('a prefix that stands for nothing');
    const children: XmlElement[] = [];
    const text = isEmpty ? '' : this.#content(raw, prefixes, depth, children);
    return { ...name, text: text.trim(), children, prefixes };
  }

  #tag(around: ReadonlyMap<string, string>): Tag {
    const raw = this.#takes('<') ? this.#take(NAME) : undefined;
    if (raw === undefined) throw wrong('no element where one has to be');
    const declared = new Map<string, string>();
    for (let count = 0; ; count++) {
      const space = this.#take(SPACE);
      const isEmpty = this.#takes('/>');
      if (isEmpty || this.#takes('>')) {
        const prefixes = declared.size === 0 ? around : new Map([...around, ...declared]);
        return { raw, prefixes, isEmpty };
      }
      if (space === '' || count === MAX_ATTRIBUTES) throw wrong('a tag that does not end');
      this.#attribute(declared);
    }
  }

  #attribute(declared: Map<string, string>): void {
    const name = this.#take(NAME);
    const equals = this.#take(EQUALS);
    const quoted = this.#take(VALUE);
    if (name === undefined || equals === undefined || quoted === undefined) {
      throw wrong('an attribute that is none');
    }
    const value = expanded(quoted.slice(1, -1));
    if (name === 'xmlns') declared.set('', value);
    else if (name.startsWith('xmlns:')) declared.set(name.slice('xmlns:'.length), value);
  }

  #content(
    raw: string,
    prefixes: ReadonlyMap<string, string>,
    depth: number,
    children: XmlElement[],
  ): string {
    let text = '';
    for (;;) {
      const plain = this.#take(TEXT);
      if (plain !== undefined) text += expanded(plain);
      else if (this.#takes('</')) break;
      else if (this.#take(COMMENT) === undefined) {
        const data = this.#take(CDATA);
        if (data !== undefined) text += data.slice('<![CDATA['.length, -']]>'.length);
        else children.push(this.#element(prefixes, depth + 1));
      }
    }
    const end = this.#take(NAME);
    this.#take(SPACE);
    if (end !== raw || !this.#takes('>')) throw wrong('an element that does not end');
    return text;
  }
}

/** A name with a prefix or without, where these prefixes count; undefined where its prefix stands for nothing. */
export function qualified(
  raw: string,
  prefixes: ReadonlyMap<string, string>,
): QualifiedName | undefined {
  const colon = raw.indexOf(':');
  const prefix = colon < 0 ? '' : raw.slice(0, colon);
  const namespace = prefixes.get(prefix) ?? (prefix === '' ? '' : undefined);
  return namespace === undefined ? undefined : { namespace, name: raw.slice(colon + 1) };
}

/** Throws WireError. */
export const parseXml = (text: string): XmlElement => new Reader(text).document();

/** Of one name; undefined where there is none. */
export const childOf = (
  parent: XmlElement | undefined,
  { namespace, name }: QualifiedName,
): XmlElement | undefined =>
  parent?.children.find((child) => child.name === name && child.namespace === namespace);

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Text for an element or an attribute; what XML 1.0 has no way to say becomes U+FFFD. */
export const escapeXml = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 2.2 excludes
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replace(/[&<>"']/g, (char: string) => ESCAPES[char]!);
