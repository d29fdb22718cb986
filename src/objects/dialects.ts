/**
 * MS-SMB2 2.2.3: the five dialects as rows of constants, chosen once at NEGOTIATE. What a dialect
 * changes is looked up here, so handlers hold no comparison of revision numbers.
 */
import { MAX_SINGLE_CREDIT_SIZE } from '../base/limits.ts';
import { Dialect, dialectName } from '../smb2/dialect.ts';
import type { DialectTraits } from './connection.ts';
import type { ServerOptions } from './server-state.ts';

export function dialectTraits(revision: Dialect, options: ServerOptions): DialectTraits {
  const multiCredit = revision !== Dialect.SMB2_02;
  const bound = (size: number): number =>
    multiCredit ? size : Math.min(size, MAX_SINGLE_CREDIT_SIZE);
  const smb3 = revision >= Dialect.SMB3_00;
  const is311 = revision === Dialect.SMB3_11;
  return {
    revision,
    name: dialectName(revision)!,
    multiCredit,
    smb3,
    preauthIntegrity: is311,
    encryption: is311 ? 'context' : smb3 ? 'capability' : 'none',
    leasing: multiCredit && options.leases,
    directoryLeasing: smb3 && options.leases && options.directoryLeases,
    lockSequence: revision !== Dialect.SMB2_02,
    remoteInvalidation: smb3 && revision !== Dialect.SMB3_00,
    normalizedNames: is311,
    maxTransactSize: bound(options.maxTransactSize),
    maxReadSize: bound(options.maxReadSize),
    maxWriteSize: bound(options.maxWriteSize),
  };
}
