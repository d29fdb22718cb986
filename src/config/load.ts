/** Reads smb.conf or ksmbd.conf into a Configuration, with every fault at its line. */
import {
  type Configuration,
  effectiveGlobal,
  hasPlaces,
  type ShareConfiguration,
} from './configuration.ts';
import { idmapOf, isIdmapLine } from './idmap.ts';
import { parseWithIncludes } from './include.ts';
import { readText } from './load-text.ts';
import { type ClientField, escapePercent, expandMacros, type Macros, withHome } from './macros.ts';
import { type NameIndex, SectionValues, type Table } from './parameter.ts';
import { globalNames, globalParameters, shareNames, shareParameters } from './parameters.ts';
import { isError, type Problem, ProblemsError } from './problem.ts';
import { sambaKey } from './samba-keys.ts';
import { isShareName, SHARE_NAME_EXPECTED } from './share-name.ts';
import { normalizeKey, normalizeName, type ParameterNode } from './smb-conf.ts';
import { bool } from './value-types.ts';

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  readonly warnings: readonly Problem[];
}

/** Throws ProblemsError. */
export function loadConfiguration(file: string): LoadedConfiguration {
  return readConfiguration(readText(file), file);
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
  /** Where that is, if in an included file. */
  readonly file: string | undefined;
  readonly line: number;
  readonly lines: ParameterNode[];
}

/** Sections with a meaning of Samba's own that would be misread as shares. */
const FOREIGN_SECTIONS = ['printers', 'ipc$'];
/** The one that is there, too. */
const HOMES = 'homes';

/** A line of the file itself, or where something stands. */
type Place = number | { readonly file?: string | undefined; readonly line: number };

class Reader {
  readonly problems: Problem[] = [];
  readonly #file: string;
  #macros: Macros = {};
  #sectionsByName: ReadonlyMap<string, Section> = new Map();

  constructor(file: string) {
    this.#file = file;
  }

  read(text: string): Configuration {
    const sections = this.#sections(text);
    const own = new SectionValues(globalParameters, this.#file);
    const inherited = new SectionValues(shareParameters, this.#file);
    const lines = sections.get('global')?.lines ?? [];
    for (const node of lines) if (!isIdmapLine(node)) this.#globalLine(node, own, inherited);
    const idmap = idmapOf(lines.filter(isIdmapLine));
    for (const { node, message, expected } of idmap.problems) this.#error(node, message, expected);
    this.#macros = { netbiosName: effectiveGlobal(own.values()).netbiosName };
    this.#sectionsByName = sections;
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
      global,
      shares: shares.map((share) => ({ ...share, path: rooted(global.rootDirectory, share) })),
      ...(adminUsers.length > 0 && { administrators: adminUsers }),
      ...(idmap.domains.length > 0 && { idmap: idmap.domains }),
    };
  }

  #sections(text: string): Map<string, Section> {
    const { nodes, problems } = parseWithIncludes(text, this.#file);
    this.problems.push(...problems);
    const sections = new Map<string, Section>();
    let current: Section | undefined;
    for (const node of nodes) {
      if (node.kind === 'parameter') current?.lines.push(node);
      if (node.kind !== 'section') continue;
      const key = normalizeName(node.name);
      current = sections.get(key) ?? {
        ...{ name: node.name, file: node.file, line: node.line, lines: [] },
      };
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
      this.#error(node, `"${node.key}" in [global]`, 'it in the section of a share');
      return;
    }
    const macros = { ...this.#macros, ofShares: true };
    if (!this.#take(node, inherited, shareNames, macros)) this.#foreignLine(node);
  }

  #share(section: Section, inherited: SectionValues<typeof shareParameters>) {
    const { name, lines } = section;
    if (FOREIGN_SECTIONS.includes(normalizeName(name)) || isPrinter(lines)) {
      this.#warn(section, `section [${name}] is not supported and makes no share`);
      return undefined;
    }
    const isHomes = normalizeName(name) === HOMES;
    if (!isShareName(name)) {
      this.#error(section, `bad name of a share: [${name}]`, SHARE_NAME_EXPECTED);
      return undefined;
    }
    const values = new SectionValues(shareParameters, this.#file);
    const macros = { ...this.#macros, share: isHomes ? undefined : name, ofShares: true };
    for (const node of lines) {
      if (isCopy(node)) continue;
      if (this.#take(node, values, shareNames, macros)) continue;
      if (globalNames.has(normalizeKey(node.key))) {
        // Samba's vfs_fruit(8) has them so often in examples of shares that they stand there in most files.
        if (normalizeKey(node.key).startsWith('fruit:')) {
          const where = 'is for the whole server; passed over, it belongs into [global]';
          this.#warn(node, `"${node.key}" in [${name}] ${where}`);
        } else this.#error(node, `"${node.key}" in [${name}]`, 'it in [global]');
      } else this.#foreignLine(node);
    }
    const copied = this.#copied(section, macros, [section]);
    copied.inherit(inherited);
    const templates = values.templates(copied) as ClientField[];
    const given: ShareConfiguration = {
      name,
      ...values.values(copied),
      ...(templates.length > 0 && { templates }),
      ...(isHomes && { homes: true }),
    };
    const share = isHomes && given.path === '' ? atHome(given) : given;
    for (const field of ['mapArchive', 'mapHidden', 'mapSystem', 'mapReadonly'] as const) {
      const given = values.lineOf(field);
      if (given === 0 || !share.storeDosAttributes || !share[field] || share[field] === 'no')
        continue;
      const { name: key } = shareParameters[field];
      this.#warn(given, `"${key}" does nothing without "store dos attributes = no"`);
    }
    if (share.path === '' && !this.#saysPath(section)) {
      this.#error(section, `share [${name}] has no path`, '"path = /a/folder"');
    }
    if (hasPlaces(share)) this.#placesFit(section, share);
    return share.available ? share : undefined;
  }

  /** There, or where it copies from; what is wrong with such a line has been told. */
  #saysPath({ lines }: Section, above: readonly Section[] = []): boolean {
    const copied = lines.filter(isCopy).map((line) => this.#copiedSection(line));
    return (
      lines.some((line) => isPath(line) && line.value !== '') ||
      copied.some((from) => from && !above.includes(from) && this.#saysPath(from, [...above, from]))
    );
  }

  #copiedSection({ value }: ParameterNode): Section | undefined {
    return this.#sectionsByName.get(normalizeName(value.replace(/^"(.*)"$/, '$1')));
  }

  /** What is done to a share before anybody comes needs to know where it is. */
  #placesFit(section: Section, { continuousAvailability, msdfsRoot }: ShareConfiguration): void {
    const wanted = continuousAvailability
      ? 'continuous availability'
      : msdfsRoot
        ? 'msdfs root'
        : undefined;
    if (wanted === undefined) return;
    const why = 'is in another place for each client, so it cannot have';
    this.#error(section, `share [${section.name}] ${why} "${wanted}"`, 'a path without macros');
  }

  /** `copy = SHARE`: what a section has of another one; its own lines go before. Problems are told where they are. */
  #copied(
    { lines }: Section,
    macros: Macros,
    above: readonly Section[],
  ): SectionValues<typeof shareParameters> {
    const values = new SectionValues(shareParameters, this.#file);
    for (const node of lines.filter(isCopy)) {
      const from = this.#copiedSection(node);
      if (from === undefined || above.includes(from)) {
        const problem = from === undefined ? 'there is no such section' : 'it would copy itself';
        this.#error(node, `cannot copy [${node.value}]: ${problem}`);
        continue;
      }
      for (const line of from.lines) {
        const found = shareNames.get(normalizeKey(line.key));
        if (found === undefined) continue;
        const expanded = expandMacros(found.field, line.value, macros);
        if ('problem' in expanded) continue;
        const { text, isTemplate } = expanded;
        const value = withHome(found.field, text, isTemplate);
        values.add({ ...line, value }, found.field, found.inverse, isTemplate);
      }
      values.inherit(this.#copied(from, macros, [...above, from]));
    }
    return values;
  }

  /** False when the table does not know the key. */
  #take<T extends Table>(
    node: ParameterNode,
    values: SectionValues<T>,
    names: NameIndex,
    macros: Macros = this.#macros,
  ): boolean {
    const found = names.get(normalizeKey(node.key));
    if (found === undefined) return false;
    const expanded = expandMacros(found.field, node.value, macros);
    if ('problem' in expanded) {
      const advice = '%% for a percent sign, or another macro';
      this.#error(node, `"${node.key} = ${node.value}" ${expanded.problem}`, advice);
    } else {
      const { text, isTemplate } = expanded;
      const value = withHome(found.field, text, isTemplate);
      this.problems.push(...values.add({ ...node, value }, found.field, found.inverse, isTemplate));
    }
    return true;
  }

  #foreignLine(node: ParameterNode): void {
    const kind = sambaKey(node.key);
    if (kind === 'ignored') {
      this.#warn(
        node,
        `"${node.key}" is a parameter of Samba's that is not supported; passed over`,
      );
    } else if (kind === 'refused') {
      const why = 'is not supported, and to pass it over could open what it closes';
      this.#error(node, `"${node.key}" ${why}`, 'its contents here');
    } else {
      const near = nearestKey(node.key);
      const expected =
        near === undefined ? 'a parameter of smb.conf or ksmbd.conf' : `perhaps "${near}"`;
      this.#error(node, `unknown parameter "${node.key}"`, expected);
    }
  }

  #error(at: Place, message: string, expected?: string): void {
    const place = { severity: 'error', ...this.#place(at), message } as const;
    this.problems.push({ ...place, ...(expected && { expected }) });
  }

  #warn(at: Place, message: string): void {
    this.problems.push({ severity: 'warning', ...this.#place(at), message });
  }

  #place(at: Place): { readonly file: string; readonly line: number } {
    if (typeof at === 'number') return { file: this.#file, line: at };
    return { file: at.file ?? this.#file, line: at.line };
  }
}

const isPath = ({ key }: ParameterNode): boolean =>
  shareNames.get(normalizeKey(key))?.field === 'path';

const isCopy = ({ key }: ParameterNode): boolean => normalizeKey(key) === 'copy';

/** A section of a printer's: `printable = yes`. */
function isPrinter(lines: readonly ParameterNode[]): boolean {
  const keys = ['printable', 'printok'];
  return lines.some(
    ({ key, value }) => keys.includes(normalizeKey(key)) && bool.parse(value) === true,
  );
}

function rooted(root: string | undefined, { path, templates }: ShareConfiguration): string {
  if (root === undefined || root === '/' || path === '') return path;
  return (templates?.includes('path') === true ? escapePercent(root) : root) + path;
}

/** Samba's default for [homes]. */
const atHome = (share: ShareConfiguration): ShareConfiguration => ({
  ...share,
  path: '/%H',
  templates: [...(share.templates ?? []), 'path'],
});

/** The known key at most two edits away: for the message about a misspelt one. */
export function nearestKey(key: string): string | undefined {
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
