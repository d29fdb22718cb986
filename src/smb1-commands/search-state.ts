/** MS-CIFS 3.3.1.7: a search that goes on in later requests: TRANS2_FIND_FIRST2 and SMB_COM_SEARCH. */
import type { OpenFile } from './link.ts';

export interface Search {
  readonly sid: number;
  /** The directory, open for this search alone. */
  readonly directory: Omit<OpenFile, 'fid'>;
  readonly pattern: string;
  readonly searchAttributes: number;
  /** Of SMB_COM_SEARCH and SMB_COM_FIND, whose clients need not end what they begin. */
  readonly isOld: boolean;
  /** The name that was told last: where to go on from. */
  lastName: string;
  /** Entries told so far. */
  told: number;
}
