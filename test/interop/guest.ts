/**
 * A guest with a Linux kernel that runs one script; the script's input and output are a serial line whose other end is
 * here. By QEMU without KVM, so its seconds say nothing about speed, or as a process of this machine (User Mode Linux).
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { end, findProgram, start, tail } from '../support/process.ts';
import { type GuestFiles, initialRamFs, type Kernel } from './guest-image.ts';
import { type Machine, userModeMachine } from './user-mode.ts';

const GUEST_MEMORY_MIB = 768;
/**
 * Without what costs most to emulate: page tables of five levels, checks of kernel and user pages, vector registers
 * that are kept at each change of the process. Programs start in half the time. The kernel's AES takes AVX2 for a
 * promise of AVX, so both go.
 */
const PROCESSOR = 'max,la57=off,smap=off,smep=off,pku=off,avx=off,avx2=off';
/** The host's loopback, as QEMU's user-mode network shows it to the guest. */
export const HOST_ADDRESS = '10.0.2.2';

export interface Guest {
  /** What the script says, until the guest ends. */
  readonly lines: AsyncIterable<string>;
  say(line: string): void;
  /** To the machine itself: SIGKILL pulls its plug, SIGSTOP freezes it. */
  signal(signal: NodeJS.Signals): void;
  /** Ends the guest if it runs; gives what QEMU complained of and the end of the guest's console. */
  stop(): Promise<string>;
}

/** What a guest has beside the usual machine. */
export interface Equipment {
  readonly memoryMib?: number;
  readonly qemuArguments?: readonly string[];
}

export function startGuest(
  qemu: string,
  kernel: Kernel,
  files: GuestFiles,
  { memoryMib = GUEST_MEMORY_MIB, qemuArguments = [] }: Equipment = {},
): Guest {
  if (kernel.modules === undefined && qemuArguments.length > 0) {
    throw new Error(
      'User Mode Linux has none of the devices that this runner needs: a --kernel for QEMU',
    );
  }
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-guest-'));
  const consoleLog = join(scratch, 'console');
  const initrd = join(scratch, 'initrd');
  writeFileSync(initrd, initialRamFs(kernel, files));
  const { program, arguments: args } =
    kernel.modules === undefined
      ? userModeMachine(kernel, initrd, scratch, memoryMib)
      : emulated(qemu, kernel, initrd, consoleLog, memoryMib);
  const machine = start(program, [...args, ...qemuArguments], { stdio: 'pipe', stdin: 'pipe' });
  const { stdin, stdout, stderr } = machine;
  if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes');
  let complaints = '';
  stderr.on('data', (piece: Buffer) => {
    complaints += piece.toString('latin1');
  });
  machine.once('error', (error) => {
    complaints += String(error);
  });
  // Whoever writes to a guest that has ended learns of it by its lines.
  stdin.on('error', () => undefined);
  const lines = createInterface({ input: stdout });
  return {
    lines: withoutReturns(lines),
    say: (line) => void stdin.write(`${line}\n`),
    signal: (signal) => void machine.kill(signal),
    stop: async () => {
      await end(machine);
      const log = existsSync(consoleLog) ? readFileSync(consoleLog, 'latin1') : '';
      rmSync(scratch, { recursive: true, force: true });
      return [complaints, log].map(lastWords).join('\n');
    },
  };
}

function emulated(
  program: string,
  kernel: Kernel,
  initrd: string,
  consoleLog: string,
  memoryMib: number,
): Machine {
  const args = [
    ...['-accel', 'tcg', '-cpu', PROCESSOR, '-machine', 'q35,hpet=off', '-smp', '1'],
    ...['-m', String(memoryMib), '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-kernel', kernel.image, '-initrd', initrd],
    ...[
      '-append',
      'console=ttyS0 loglevel=4 panic=-1 mitigations=off net.ifnames=0 tsc=reliable no_timer_check',
    ],
    ...['-serial', `file:${consoleLog}`, '-serial', 'stdio'],
    ...['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='],
  ];
  return { program, arguments: args };
}

/** The end, and why a kernel panicked, which stands before a trace that is longer than what is shown. */
function lastWords(text: string): string {
  const reasons = text.match(/^.*(Kernel panic|Bus error|Out of memory).*$/gm) ?? [];
  return [...reasons, tail(text, 15)].join('\n');
}

async function* withoutReturns(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield line.replace(/\r$/, '');
}

/** Throws where one is not installed. */
export function guestPrograms(): { readonly qemu: string; readonly busybox: string } {
  return {
    qemu: need('qemu-system-x86_64', 'qemu-system-x86'),
    busybox: need('busybox', 'busybox-static'),
  };
}

export function need(name: string, debianPackage: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed (Debian: ${debianPackage})`);
  return path;
}
