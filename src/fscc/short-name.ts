/**
 * MS-FSCC 2.1.5.2.1 and 2.4.5: the 8.3 name of a file. Where the name itself is no 8.3 name, one is
 * generated from it alone, so it needs no store and stays the same over restarts:
 *
 *     Minutes of May.docx  →  M~N89M8I.DOC      first letter, ~, six digits of a hash, extension
 *
 * No Windows generates this form, so hardly a name is taken for a generated one by mistake. Two names of
 * one directory may still come to the same: who answers with a short name has to look (MS-FSA 2.1.5.1.1:
 * "MUST be unique").
 */

/**
 * 2.1.5.2.1, less the characters that FAT does not have in a short name (+ , ; = [ ]): those who still
 * use short names take them for separators.
 */
const SHORT = /^[!#$%&'()\-0-9@A-Z^_`a-z{}~]{1,8}(?:\.[!#$%&'()\-0-9@A-Z^_`a-z{}~]{1,3})?$/;

const GENERATED = /^[0-9A-Z_]~[0-9A-Z]{6}(?:\.[0-9A-Z]{1,3})?$/i;

const HASH_DIGITS = 6;
const RADIX = 36;
const HASHES = RADIX ** HASH_DIGITS;

const EXTENSION_LETTERS = 3;

export const isShortName = (name: string): boolean => SHORT.test(name);

/** Has it the form of a generated name, in any case? */
export const isGeneratedShortName = (name: string): boolean => GENERATED.test(name);

/** The file name itself where it is an 8.3 name, else the one that is generated from it. */
export function shortNameOf(name: string): string {
  if (isShortName(name)) return name;
  const dot = name.lastIndexOf('.');
  const letters = dot <= 0 ? '' : plain(name.slice(dot + 1));
  const extension = letters === '' ? '' : `.${letters.slice(0, EXTENSION_LETTERS)}`;
  const first = plain(name.slice(0, 1)) || '_';
  const digits = (hash(name) % HASHES).toString(RADIX).toUpperCase().padStart(HASH_DIGITS, '0');
  return `${first}~${digits}${extension}`;
}

/** Is `short`, which is of the generated form, the short name of this file? Made for looking through many. */
export function isShortNameOf(short: string, name: string): boolean {
  const first = short.charAt(0).toUpperCase();
  if (first !== '_' && name.charAt(0).toUpperCase() !== first) return false;
  return !isShortName(name) && shortNameOf(name) === short.toUpperCase();
}

/** The ASCII letters and digits of `text`, in upper case. */
const plain = (text: string): string => text.replace(/[^0-9A-Za-z]/g, '').toUpperCase();

/** FNV-1a over the UTF-16 units, with the finish of MurmurHash3: each bit of the name moves all digits. */
function hash(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
