/** Tests that run with the memory file system, and with a folder of this machine's disk. No tests of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nativeSupport } from '../native/support.ts';
import { createLocalVfs } from '../vfs/local/local-vfs.ts';
import { World } from './test-world.support.test.ts';

/** `root`: the folder on disk; undefined in memory. */
type Body<Stage> = (stage: Stage, root: string | undefined) => Promise<void>;

/** Defines both tests of a scenario; `stage` makes what each begins with. */
export function scenarios<Stage extends { end(): Promise<void> }>(
  stage: (world: World) => Promise<Stage>,
): (name: string, body: Body<Stage>) => void {
  const play = async (world: World, body: Body<Stage>, root?: string): Promise<void> => {
    const scene = await stage(world);
    await body(scene, root);
    await scene.end();
    world.assertEmpty();
  };
  return (name, body) => {
    test(`${name}, in memory`, () => play(new World(), body));
    test(`${name}, on disk`, { skip: nativeSupport().unavailable ?? false }, async () => {
      const root = mkdtempSync(join(tmpdir(), 'usmbd-scenario-'));
      const vfs = createLocalVfs({ root });
      await play(new World({ between: () => vfs, features: vfs.features }), body, root);
      vfs.close();
      rmSync(root, { recursive: true });
    });
  };
}
