/** What is told of the keys of Samba's vfs_fruit that say where something is kept, where they ask for another place. */
const NOT_SEEN = 'and what Samba kept the other way is not seen';
const keptOtherwise =
  (key: string, here: string, otherwise = NOT_SEEN) =>
  (way: string): string | undefined =>
    way === here
      ? undefined
      : `"${key} = ${way}" is not supported: it is as with "${here}", ${otherwise}`;

export const METADATA_CAVEAT = keptOtherwise(
  'fruit:metadata',
  'stream',
  "but what Samba or Netatalk kept the other way is seen, and FinderInfo in it follows changes; new files' is not told to them",
);
const IN_FILES = keptOtherwise(
  'fruit:resource',
  'stream',
  'and what is in `._` files becomes streams (fruit:convert_adouble)',
);
const ELSEWHERE = keptOtherwise('fruit:resource', 'stream');
export const RESOURCE_CAVEAT = (way: string): string | undefined =>
  way === 'file' ? IN_FILES(way) : ELSEWHERE(way);
export const ENCODING_CAVEAT = keptOtherwise(
  'fruit:encoding',
  'private',
  'but streams whose names Samba kept the other way are found',
);
