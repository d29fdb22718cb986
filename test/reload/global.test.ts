/** Every parameter of [global], changed on a server that runs: see run.ts. */
import { globalEffects } from '../../src/config/effects.ts';
import { globalParameters } from '../../src/config/parameters.ts';
import { globalRows } from './global-rows.ts';
import { testRows } from './run.ts';

testRows('global', globalRows, globalEffects, globalParameters);
