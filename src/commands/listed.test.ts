/** `list ea sizes`: EaSize in listings, as the file itself tells it (MS-FSCC 2.4.8 and its kin). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHARE, startServer } from '../../test/support/in-process-server.ts';
import { configure } from '../config/configuration.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { encodeFullEas } from '../fscc/extended-attributes.ts';
import { FileEaInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { FILE_CREATE } from '../smb2/create-options.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

for (const listEaSizes of [false, true]) {
  test(`list ea sizes = ${listEaSizes ? 'yes' : 'no'}`, async (context) => {
    const server = await startServer({
      configuration: configure({
        shares: [{ name: SHARE, path: '/', readOnly: false, listEaSizes }],
      }),
      shares: [{ name: SHARE, vfs: createMemoryVfs() }],
    });
    context.after(() => server.close());
    const tree = await server.mount();
    await tree.writeFile('plain', Buffer.from('x'));
    const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    const file = await tree.open('rich', { access, disposition: FILE_CREATE });
    const ea = { flags: 0, name: 'AUTHOR', value: Buffer.from('Ann') };
    await file.setInfo(Class.FileFullEaInformation, encodeFullEas([ea], 4096).bytes);
    const { eaSize } = FileEaInformation.read(await file.queryInfo(Class.FileEaInformation));
    await file.close();
    assert.ok(eaSize > 0);
    const listed = (await tree.list('')).map((entry) => [entry.name, entry.eaSize]);
    assert.deepEqual(listed.sort(), [
      ['.', 0],
      ['..', 0],
      ['plain', 0],
      ['rich', listEaSizes ? eaSize : 0],
    ]);
  });
}
