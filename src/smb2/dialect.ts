/** MS-SMB2 2.2.3, 2.2.4: dialect revision numbers, and the names by which tools call them. */

export const Dialect = {
  SMB2_02: 0x0202,
  SMB2_10: 0x0210,
  SMB3_00: 0x0300,
  SMB3_02: 0x0302,
  SMB3_11: 0x0311,
} as const;
export type DialectName = keyof typeof Dialect;
export type Dialect = (typeof Dialect)[DialectName];

/** The wildcard revision: a server's answer to "SMB 2.???" in a multi-protocol NEGOTIATE. */
export const DIALECT_WILDCARD = 0x02ff;

/** Ascending, so that the last common one is the best. */
export const DIALECTS: readonly Dialect[] = Object.values(Dialect);

const names = new Map<number, DialectName>(
  (Object.keys(Dialect) as DialectName[]).map((name) => [Dialect[name], name]),
);

export const isDialect = (revision: number): revision is Dialect => names.has(revision);

/** `SMB3_11` for 0x0311; undefined for what is no dialect. */
export const dialectName = (revision: number): DialectName | undefined => names.get(revision);

export const dialectByName = (name: string): Dialect | undefined =>
  Object.hasOwn(Dialect, name) ? Dialect[name as DialectName] : undefined;
