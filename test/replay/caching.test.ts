/** Oplocks and leases, continued: what breaks them, what does not, and that nobody waits in vain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientFile } from '../../src/client/file.ts';
import { createRequest, type OpenOptions, setInfoRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  READ_CONTROL,
  SYNCHRONIZE,
} from '../../src/dtyp/access-mask.ts';
import { STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import type { LeaseBreakNotification } from '../../src/smb2/oplock-break.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../../src/smb2/oplock-levels.ts';
import {
  acknowledgeLease,
  leased,
  R,
  RH,
  RWH,
  stateAndEpoch,
  takeBreaks,
} from '../support/leases.ts';
import { cifs, macos15, win11 } from './personas.ts';
import { assertStatus, openStage, timed } from './stage.ts';

const stage = await openStage();

/** Far below the 35 s that a break may take: milliseconds. */
const AT_ONCE = 1000;
const HOLDER = 5;
const OTHER = 6;
const write: OpenOptions = {
  access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
  disposition: FILE_OPEN_IF,
};

const pair = (persona: typeof win11): Promise<[ClientTree, ClientTree]> =>
  Promise.all([stage.enter(persona), stage.enter(persona)]);

/** The next break of a lease that the client is told of, or was told of already. */
async function aBreak(tree: ClientTree): Promise<LeaseBreakNotification> {
  for (;;) {
    const [first] = await takeBreaks(tree);
    if (first !== undefined) return first;
  }
}

const renaming = ({ fileId }: ClientFile, fileName: string, replaceIfExists = false) =>
  setInfoRequest(
    fileId,
    SMB2_0_INFO_FILE,
    FileInformationClass.FileRenameInformation,
    encodeRenameInformation({ fileName, replaceIfExists, rootDirectory: 0 }),
  );

for (const persona of [win11, macos15, cifs]) {
  test(`B17 a break right behind the CREATE of its lease (${persona.name})`, async () => {
    const [holder, other] = await pair(persona);
    const name = `beside ${persona.name}`;
    const { ms } = await timed(async () => {
      // Nobody waits for an answer before both have asked.
      const [first] = await holder.submit([createRequest(name, leased(HOLDER, {}, write))]);
      const [second] = await other.submit([createRequest(name, leased(OTHER, {}, write))]);
      const answer = await holder.session.connection.answerOf(first!);
      const file = holder.fileOf(answer);
      // Whoever came first has it all, and gives up W.
      const isFirst = stateAndEpoch(file)[0] === RWH;
      const [loser, key] = isFirst ? [holder, HOLDER] : [other, OTHER];
      assert.equal((await aBreak(loser)).newLeaseState, RH);
      assert.equal(await acknowledgeLease(loser, key, RH), STATUS_SUCCESS);
      const opened = other.fileOf(await other.session.connection.answerOf(second!));
      assert.equal(stateAndEpoch(isFirst ? opened : file)[0], RH);
      await file.close();
      await opened.close();
    });
    assert.ok(ms < AT_ONCE, `${ms} ms`);
  });

  test(`B18 who only looks at attributes disturbs nobody (${persona.name})`, async () => {
    const [holder, other] = await pair(persona);
    const look = FILE_READ_ATTRIBUTES | SYNCHRONIZE;
    for (const [how, access] of [
      [leased(HOLDER, {}, write), look | READ_CONTROL],
      [{ ...write, oplockLevel: SMB2_OPLOCK_LEVEL_BATCH }, look],
    ] as const) {
      const name = `looked at ${persona.name} ${access}`;
      // Whoever has it open shares nothing, and whoever looks does not either.
      const file = await holder.open(name, { ...how, share: 0 });
      const { ms } = await timed(async () => {
        const looking = await other.open(name, { access, share: 0 });
        await looking.queryInfo(FileInformationClass.FileBasicInformation);
        await looking.close();
      });
      assert.ok(ms < AT_ONCE, `${ms} ms`);
      await takeBreaks(holder);
      assert.deepEqual(holder.session.connection.breaks, []);
      await file.write(0, Buffer.from('still mine'));
      await file.close();
    }
  });

  test(`B19 a rename onto a file whose handle is only cached (${persona.name})`, async () => {
    const [holder, other] = await pair(persona);
    const [source, target] = [`source ${persona.name}`, `target ${persona.name}`];
    const file = await other.open(source, { ...write, access: DELETE | FILE_GENERIC_WRITE });
    for (const closes of [false, true]) {
      const cached = await holder.open(target, leased(HOLDER, { state: RH }, write));
      const [exchange] = await other.submit([renaming(file, target, true)]);
      const { currentLeaseState, newLeaseState } = await aBreak(holder);
      assert.deepEqual([currentLeaseState, newLeaseState], [RH, R]);
      if (closes) await cached.close();
      else assert.equal(await acknowledgeLease(holder, HOLDER, R), STATUS_SUCCESS);
      const answer = await other.session.connection.answerOf(exchange!);
      assertStatus(answer, closes ? STATUS_SUCCESS : STATUS_ACCESS_DENIED);
      if (!closes) await cached.close();
    }
    await file.close();
  });

  test(`B19 a rename of a folder with cached handles in it (${persona.name})`, async () => {
    const [holder, other] = await pair(persona);
    const [from, to] = [`from ${persona.name}`, `to ${persona.name}`];
    await other.makeDirectory(from);
    await other.makeDirectory(`${from}\\below`);
    const folder = await other.open(from, {
      access: DELETE | FILE_READ_ATTRIBUTES,
      options: FILE_DIRECTORY_FILE,
    });
    const cached = await holder.open(`${from}\\below\\file`, leased(HOLDER, { state: RH }, write));
    const below = await holder.open(
      `${from}\\below`,
      leased(OTHER, { state: RH }, { options: FILE_DIRECTORY_FILE }),
    );
    const [exchange] = await other.submit([renaming(folder, to)]);
    for (let open = 2; open > 0; open--) {
      const { leaseKey, newLeaseState } = await aBreak(holder);
      assert.equal(newLeaseState, R);
      await (leaseKey[0] === HOLDER ? cached : below).close();
    }
    assertStatus(await other.session.connection.answerOf(exchange!), STATUS_SUCCESS);
    await folder.close();
    assert.equal((await other.list(`${to}\\below`)).length, 3);
  });
}

test('B20 a folder with a file that is really open keeps its name', async () => {
  const [holder, other] = await pair(win11);
  await other.makeDirectory('kept');
  const child = await holder.open('kept\\child', write);
  const folder = await other.open('kept', {
    access: DELETE | SYNCHRONIZE,
    options: FILE_DIRECTORY_FILE,
  });
  assertStatus(await other.request(renaming(folder, 'moved')), STATUS_ACCESS_DENIED);
  await child.close();
  assertStatus(await other.request(renaming(folder, 'moved')), STATUS_SUCCESS);
  await folder.close();
  await (await other.open('moved\\child')).close();
});
