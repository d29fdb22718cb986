/** Keeps ARCHITECTURE.md's layering true: imports point down, and some things stand behind one door. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Import, importsOf } from './imports.ts';
import { filesBelow, isTest, root, type SourceFile } from './source-files.ts';

const DOCUMENTS = ['smb2', 'rpc', 'auth', 'fscc', 'dtyp', 'crypto', 'xca'] as const;
const GROUND = ['wire', 'base'] as const;

/**
 * Every folder of src, upper ones first, with the folders it may import. A folder may name only what
 * stands below it here, which the first test checks, so the whole has no cycle.
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  cli: [
    'entry',
    'keeper',
    'mountd',
    'config',
    'client',
    'auth',
    'crypto',
    'ipc',
    'vfs',
    'native',
    ...GROUND,
  ],
  entry: [
    'keeper',
    'workers',
    'transport',
    'smb1-commands',
    'netbios',
    'discovery',
    'server',
    'objects',
    'mountd',
    'config',
    'ipc',
    'vfs',
    'native',
    ...GROUND,
  ],
  keeper: ['objects', 'ipc', 'native', ...GROUND],
  workers: [
    'transport',
    'server',
    'commands',
    'objects',
    'smb2',
    'crypto',
    'dtyp',
    'ipc',
    'native',
    ...GROUND,
  ],
  transport: ['server', 'objects', 'rdma', 'smb2', 'native', ...GROUND],
  'smb1-commands': ['commands', 'objects', 'vfs', 'ipc', 'smb1', ...DOCUMENTS, ...GROUND],
  netbios: [...GROUND],
  discovery: ['dtyp', ...GROUND],
  server: ['commands', 'objects', 'vfs', 'ipc', ...DOCUMENTS, ...GROUND],
  commands: ['objects', 'vfs', 'ipc', ...DOCUMENTS, ...GROUND],
  objects: ['vfs', 'ipc', ...DOCUMENTS, ...GROUND],
  vfs: ['fscc', 'dtyp', 'native', ...GROUND],
  mountd: ['config', 'gss', 'ipc', 'auth', 'rpc', 'crypto', 'dtyp', ...GROUND],
  config: ['auth', 'crypto', 'dtyp', ...GROUND],
  gss: ['ipc', 'auth', 'native', ...GROUND],
  client: ['rdma', ...DOCUMENTS, ...GROUND],
  rdma: ['dtyp', 'native', ...GROUND],
  ipc: ['dtyp', 'native', ...GROUND],
  smb1: ['fscc', 'dtyp', ...GROUND],
  smb2: ['fscc', 'dtyp', 'crypto', 'xca', ...GROUND],
  rpc: ['dtyp', ...GROUND],
  auth: ['dtyp', 'crypto', ...GROUND],
  fscc: ['dtyp', ...GROUND],
  dtyp: [...GROUND],
  xca: [...GROUND],
  crypto: ['native', ...GROUND],
  native: [...GROUND],
  wire: ['base'],
  base: [],
};

/** Types that a folder may take from above: the interface is stated where its values are made. */
const TYPES_FROM_ABOVE: Readonly<Record<string, readonly string[]>> = { ipc: ['vfs'] };

/** Documents are pure: no sockets, no files, no processes. */
const BUILTINS: Readonly<Record<string, readonly string[]>> = {
  wire: ['node:buffer'],
  dtyp: ['node:buffer'],
  xca: ['node:buffer'],
  fscc: ['node:buffer'],
  smb2: ['node:buffer'],
  smb1: ['node:buffer'],
  rpc: ['node:buffer'],
  auth: ['node:buffer', 'node:crypto', 'node:zlib'],
  crypto: ['node:buffer', 'node:crypto'],
  commands: ['node:buffer', 'node:crypto', 'node:timers/promises'],
};

/** Which folders may import a package of others. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  koffi: ['native'],
  commander: ['cli'],
  pino: ['base'],
  '@prometheus-io/client': ['entry'],
};

/** Broken ciphers that NTLM needs and nothing else may reach. */
const BEHIND_AUTH = ['src/crypto/md4.ts', 'src/crypto/rc4.ts'];

/** Nothing of SMB1 is loaded unless it is asked for: one door, which opens by a dynamic import only. */
const SMB1 = { folders: ['smb1', 'smb1-commands'], door: 'src/smb1-commands/speak.ts' };

/** The files of src itself are the package's public entry. */
function layerOf(path: string): string {
  const [, folder, ...rest] = path.split('/');
  return rest.length === 0 ? 'entry' : folder!;
}

function faultsOf(file: SourceFile): string[] {
  const faults: string[] = [];
  const layer = layerOf(file.path);
  for (const { specifier, typeOnly, dynamic, line } of importsOf(file.text)) {
    const fault = faultOf(file.path, layer, specifier, { typeOnly, dynamic });
    if (fault !== undefined) faults.push(`${file.path}:${line} imports ${specifier}: ${fault}`);
  }
  return faults;
}

type How = Pick<Import, 'typeOnly' | 'dynamic'>;

function faultOf(path: string, layer: string, specifier: string, how: How): string | undefined {
  const { typeOnly } = how;
  if (specifier.startsWith('.')) return faultOfRelative(path, layer, specifier, how);
  if (specifier.startsWith('node:')) {
    const allowed = BUILTINS[layer];
    if (typeOnly || allowed === undefined || allowed.includes(specifier)) return undefined;
    return `${layer} does no I/O (may import ${allowed.join(', ')})`;
  }
  if (builtinModules.includes(specifier)) return 'write node: before a built-in module';
  const allowed = PACKAGES[specifier];
  if (allowed === undefined) return 'no package of this table';
  return allowed.includes(layer) ? undefined : `only ${allowed.join(', ')} may import it`;
}

function faultOfRelative(
  path: string,
  layer: string,
  specifier: string,
  { typeOnly, dynamic }: How,
): string | undefined {
  if (!specifier.endsWith('.ts')) return 'a relative import ends in .ts';
  const target = join(dirname(path), specifier);
  if (!target.startsWith('src/')) return 'it leaves src';
  if (isTest({ path: target })) return 'it is for tests';
  const below = layerOf(target);
  if (BEHIND_AUTH.includes(target) && !['auth', 'crypto'].includes(layer)) return 'only auth may';
  if (below === layer) return undefined;
  if (SMB1.folders.includes(below) && !SMB1.folders.includes(layer)) {
    return dynamic && target === SMB1.door ? undefined : `${below} is loaded by its door only`;
  }
  if (LAYERS[layer]?.includes(below)) return undefined;
  if (typeOnly && TYPES_FROM_ABOVE[layer]?.includes(below)) return undefined;
  return `${layer} may not import ${below}`;
}

test('the table of layers points down only', () => {
  const order = Object.keys(LAYERS);
  for (const [layer, below] of Object.entries(LAYERS)) {
    for (const name of below) {
      assert.ok(order.includes(name), `${layer} names ${name}, which is no layer`);
      assert.ok(order.indexOf(name) > order.indexOf(layer), `${layer} names ${name} above it`);
    }
  }
});

test('every folder of src is in the table', () => {
  const layers = new Set(filesBelow('src', '.ts').map((file) => layerOf(file.path)));
  assert.deepEqual(
    [...layers].filter((layer) => LAYERS[layer] === undefined),
    [],
  );
});

test('every import of src points down', () => {
  const files = filesBelow('src', '.ts').filter((file) => !isTest(file));
  assert.ok(files.length > 0);
  assert.deepEqual(files.flatMap(faultsOf), []);
});

test('the build leaves out what the layers exempt', () => {
  const build = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8'));
  assert.deepEqual(build.exclude, ['src/**/*.test.ts', 'src/**/contract*.ts']);
});

test('the rules see a breach', () => {
  const fault = (path: string, code: string): string[] => faultsOf({ path, text: code });
  assert.equal(fault('src/smb2/a.ts', "import { x } from '../server/b.ts';\n").length, 1);
  assert.equal(
    fault('src/vfs/a.ts', "import {\n  x,\n  y,\n} from '../commands/b.ts';\n").length,
    1,
  );
  assert.equal(fault('src/vfs/a.ts', "const k = await import('koffi');\n").length, 1);
  assert.equal(fault('src/server/a.ts', "export { md4 } from '../crypto/md4.ts';\n").length, 1);
  assert.equal(fault('src/wire/a.ts', "import { readFileSync } from 'node:fs';\n").length, 1);
  assert.equal(fault('src/base/a.ts', "import fs from 'fs';\n").length, 1);
  assert.equal(fault('src/vfs/a.ts', "import { c } from './contract.ts';\n").length, 1);
  assert.equal(fault('src/vfs/a.ts', "import fc from 'fast-check';\n").length, 1);
  assert.equal(fault('src/wire/a.ts', "import '../base/b.js';\n").length, 1);
  assert.equal(fault('src/ipc/a.ts', "import { V } from '../vfs/v.ts';\n").length, 1);
  const door = "await import('./smb1-commands/speak.ts');\n";
  assert.deepEqual(fault('src/a.ts', door), []);
  assert.equal(fault('src/a.ts', "import { s } from './smb1-commands/speak.ts';\n").length, 1);
  assert.equal(fault('src/a.ts', "await import('./smb1-commands/link.ts');\n").length, 1);
  assert.equal(fault('src/commands/a.ts', "import { s } from '../smb1/header.ts';\n").length, 1);
  assert.deepEqual(fault('src/ipc/a.ts', "import type { V } from '../vfs/v.ts';\n"), []);
  assert.deepEqual(fault('src/auth/a.ts', "import { md4 } from '../crypto/md4.ts';\n"), []);
  assert.deepEqual(fault('src/wire/a.ts', "// import '../server/x.ts';\n/* import 'fs' */\n"), []);
});
