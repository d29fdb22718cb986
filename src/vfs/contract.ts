/**
 * The rules of vfs.ts as tests. Every back end runs them:
 *
 *     vfsContract('memory', async () => ({ vfs, profile: 'full', cleanup: async () => {} }));
 *
 * Each test gets what one call of `make` gives and cleans it up after. With `plant` (diskPlant for a
 * directory on a POSIX disk) the tests also see what others did to the disk; with `identity` they see
 * that permissions hold. What a back end does not offer is skipped by name.
 */

import { appleStreamRules } from './contract-apple-streams.ts';
import { dataRules } from './contract-data.ts';
import { directoryRules } from './contract-directory.ts';
import { diskRules } from './contract-disk.ts';
import { extendedAttributeRules } from './contract-eas.ts';
import { identityRules } from './contract-identity.ts';
import { checks, type VfsUnderTest } from './contract-kit.ts';
import { lookupRules } from './contract-lookup.ts';
import { metadataRules } from './contract-metadata.ts';
import { modelRules } from './contract-model.ts';
import { nameRules } from './contract-names.ts';
import { plantedRules } from './contract-planted.ts';
import { reparseRules } from './contract-reparse.ts';
import { securityRules } from './contract-security.ts';
import { streamRules } from './contract-streams.ts';

export function vfsContract(name: string, make: () => Promise<VfsUnderTest>): void {
  const check = checks(name, make);
  lookupRules(check);
  plantedRules(check);
  dataRules(check);
  metadataRules(check);
  extendedAttributeRules(check);
  reparseRules(check);
  streamRules(check);
  appleStreamRules(check);
  nameRules(check);
  directoryRules(check);
  identityRules(check);
  securityRules(check);
  diskRules(check);
  modelRules(check);
}
