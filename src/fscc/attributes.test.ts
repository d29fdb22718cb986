import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
  normalizeAttributes,
} from './attributes.ts';
import * as tags from './reparse-tags.ts';

test('NORMAL stands alone or not at all', () => {
  assert.equal(normalizeAttributes(0), FILE_ATTRIBUTE_NORMAL);
  assert.equal(normalizeAttributes(FILE_ATTRIBUTE_NORMAL), FILE_ATTRIBUTE_NORMAL);
  assert.equal(
    normalizeAttributes(FILE_ATTRIBUTE_NORMAL | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE),
    FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE,
  );
});

test('what the bits of a reparse tag tell', () => {
  assert.equal(tags.isNameSurrogate(tags.IO_REPARSE_TAG_SYMLINK), true);
  assert.equal(tags.isNameSurrogate(tags.IO_REPARSE_TAG_NFS), false);
  assert.equal(tags.isMicrosoftTag(tags.IO_REPARSE_TAG_SYMLINK), true);
  assert.equal(tags.isMicrosoftTag(0x00000042), false);
  assert.equal(tags.isDirectoryTag(tags.IO_REPARSE_TAG_CLOUD), true);
  assert.equal(tags.isDirectoryTag(tags.IO_REPARSE_TAG_MOUNT_POINT), false);
});
