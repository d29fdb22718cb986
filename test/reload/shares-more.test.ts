/** Every other parameter of a share, changed on a server that runs: see run.ts. */
import { shareEffects } from '../../src/config/effects.ts';
import { shareParameters } from '../../src/config/parameters.ts';
import { testRows } from './run.ts';
import { shareRows } from './share-rows.ts';

testRows('data', shareRows, shareEffects, shareParameters, { part: 1, parts: 2 });
