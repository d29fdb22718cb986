/** MS-SAMR 2.2.2.2 and MS-DTYP 2.3.3: the end of time, which stands for never. */
export const NTTIME_NEVER = 0x7fff_ffff_ffff_ffffn;
