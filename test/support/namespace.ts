/**
 * A runner again in a network namespace of its own, where the port that a client insists on is nobody's: 135 of the endpoint
 * mapper, for one. Needs root, unshare and ip.
 */
import { spawnSync } from 'node:child_process';

/** Set by a runner for itself in its namespace. */
const INSIDE = 'USMBD_TEST_NAMESPACE';

export const isInNamespace = (): boolean => process.env[INSIDE] === '1';

/** Throws where there is none to be had. The exit code is that of the runner inside. */
export function enterNamespace(): void {
  const script = 'ip link set lo up && exec "$0" "$@"';
  const self = [process.execPath, ...process.argv.slice(1)];
  const { status, error } = spawnSync('unshare', ['-n', 'sh', '-c', script, ...self], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  if (error !== undefined) throw new Error(`unshare and ip are needed: ${error.message}`);
  process.exitCode = status ?? 1;
}
