/**
 * A kernel and an initial RAM file system for a QEMU guest that mounts over SMB: Debian's kernel
 * package, the modules that cifs.ko needs, and busybox.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Cpio } from './cpio.ts';

export interface Kernel {
  /** What QEMU boots; for User Mode Linux the program that is the kernel. */
  readonly image: string;
  /** The folder of its modules; undefined for User Mode Linux, which has all it needs built in. */
  readonly modules: string | undefined;
  readonly release: string;
}

/**
 * What the guest loads, with all that these depend on. cifs.ko asks for its ciphers by name; there is
 * no modprobe in the guest to find them, so all that it may ask for is loaded first. gcm(aes) is
 * built on ghash, which nothing names as a dependency.
 */
const MODULES = [
  ...['virtio_pci', 'virtio_net', 'nls_utf8', 'md5', 'hmac', 'sha256_generic', 'sha512_generic'],
  ...['aes_generic', 'aesni_intel', 'ecb', 'ctr', 'ccm', 'cmac', 'ghash_generic', 'gcm', 'cifs'],
];

/**
 * The kernel below a folder laid out as Debian's package is (boot, lib/modules), or a program: a kernel of User Mode
 * Linux (`make ARCH=um`), which runs without an emulator.
 */
export function kernelIn(folder: string): Kernel {
  if (statSync(folder).isFile()) {
    const release = execFileSync(folder, ['--version'], { encoding: 'utf8' }).trim();
    return { image: folder, modules: undefined, release: `${release} (User Mode)` };
  }
  const releases = join(folder, 'lib', 'modules');
  const release = readdirSync(releases).sort().at(-1);
  if (release === undefined) throw new Error(`no kernel modules in ${releases}`);
  const image = join(folder, 'boot', `vmlinuz-${release}`);
  if (!existsSync(image)) throw new Error(`no kernel ${image}`);
  return { image, modules: join(releases, release), release };
}

/** Debian's current kernel, downloaded by apt and unpacked (not installed) once. */
export function fetchKernel(cache: string): Kernel {
  const about = execFileSync('apt-cache', ['show', '--no-all-versions', 'linux-image-amd64'], {
    encoding: 'utf8',
  });
  const name = /^Depends:.*?(linux-image-[0-9][^ ,(]*)/m.exec(about)?.[1];
  if (name === undefined) throw new Error('apt knows no linux-image-amd64 (apt-get update first)');
  const folder = join(cache, name);
  if (!existsSync(folder)) {
    const unpacking = `${folder}.${process.pid}`;
    mkdirSync(unpacking, { recursive: true });
    const download = ['download', '-q', '-o', 'APT::Sandbox::User=root', name];
    execFileSync('apt-get', download, { cwd: unpacking, stdio: ['ignore', 'ignore', 'inherit'] });
    const archive = readdirSync(unpacking).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download ${name} left no package`);
    execFileSync('dpkg-deb', ['-x', join(unpacking, archive), join(unpacking, 'root')]);
    execFileSync('mv', ['-T', join(unpacking, 'root'), folder]);
    execFileSync('rm', ['-r', unpacking]);
  }
  return kernelIn(folder);
}

const moduleName = (file: string): string => basename(file, '.ko').replaceAll('-', '_');

/** The files of MODULES and of what they depend on, in an order in which they can be loaded. */
function moduleFiles(kernel: Kernel, more: readonly string[]): string[] {
  const { modules, release } = kernel;
  if (modules === undefined) return [];
  const files = new Map<string, string>();
  for (const entry of readdirSync(join(modules, 'kernel'), { recursive: true, encoding: 'utf8' })) {
    if (entry.endsWith('.ko')) files.set(moduleName(entry), join(modules, 'kernel', entry));
  }
  if (files.size === 0) throw new Error(`no uncompressed modules in ${modules}`);
  const builtIn = new Set(
    readFileSync(join(modules, 'modules.builtin'), 'utf8').split('\n').map(moduleName),
  );
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    if (builtIn.has(name)) return;
    const file = files.get(name);
    if (file === undefined) throw new Error(`kernel ${release} has no module ${name}`);
    if (ordered.has(file)) return;
    for (const dependency of dependenciesOf(file)) visit(dependency);
    ordered.add(file);
  };
  for (const name of [...MODULES, ...more]) visit(name);
  return [...ordered];
}

/** The "depends=" entry of the module's .modinfo section. */
function dependenciesOf(file: string): string[] {
  const list = /\0depends=([^\0]*)\0/.exec(readFileSync(file, 'latin1'))?.[1] ?? '';
  return list
    .split(',')
    .filter((name) => name !== '')
    .map(moduleName);
}

/** First process of the guest: loads the modules, brings the network up, runs /guest.sh. */
const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /mnt /bin
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do insmod /modules/$m || echo "insmod $m failed"; done
ifconfig lo up
[ -e /sys/class/net/eth0 ] && network=eth0 || network=vec0
ifconfig $network 10.0.2.15 netmask 255.255.255.0 up
stty -F /dev/ttyS1 raw -echo
sh /guest.sh < /dev/ttyS1 > /dev/ttyS1
poweroff -f
`;

export interface GuestFiles {
  readonly busybox: string;
  /** What /init runs by busybox's shell. */
  readonly script: string;
  /** Further files, by their path in the guest without the first slash. */
  readonly files: Iterable<readonly [path: string, content: Uint8Array | string]>;
  /** Programs of this machine that the guest has, too, at the same path, with their libraries. */
  readonly programs?: readonly string[];
  /** Kernel modules beside those that every guest has. */
  readonly modules?: readonly string[];
}

/** The guest's file system. */
export function initialRamFs(kernel: Kernel, guest: GuestFiles): Buffer {
  const cpio = new Cpio();
  cpio.characterDevice('dev/console', 5, 1);
  cpio.characterDevice('dev/null', 1, 3);
  cpio.file('bin/busybox', readFileSync(guest.busybox), 0o755);
  cpio.file('init', INIT, 0o755);
  cpio.file('guest.sh', guest.script);
  const modules = moduleFiles(kernel, guest.modules ?? []);
  cpio.file('modules/order', modules.map((file) => `${basename(file)}\n`).join(''));
  for (const file of modules) cpio.file(`modules/${basename(file)}`, readFileSync(file));
  for (const file of withLibraries(guest.programs ?? [])) {
    cpio.file(file.slice(1), readFileSync(file), 0o755);
  }
  for (const [path, content] of guest.files) cpio.file(path, content);
  return cpio.end();
}

/** Assignments for a shell to read. */
export function shellVariables(variables: Readonly<Record<string, string>>): string {
  const quote = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('');
}

function withLibraries(programs: readonly string[]): Set<string> {
  const files = new Set(programs);
  for (const program of programs) {
    const listed = execFileSync('ldd', [program], { encoding: 'utf8' });
    for (const [, path] of listed.matchAll(/(\/\S+) \(0x/g)) files.add(path!);
  }
  return files;
}
