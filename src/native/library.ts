/**
 * The door to koffi (docs: koffi.dev). Everything native is declared through `bind`; nothing outside
 * this folder imports koffi. Where koffi is missing, or USMBD_NATIVE=0 switches it off, a bound
 * function fails like a system call that the kernel lacks: -1 and ENOSYS. Ask support.ts first.
 */
import { createRequire } from 'node:module';

type Koffi = typeof import('koffi');
type Library = ReturnType<Koffi['load']>;

/** What may be passed where C wants an argument. */
export type NativeArgument = number | bigint | string | ArrayBufferView | null;

const ENOSYS_NUMBER = 38;

function loadKoffi(): { koffi: Koffi; process: Library } | string {
  if (process.env.USMBD_NATIVE === '0') return 'USMBD_NATIVE=0 switches it off';
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    // The process itself: its C library, and the OpenSSL that Node carries.
    return { koffi, process: koffi.load(null) };
  } catch (error) {
    return `koffi cannot be loaded: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const loaded = loadKoffi();

/** Why there are no native calls; undefined when there are. */
export const missing: string | undefined = typeof loaded === 'string' ? loaded : undefined;

/** For what of koffi is no C function. */
export const koffiModule: Koffi | undefined = typeof loaded === 'string' ? undefined : loaded.koffi;

/**
 * A C function of this process. `signature` in koffi's type names; a fixed signature may stand for a
 * variadic function, since on x64 and arm64 Linux both pass integers and pointers the same way.
 */
export function bind<F extends (...args: never[]) => number>(
  name: string,
  result: 'int' | 'int64',
  signature: readonly string[],
): F {
  if (typeof loaded !== 'string') {
    try {
      return loaded.process.func(name, result, [...signature]) as unknown as F;
    } catch {
      // This C library is too old to have it: as missing.
    }
  }
  return (() => -1) as unknown as F;
}

/**
 * The same on a thread of libuv's pool, which has the process's own identity: the result, or a negative errno.
 * What the call reads or writes has to stay referenced until then.
 */
export function bindInPool(
  name: string,
  result: 'int' | 'int64',
  signature: readonly string[],
): (...args: readonly NativeArgument[]) => Promise<number> {
  if (typeof loaded !== 'string') {
    const { koffi, process: library } = loaded;
    try {
      const call = library.func(name, result, [...signature]);
      return (...args) =>
        new Promise((resolve) => {
          call.async(...args, (error: unknown, value: number) => {
            // koffi brings errno along from the other thread.
            resolve(error !== null || value < 0 ? -(koffi.errno() || ENOSYS_NUMBER) : value);
          });
        });
    } catch {
      // As above.
    }
  }
  return async () => -ENOSYS_NUMBER;
}

/** errno of the native call just made on this thread. */
export const lastErrno: () => number =
  typeof loaded === 'string' ? () => ENOSYS_NUMBER : () => loaded.koffi.errno() || ENOSYS_NUMBER;

/** The address of the first byte, exact as a number. The buffer must stay referenced meanwhile. */
export const addressOf: (buffer: ArrayBufferView) => number =
  typeof loaded === 'string' ? () => 0 : (buffer) => Number(loaded.koffi.address(buffer));

/** What C may write to as long as the process lives: V8 frees what no function names any more. */
const keptMemory: ArrayBufferView[] = [];

/** The same of memory that is kept from now on. */
export function addressForGood(buffer: ArrayBufferView): number {
  keptMemory.push(buffer);
  return addressOf(buffer);
}
