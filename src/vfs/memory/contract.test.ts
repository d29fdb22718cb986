import { vfsContract } from '../contract.ts';
import { createMemoryVfs } from './memory.ts';

vfsContract('memory', async () => {
  const vfs = createMemoryVfs();
  return {
    vfs,
    profile: 'full',
    identity: { uid: 1000, gid: 1000, groups: [1000] },
    plant: vfs.plant,
    cleanup: async () => {},
  };
});
