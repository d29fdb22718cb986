/** Each parameter of `idmap config`, and which uid a user with RID 5104 has by it, before and after. */
import type { IdmapOption } from '../../src/config/idmap.ts';

export interface IdmapRow {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly uids: readonly (number | undefined)[];
}

const REST = ['idmap config * : backend = autorid', 'idmap config * : range = 100000-199999'];
const SIZE = 'idmap config * : rangesize = 10000';

export const idmapRows: Readonly<Record<IdmapOption, IdmapRow>> = {
  backend: {
    before: [...REST, SIZE],
    after: ['idmap config * : backend = tdb', 'idmap config * : range = 300000-399999'],
    uids: [105_104, 300_000],
  },
  range: {
    before: ['idmap config EXAMPLE : range = 100000-199999'],
    after: ['idmap config EXAMPLE : range = 500000-599999'],
    uids: [105_104, 505_104],
  },
  // Blocks of 2000 begin at another RID below this one.
  rangesize: {
    before: [REST[0]!, 'idmap config * : range = 100000-149999', SIZE],
    after: [
      REST[0]!,
      'idmap config * : range = 200000-249999',
      'idmap config * : rangesize = 2000',
    ],
    uids: [105_104, 201_104],
  },
};
