/** Parameters of NetBIOS: names and sessions of RFC 1001, for machines that find servers by them. */
import { parameter, type Table } from './parameter.ts';
import { bool, integer, optional, type ValueType } from './value-types.ts';

const port = integer({ minimum: 1, maximum: 65_535 });

const ports: ValueType<readonly number[]> = {
  expects: 'numbers of ports with blanks between them, such as 445 139',
  parse(raw) {
    const values = raw
      .split(/[\s,]+/)
      .filter((word) => word !== '')
      .map((word) => port.parse(word));
    const known = values.filter((value) => value !== undefined);
    return known.length === values.length && known.length > 0 ? [...new Set(known)] : undefined;
  },
  print: (value) => value.join(' '),
};

export const netbiosParameters = {
  /** All of them are listened on, by either way of opening a session. Undefined: `tcp port`, with NetBIOS 139, too. */
  smbPorts: parameter('smb ports', optional(ports), undefined as readonly number[] | undefined),
  /** Samba: no. Whoever looks for a server by broadcasts tells everybody what it looks for. */
  disableNetbios: parameter('disable netbios', bool, true),
  /** Of the name service. */
  nbtPort: parameter('nbt port', port, 137),
} satisfies Table;
