/** Reads smb.conf or ksmbd.conf into a Configuration, with every fault at its line. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Configuration, effectiveGlobal, type ShareConfiguration } from './configuration.ts';
import { type NameIndex, SectionValues, type Table } from './parameter.ts';
import { globalNames, globalParameters, shareNames, shareParameters } from './parameters.ts';
import { isError, type Problem, ProblemsError } from './problem.ts';
import { sambaKey } from './samba-keys.ts';
import { isShareName, SHARE_NAME_EXPECTED } from './share-name.ts';
import { normalizeKey, normalizeName, type ParameterNode, parseSmbConf } from './smb-conf.ts';
import { bool } from './value-types.ts';

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  readonly warnings: readonly Problem[];
}

/** Throws ProblemsError. */
export function loadConfiguration(file: string): LoadedConfiguration {
  return readConfiguration(readText(file), file);
}

/** The text of a file of the operator's; ProblemsError when it cannot be read or is no text. */
export function readText(file: string): string {
  const fault = (message: string, expected?: string): ProblemsError =>
    new ProblemsError([
      { severity: 'error', file, line: 0, message, ...(expected && { expected }) },
    ]);
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw fault(error instanceof Error ? error.message : String(error));
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fault('it is no text in UTF-8', 'UTF-8');
  }
}

/** Throws ProblemsError. */
export function readConfiguration(text: string, file: string): LoadedConfiguration {
  const reader = new Reader(file);
  const configuration = reader.read(text);
  const errors = reader.problems.filter(isError);
  if (errors.length > 0) throw new ProblemsError(errors);
  return { configuration, warnings: reader.problems };
}

/** A share's lines, from all sections of its name. */
interface Section {
  /** As its first header has it. */
  readonly name: string;
  readonly line: number;
  readonly lines: ParameterNode[];
}

/** Sections with a meaning of Samba's own that would be misread as shares. */
const FOREIGN_SECTIONS = ['homes', 'printers', 'ipc$'];

class Reader {
  readonly problems: Problem[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  read(text: string): Configuration {
    const sections = this.#sections(text);
    const own = new SectionValues(globalParameters, this.#file);
    const inherited = new SectionValues(shareParameters, this.#file);
    for (const node of sections.get('global')?.lines ?? []) this.#globalLine(node, own, inherited);
    const shares = [...sections.values()]
      .filter(({ name }) => normalizeName(name) !== 'global')
      .flatMap((section) => this.#share(section, inherited) ?? []);
    const values = own.values();
    if (values.minProtocol > values.maxProtocol) {
      const line = own.lineOf('minProtocol') || own.lineOf('maxProtocol');
      this.#error(line, 'server min protocol is above server max protocol');
    }
    if (values.interfaces.length > 0 && !values.bindInterfacesOnly && !values.multiChannel) {
      const need =
        '"interfaces" does nothing without "bind interfaces only" or "server multi channel support"';
      this.#warn(own.lineOf('interfaces'), need);
    }
    const global = effectiveGlobal(values);
    const { adminUsers } = inherited.values();
    return {
      global: { ...global, serverString: expand(global.serverString) },
      shares: shares.map((share) => ({ ...share, path: rooted(global.rootDirectory, share.path) })),
      ...(adminUsers.length > 0 && { administrators: adminUsers }),
    };
  }

  #sections(text: string): Map<string, Section> {
    const { document, problems } = parseSmbConf(text, this.#file);
    this.problems.push(...problems);
    const sections = new Map<string, Section>();
    let current: Section | undefined;
    for (const node of document.nodes) {
      if (node.kind === 'parameter') current?.lines.push(node);
      if (node.kind !== 'section') continue;
      const key = normalizeName(node.name);
      current = sections.get(key) ?? { name: node.name, line: node.line, lines: [] };
      sections.set(key, current);
    }
    return sections;
  }

  #globalLine(
    node: ParameterNode,
    own: SectionValues<typeof globalParameters>,
    inherited: SectionValues<typeof shareParameters>,
  ): void {
    if (this.#take(node, own, globalNames)) return;
    if (isPath(node)) {
      this.#error(node.line, `"${node.key}" in [global]`, 'it in the section of a share');
      return;
    }
    if (!this.#take(node, inherited, shareNames)) this.#foreignLine(node);
  }

  #share(section: Section, inherited: SectionValues<typeof shareParameters>) {
    const { name, line, lines } = section;
    if (FOREIGN_SECTIONS.includes(normalizeName(name)) || isPrinter(lines)) {
      this.#warn(line, `section [${name}] is not supported and makes no share`);
      return undefined;
    }
    if (!isShareName(name)) {
      this.#error(line, `bad name of a share: [${name}]`, SHARE_NAME_EXPECTED);
      return undefined;
    }
    const values = new SectionValues(shareParameters, this.#file);
    for (const node of lines) {
      if (this.#take(node, values, shareNames)) continue;
      if (globalNames.has(normalizeKey(node.key))) {
        // Samba's vfs_fruit(8) has them so often in examples of shares that they stand there in most files.
        if (normalizeKey(node.key).startsWith('fruit:')) {
          const where = 'is for the whole server; passed over, it belongs into [global]';
          this.#warn(node.line, `"${node.key}" in [${name}] ${where}`);
        } else this.#error(node.line, `"${node.key}" in [${name}]`, 'it in [global]');
      } else this.#foreignLine(node);
    }
    const share: ShareConfiguration = { name, ...values.values(inherited) };
    for (const field of ['mapArchive', 'mapHidden', 'mapSystem', 'mapReadonly'] as const) {
      const given = values.lineOf(field);
      if (given === 0 || !share.storeDosAttributes || !share[field] || share[field] === 'no')
        continue;
      const { name: key } = shareParameters[field];
      this.#warn(given, `"${key}" does nothing without "store dos attributes = no"`);
    }
    if (!lines.some(isPath)) {
      this.#error(line, `share [${name}] has no path`, '"path = /a/folder"');
    }
    return share.available ? share : undefined;
  }

  /** False when the table does not know the key. */
  #take<T extends Table>(node: ParameterNode, values: SectionValues<T>, names: NameIndex): boolean {
    const found = names.get(normalizeKey(node.key));
    if (found === undefined) return false;
    this.problems.push(...values.add(node, found.field, found.inverse));
    return true;
  }

  #foreignLine(node: ParameterNode): void {
    const kind = sambaKey(node.key);
    if (kind === 'ignored') {
      this.#warn(
        node.line,
        `"${node.key}" is a parameter of Samba's that is not supported; passed over`,
      );
    } else if (kind === 'refused') {
      const why = 'is not supported, and to pass it over could open what it closes';
      this.#error(node.line, `"${node.key}" ${why}`, 'its contents here');
    } else {
      const near = nearestKey(node.key);
      const expected =
        near === undefined ? 'a parameter of smb.conf or ksmbd.conf' : `perhaps "${near}"`;
      this.#error(node.line, `unknown parameter "${node.key}"`, expected);
    }
  }

  #error(line: number, message: string, expected?: string): void {
    const { problems } = this;
    problems.push({
      severity: 'error',
      file: this.#file,
      line,
      message,
      ...(expected && { expected }),
    });
  }

  #warn(line: number, message: string): void {
    this.problems.push({ severity: 'warning', file: this.#file, line, message });
  }
}

const isPath = ({ key }: ParameterNode): boolean =>
  shareNames.get(normalizeKey(key))?.field === 'path';

/** A section of a printer's: `printable = yes`. */
function isPrinter(lines: readonly ParameterNode[]): boolean {
  const keys = ['printable', 'printok'];
  return lines.some(
    ({ key, value }) => keys.includes(normalizeKey(key)) && bool.parse(value) === true,
  );
}

/** Samba's %h (host name) and %v (version), of which distributions' default files make use. */
function expand(text: string): string {
  return text.replace(/%([hv%])/g, (_, c: string) =>
    c === 'h' ? hostname() : c === 'v' ? 'usmbd' : '%',
  );
}

function rooted(root: string | undefined, path: string): string {
  return root === undefined || root === '/' || path === '' ? path : root + path;
}

/** The known key at most two edits away: for the message about a misspelt one. */
function nearestKey(key: string): string | undefined {
  const wanted = normalizeKey(key);
  const known = [...Object.values(globalParameters), ...Object.values(shareParameters)];
  const names = known.flatMap(({ name, aliases, inverses }) => [name, ...aliases, ...inverses]);
  const near = names
    .map((name) => ({ name, distance: editDistance(wanted, normalizeKey(name)) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= 2 ? near.name : undefined;
}

function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
