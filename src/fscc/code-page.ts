/**
 * MS-CIFS 2.2.1.1, MS-FSCC 2.4.16: text of 8-bit characters, of the code page that both sides believe in, here 850,
 * as Samba's default is. Each byte is one character of it, so whatever a client sends comes back as it was.
 */

/** The upper half of code page 850. */
const CP850 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0';
const oemOf = new Map([...CP850].map((character, i) => [character, 0x80 + i]));

export function decodeOem(b: Buffer): string {
  let text = '';
  for (const byte of b) text += byte < 0x80 ? String.fromCharCode(byte) : CP850[byte - 0x80]!;
  return text;
}

/** What the code page does not have becomes an underscore, which no path can be mistaken for. */
export function encodeOem(text: string): Buffer {
  const b = Buffer.allocUnsafe(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    b[i] = unit < 0x80 ? unit : (oemOf.get(text[i]!) ?? 0x5f);
  }
  return b;
}

/** Can the code page say all of it? */
export function isOem(text: string): boolean {
  for (const character of text) {
    if (character.charCodeAt(0) >= 0x80 && !oemOf.has(character)) return false;
  }
  return true;
}
