/**
 * MS-FSCC 2.1.6: a share's name has no control characters and none of `" \ / [ ] : | < > + = ; , * ?`;
 * ksmbd allows 63 bytes where the document allows 80 characters.
 */
const MAXIMUM_BYTES = 63;
const ILLEGAL = /[\p{Cc}\p{Cs}"\\/[\]:|<>+=;,*?]/u;
const EACH_ILLEGAL = new RegExp(ILLEGAL, 'gu');

export const SHARE_NAME_EXPECTED =
  'a name of at most 63 bytes without " \\ / [ ] : | < > + = ; , * ? that is not "global" or "IPC$"';

export function isShareName(name: string): boolean {
  const reserved = ['global', 'ipc$'].includes(name.toLowerCase());
  const legal = name === name.trim() && !ILLEGAL.test(name);
  return legal && !reserved && name !== '' && Buffer.byteLength(name) <= MAXIMUM_BYTES;
}

/** A legal name that is near `text`, for a share that is named after its folder. */
export function toShareName(text: string): string {
  let name = text.replace(EACH_ILLEGAL, '_').trim();
  while (Buffer.byteLength(name) > MAXIMUM_BYTES) name = [...name].slice(0, -1).join('').trim();
  return isShareName(name) ? name : 'share';
}
