/** The suites of Samba's smbtorture that usmbd answers for, in the order in which they run. */

export interface Suite {
  readonly name: string;
  /** For the whole suite; what it does not reach then runs one by one for as long again. */
  readonly limitSeconds: number;
  /** It waits for timers most of its time, so it runs beside the others. */
  readonly waits: boolean;
}

const suite = (name: string, limitSeconds = 60): Suite => ({ name, limitSeconds, waits: false });

const waitingSuite = (name: string, limitSeconds: number): Suite => ({
  name,
  limitSeconds,
  waits: true,
});

export const SUITES: readonly Suite[] = [
  suite('smb2.connect'),
  suite('smb2.tcon'),
  suite('smb2.read'),
  suite('smb2.rw'),
  suite('smb2.mkdir'),
  suite('smb2.credits'),
  suite('smb2.compound_find'),
  suite('smb2.fileid', 120),
  suite('smb2.openattr'),
  suite('smb2.winattr'),
  suite('smb2.getinfo'),
  suite('smb2.setinfo'),
  suite('smb2.delete-on-close-perms'),
  suite('smb2.rename'),
  suite('smb2.lock'),
  suite('smb2.secleak'),
  suite('smb2.dir', 180),
  suite('smb2.notify', 180),
  suite('smb2.notify-inotify'),
  suite('smb2.session', 240),
  waitingSuite('smb2.oplock', 240),
  waitingSuite('smb2.lease', 300),
  suite('smb2.scan', 120),
  suite('smb2.maxfid', 300),
];
