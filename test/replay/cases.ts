/**
 * The complaints that clients have had of SMB servers. A01 to A45 are everyday ones; of the B's, which
 * many users met, those that concern files, names, macOS, copies, caching, breaks, cancel, notify, durable handles,
 * sessions and channels.
 * Each is replayed here, or tested elsewhere, or waits for a feature that is not there yet. What of it
 * still waits is said.
 */
export interface Case {
  readonly id: string;
  /** What the client shows when the server does it wrong. */
  readonly symptom: string;
  /** The file that holds its tests; undefined where there is nothing to replay yet. */
  readonly here: string | undefined;
  /** A test file, from the root of the repository, where no client's wording matters. */
  readonly elsewhere?: string;
  /** What it, or a part of it, waits for. */
  readonly later?: string;
}

const here = (id: string, symptom: string, file: string, later?: string): Case => ({
  id,
  symptom,
  here: file,
  ...(later !== undefined && { later }),
});
const tested = (id: string, symptom: string, elsewhere: string): Case => ({
  id,
  symptom,
  here: undefined,
  elsewhere,
});

export const CASES: readonly Case[] = [
  here('A01', 'unsigned errors: Windows waits a minute', 'signing'),
  here('A02', 'late answers unsigned: the same', 'signing'),
  here('A03', 'the end of a login unsigned: error 1208', 'signing'),
  here('A04', 'CANCEL by AsyncId not found: a window hangs 65 s', 'cancel'),
  here('A05', 'a break is waited for though its holder closed: 35 s', 'leases'),
  here('A06', 'a break and its CREATE on one connection: deadlock', 'leases'),
  here('A07', 'one slow operation holds up all: not responding', 'slow'),
  here('A08', 'ids out of order refused: copies stall', 'credits'),
  here('A09', 'compounds leak credits: mounts die', 'credits'),
  here('A10', 'names without their path: Notepad finds no file', 'names'),
  here('A11', 'NetrShareGetInfo fails: packaged applications give up', 'shares'),
  here('A12', 'no object ids: the shell asks on and on', 'information'),
  here('A13', 'times or attributes lost: copies are not alike', 'information'),
  here('A14', 'a new folder is shown as "."', 'directory'),
  here('A15', 'changes are not told, or lost: F5 needed', 'cancel'),
  here('A16', 'a refused watch is repeated for ever', 'cancel'),
  here('A17', 'a wrong password makes a guest, whom Windows blocks', 'login'),
  here('A18', 'signing not offered: 24H2 goes away', 'negotiate'),
  here('A19', 'a guest has to sign: access denied', 'login'),
  here('A20', 'a class of SET_INFO is missing: error 0x80070032', 'information'),
  here('A21', 'OPEN_IF truncates: documents of 0 bytes', 'create'),
  here('A22', 'a directory opens as a file: a move deletes what it did not copy', 'create'),
  here('A23', 'AAPL answered wrong: the mount fails', 'apple'),
  here('A24', 'no READ_DIR_ATTR: minutes for a large folder', 'apple'),
  here('A25', 'contexts that nobody asked for: macOS fails the open', 'create'),
  here('A26', 'a lease of the wrong version or key: macOS drops it', 'leases'),
  here('A27', 'a lease is not broken: others cannot open the file', 'leases'),
  here('A28', 'a lock of 2^64-1 bytes refused: flock fails', 'locks'),
  here('A29', 'AFP_AfpInfo is not kept, or not as it was: errors -36, -50', 'streams'),
  here('A30', 'no stream is listed for a plain file: copies end', 'information'),
  here('A31', 'more than the buffer takes: invalid response', 'information'),
  here('A32', 'a folder stays when it is deleted: "Deleting…"', 'directory'),
  here('A33', 'a failed rename leaks its open: sharing violation', 'create'),
  here('A34', 'ids of all ones not inherited: network name deleted', 'compounds'),
  here('A35', 'padding of compounds: parsers break', 'compounds'),
  here('A36', 'no error body: smbclient says invalid network response', 'compounds'),
  here('A37', 'CHALLENGE without 128 and 56: mount error 22', 'negotiate'),
  here('A38', 'no time, no MIC, no mechListMIC: relays, failing logins', 'negotiate'),
  here('A39', 'referrals refused with the wrong status: slow folders', 'ioctl', 'DFS: NOT_FOUND'),
  here('A40', 'VALIDATE_NEGOTIATE_INFO wrong or unsigned: disconnected', 'negotiate'),
  here('A41', 'a FileId of all ones is FILE_CLOSED: no multichannel', 'ioctl'),
  here('A42', 'an interim response to a login: it fails', 'login'),
  here('A43', 'signatures of large and odd answers: invalid signature', 'signing'),
  here('A44', 'reads of nothing and at the end: wrong status', 'information'),
  here('A45', 'names in another case: slow, or made twice', 'names'),
  here('B04', 'a durable handle is not given back: Office has lost the file', 'durable'),
  here('B05', 'its timeout cut without a word: Time Machine refuses', 'durable'),
  tested(
    'B06',
    'a resume key of the root breaks its compound: no disk for Time Machine',
    'test/replay/macos.test.ts',
  ),
  here('B07', 'FLUSH down to the disk is refused: Time Machine fails', 'files'),
  here('B08', 'FLUSH and CLOSE in one compound fail: writes are lost', 'files'),
  here('B09', 'NOTIFY of no file ends the connection', 'waiting'),
  here('B11', 'an ACL without entries keeps everybody out', 'apple-security'),
  here('B12', 'READONLY takes rights away: the Finder cannot rename', 'files'),
  tested('B13', 'a share looks read-only: all of the volume is', 'test/replay/macos.test.ts'),
  {
    ...tested('B14', 'links: applications that hold some fail', 'src/server/symlinks.test.ts'),
    later: 'SET_REPARSE_POINT',
  },
  tested('B16', 'an expired session cannot close: sharing violations', 'src/server/expiry.test.ts'),
  here('B17', 'a break beside the CREATE of the same key: nobody goes on for 35 s', 'caching'),
  here('B18', 'looking at attributes breaks leases: "in use" by the preview', 'caching'),
  here('B19', 'a rename leaves cached handles: they are stale', 'caching'),
  here('B20', 'a folder is renamed over open files: Office corrupts', 'caching'),
  here('B21', 'a file is filled with zeros when it is extended: copies end', 'files'),
  here('B22', 'too many requests that wait: disconnected', 'waiting'),
  here('B23', 'watches keep their credits: macOS starves', 'waiting'),
  tested('B24', 'write times late or stuck: old dates', 'src/commands/set-info.test.ts'),
  here('B25', 'no ECHO while a CREATE waits: reconnects without end', 'waiting'),
  tested('B26', 'idle sessions end with files open', 'src/create-server.test.ts'),
  tested('B27', 'interfaces missing or out of reach', 'src/config/network-interfaces.test.ts'),
  tested('B28', 'a binding by another user or cipher', 'src/server/channels.test.ts'),
  tested('B29', 'a lost channel ends requests of the session', 'src/server/durable-replay.test.ts'),
  here('B30', 'interim responses in plain: decryption fails', 'waiting'),
  here('B31', 'half a session for anonymous: asked for passwords without end', 'shares'),
  tested('B32', 'scanners that sign late or never: refused', 'src/client/matrix.test.ts'),
  tested('B33', 'encryption of a whole session for one share', 'src/server/protection.test.ts'),
  here('B35', 'the limits of a copy are not told: Windows copies slowly', 'copies'),
  here('B36', 'a copy holds up its connection: the client gives up after 60 s', 'copies'),
  here('B37', 'characters that Windows has not: names that cannot be opened', 'files'),
  here('B38', 'names that Windows cannot have: lost files', 'files'),
  here('B40', 'room told in one class alone: no bytes free', 'files'),
  here('B42', 'the newest listings misread: empty folders', 'files'),
  here('B44', 'several create contexts in any order: misread', 'create'),
  here('B45', 'ids of 0 in answers to the end: exceptions at exit', 'login'),
];
