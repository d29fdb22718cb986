/**
 * Packs usmbd as `npm publish` would, installs the package in empty folders with each supported
 * Node.js, with no compiler to be had, and serves a folder with it.
 *
 *     npm run package                     Node.js 22, 24 and 26, and 20, which is refused
 *     npm run package -- --node 24
 *
 * Node.js comes from the npm package `node`. Uses smbclient; --allow-missing does without it.
 */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { end, findProgram, run, start, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { accepts, freePort, repository } from '../support/target.ts';

const SUPPORTED = ['22', '24', '26'];
const TOO_OLD = '20';
const INSTALL_LIMIT_MS = 240_000;
const COMMAND_LIMIT_MS = 30_000;
const NOBODY = 65534;

const scratch = mkdtempSync(join(tmpdir(), 'usmbd-package-'));
chmodSync(scratch, 0o755);

/** Programs that only a build needs. Here they leave a mark and fail. */
const BUILD_TOOLS = ['cc', 'gcc', 'g++', 'c++', 'clang', 'make', 'cmake', 'ninja', 'node-gyp'];
const decoys = join(scratch, 'decoys');
const mark = join(scratch, 'a-build-tool-was-called');

function makeDecoys(): void {
  mkdirSync(decoys);
  for (const tool of BUILD_TOOLS) {
    writeFileSync(join(decoys, tool), `#!/bin/sh\necho "${tool} $*" >> ${mark}\nexit 1\n`, {
      mode: 0o755,
    });
  }
}

/** PATH with the decoys and a folder's own programs first, and nothing of this repository's. */
function environment(folder: string): NodeJS.ProcessEnv {
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((entry) => !entry.includes('node_modules'));
  const own = join(folder, 'node_modules', '.bin');
  const kept = Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key));
  return {
    ...Object.fromEntries(kept),
    PATH: [own, decoys, ...path].join(delimiter),
  };
}

async function pack(): Promise<string> {
  const args = ['pack', '--pack-destination', scratch];
  const packed = await run('npm', args, { timeoutMs: INSTALL_LIMIT_MS, cwd: repository });
  expect(packed.code === 0, `npm pack:\n${tail(packed.stdout + packed.stderr, 15)}`);
  const file = readdirSync(scratch).find((name) => name.endsWith('.tgz'));
  expect(file !== undefined, 'npm pack made no file');
  const listed = await run('tar', ['-tzf', join(scratch, file)], { timeoutMs: COMMAND_LIMIT_MS });
  const files = listed.stdout.split('\n').map((line) => line.replace(/^package\//, ''));
  for (const needed of [
    'LICENSE',
    'README.md',
    'bin/usmbd.js',
    'dist/index.js',
    'dist/index.d.ts',
  ]) {
    expect(files.includes(needed), `the package lacks ${needed}`);
  }
  const strangers = files.filter((name) => /^(src|test|bench)\/|\.test\.|\/contract/.test(name));
  expect(strangers.length === 0, `the package holds ${strangers.slice(0, 5).join(', ')}`);
  return join(scratch, file);
}

/** An empty folder with the package and one Node.js. */
async function install(version: string, archive: string): Promise<string> {
  const folder = join(scratch, `node-${version}`);
  mkdirSync(folder);
  const allowed = { private: true, type: 'module', allowScripts: { node: true } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(allowed));
  const args = ['install', '--no-audit', '--no-fund', archive, `node@${version}`];
  const env = environment(folder);
  const installed = await run('npm', args, { timeoutMs: INSTALL_LIMIT_MS, cwd: folder, env });
  expect(installed.code === 0, `npm ${args.join(' ')}:\n${tail(installed.stderr, 15)}`);
  const { stdout } = await run('node', ['--version'], { timeoutMs: COMMAND_LIMIT_MS, env });
  expect(stdout.startsWith(`v${version}.`), `node is ${stdout.trim()}`);
  return folder;
}

async function saysItsVersion(folder: string): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  const said = await usmbd(folder, '--version');
  expect(said.code === 0 && said.stdout.trim() === version, said.stdout + said.stderr);
}

const usmbd = (folder: string, ...args: string[]) =>
  run(join(folder, 'node_modules', '.bin', 'usmbd'), args, {
    timeoutMs: COMMAND_LIMIT_MS,
    cwd: folder,
    env: environment(folder),
  });

async function isALibrary(folder: string): Promise<void> {
  const script = `const { createServer } = await import('usmbd');
    if (typeof createServer !== 'function') throw new Error('no createServer');`;
  const args = ['--input-type=module', '-e', script];
  const env = environment(folder);
  const ended = await run('node', args, { timeoutMs: COMMAND_LIMIT_MS, cwd: folder, env });
  expect(ended.code === 0, ended.stderr);
}

/** Starts a server by `command` with further arguments, uses it, and ends it. */
async function servesAFolder(
  folder: string,
  command: readonly [string, ...string[]],
  allowMissing: boolean,
): Promise<void> {
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  // Root's own folder would be served as root, which usmbd does not do unasked.
  if (process.getuid?.() === 0) chownSync(shared, NOBODY, NOBODY);
  const port = await freePort();
  const [program, ...first] = command;
  const where = ['--port', String(port), '--address', '127.0.0.1', '--name', 'files'];
  const args = [...first, shared, ...where, '--user', 'guest1', '--state', join(folder, 'state')];
  const server = start(program, args, {
    stdio: 'pipe',
    cwd: folder,
    env: { ...environment(folder), USMBD_PASSWORD: 'Passw0rd!3' },
  });
  let said = '';
  server.stdout?.on('data', (piece: Buffer) => (said += piece));
  server.stderr?.on('data', (piece: Buffer) => (said += piece));
  try {
    await accepts('127.0.0.1', port, server, COMMAND_LIMIT_MS).catch((error) => {
      throw new Error(`${error.message}\n${tail(said, 15)}`);
    });
    await putAndGet(folder, port, allowMissing);
    expect(!said.includes('Passw0rd!3'), 'the password is in what usmbd printed');
  } finally {
    await end(server);
  }
  const code = server.exitCode ?? server.signalCode;
  // npm tells of a command that a signal ended by an exit code of its own.
  expect(code === 0 || program === 'npm', `usmbd ended with ${code} on SIGTERM\n${tail(said, 8)}`);
}

/** The README's first command, as a stranger types it. */
async function servesFromAClone(allowMissing: boolean): Promise<void> {
  const folder = join(scratch, 'clone');
  const clone = ['clone', '-q', '--depth', '1', `file://${repository}`, folder];
  const cloned = await run('git', clone, { timeoutMs: COMMAND_LIMIT_MS });
  expect(cloned.code === 0, `git clone:\n${cloned.stderr}`);
  const env = environment(folder);
  const installed = await run('npm', ['install'], {
    timeoutMs: INSTALL_LIMIT_MS,
    cwd: folder,
    env,
  });
  expect(installed.code === 0, `npm install:\n${tail(installed.stderr, 15)}`);
  await servesAFolder(folder, ['npm', 'start', '--'], allowMissing);
}

async function putAndGet(folder: string, port: number, allowMissing: boolean): Promise<void> {
  const smbclient = findProgram('smbclient');
  expect(smbclient !== undefined || allowMissing, 'smbclient is not installed');
  if (smbclient === undefined) return;
  const text = 'over and back\n'.repeat(100_000);
  writeFileSync(join(folder, 'up'), text);
  const args = ['-p', String(port), '-U', 'guest1%Passw0rd!3', '-m', 'SMB3', '//127.0.0.1/files'];
  const commands = ['-c', 'put up a; get a down; ls'];
  const ended = await run(smbclient, [...args, ...commands], {
    timeoutMs: COMMAND_LIMIT_MS,
    cwd: folder,
  });
  expect(ended.code === 0, `smbclient: ${ended.stdout}${ended.stderr}`);
  expect(readFileSync(join(folder, 'shared', 'a'), 'utf8') === text, 'put: the file differs');
  expect(readFileSync(join(folder, 'down'), 'utf8') === text, 'get: the file differs');
}

/** A TypeScript program that uses the package compiles, with every declaration checked. */
async function hasTypes(folder: string): Promise<void> {
  writeFileSync(
    join(folder, 'consumer.ts'),
    "import { createServer } from 'usmbd';\nexport const server: typeof createServer = createServer;\n",
  );
  const modules = join(repository, 'node_modules');
  const args = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2023'];
  const more = ['--module', 'nodenext', '--types', 'node', '--typeRoots', join(modules, '@types')];
  const ended = await run(join(modules, '.bin', 'tsc'), [...args, ...more, 'consumer.ts'], {
    timeoutMs: 120_000,
    cwd: folder,
  });
  expect(ended.code === 0, ended.stdout + ended.stderr);
}

async function refusesAnOldRuntime(folder: string): Promise<void> {
  const said = await usmbd(folder, 'serve', folder);
  const lines = said.stderr.trim().split('\n');
  expect(said.code === 1 && said.stdout === '', `exit ${said.code}\n${said.stdout}`);
  expect(lines.length === 1 && /22\.12/.test(lines[0]!), `not one line:\n${said.stderr}`);
}

async function main(): Promise<void> {
  const { values } = commandLine({
    options: {
      node: { type: 'string', multiple: true, default: [...SUPPORTED, TOO_OLD] },
      'allow-missing': { type: 'boolean', default: false },
    },
  });
  const tally = new Tally();
  makeDecoys();
  let archive = '';
  const packed = await tally.check('npm pack holds what it should', async () => {
    archive = await pack();
  });
  for (const version of packed ? values.node : []) {
    let folder = '';
    const installed = await tally.check(`Node.js ${version}: installs, no compiler`, async () => {
      folder = await install(version, archive);
      const called = readdirSync(scratch).includes('a-build-tool-was-called');
      expect(!called, called ? readFileSync(mark, 'utf8') : '');
    });
    if (!installed) continue;
    if (version === TOO_OLD) {
      await tally.check(`Node.js ${version}: is refused in a line`, () =>
        refusesAnOldRuntime(folder),
      );
      continue;
    }
    await tally.check(`Node.js ${version}: --version`, () => saysItsVersion(folder));
    await tally.check(`Node.js ${version}: is a library`, () => isALibrary(folder));
    await tally.check(`Node.js ${version}: serves a folder`, () =>
      servesAFolder(
        folder,
        [join(folder, 'node_modules', '.bin', 'usmbd'), 'serve'],
        values['allow-missing'],
      ),
    );
    if (version === '24') {
      await tally.check(`Node.js ${version}: has types`, () => hasTypes(folder));
    }
  }
  await tally.check('a clean clone serves a folder', () =>
    servesFromAClone(values['allow-missing']),
  );
  rmSync(scratch, { recursive: true, force: true });
  tally.close();
}

await main();
