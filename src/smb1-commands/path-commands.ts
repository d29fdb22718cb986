/**
 * MS-CIFS 3.3.5.3, 3.3.5.4, 3.3.5.9, 3.3.5.11, 3.3.5.12, 3.3.5.17, 3.3.5.32, 3.3.5.33: CREATE_DIRECTORY,
 * DELETE_DIRECTORY, DELETE, QUERY_INFORMATION, SET_INFORMATION, CHECK_DIRECTORY, SET_INFORMATION2, QUERY_INFORMATION2.
 */
import type { OpenRequest } from '../commands/command.ts';
import { DELETE, FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_CANNOT_DELETE,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_SUCH_FILE,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_READONLY,
} from '../fscc/attributes.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { hasWildcards } from '../fscc/wildcard.ts';
import type { Open } from '../objects/open.ts';
import { fromUtime, toDos, toUtime } from '../smb1/dos-time.ts';
import { decodeSetStandard } from '../smb1/information.ts';
import { FidWords } from '../smb1/io.ts';
import {
  decodeDelete,
  decodePath,
  decodeSetInformation,
  QueryInformation2Answer,
  QueryInformationAnswer,
  SetInformation2Words,
} from '../smb1/paths.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN_REPARSE_POINT,
} from '../smb2/create-options.ts';
import { EMPTY, type MaybePromise, type Smb1Outcome, type TreeCall } from './call.ts';
import { endSearch } from './find.ts';
import { whatIsKnown } from './information.ts';
import { openFor, openOf, openRequest, withOpen } from './opening.ts';
import { joinPath, refusePath, sharePath, splitPath } from './paths.ts';
import { dispose, setInformation } from './queries.ts';
import { basicInformation } from './times.ts';
import { isSoughtFile, namesLike } from './wild-names.ts';

const done = (status: NtStatus): Smb1Outcome => (status === STATUS_SUCCESS ? EMPTY : status);

export async function createDirectory(call: TreeCall): Promise<Smb1Outcome> {
  const path = decodePath(call.block, call.unicode);
  return done(await makeDirectory(call, path, () => STATUS_SUCCESS));
}

/** `work`: what is done with it once it is there. */
export async function makeDirectory<T>(
  call: TreeCall,
  text: string,
  work: (request: OpenRequest) => MaybePromise<T>,
): Promise<T | NtStatus> {
  const name = sharePath(call, text);
  const refused = refusePath(name);
  if (refused !== undefined) return refused;
  const how = { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE };
  return withOpen(call, { name, ...how }, work);
}

export async function deleteDirectory(call: TreeCall): Promise<Smb1Outcome> {
  const name = sharePath(call, decodePath(call.block, call.unicode));
  const refused = refusePath(name);
  if (refused !== undefined) return refused;
  const how = { access: DELETE | FILE_READ_ATTRIBUTES, options: FILE_DIRECTORY_FILE };
  const deleted = await withOpen(call, { name, ...how }, async (request) => {
    const status = await dispose(request);
    if (status === STATUS_SUCCESS) await endSearchesOf(call, request.open);
    return status;
  });
  return done(deleted);
}

/** 3.3.5.4: what is searched here would keep its directory until the search ends. */
async function endSearchesOf(call: TreeCall, { file, tree }: Open): Promise<void> {
  for (const search of [...call.link.searches.values()]) {
    const { open } = search.directory;
    if (open.file === file && open.tree === tree) await endSearch(call, search);
  }
}

export async function deleteFiles(call: TreeCall): Promise<Smb1Outcome> {
  const body = decodeDelete(call.block, call.unicode);
  const path = sharePath(call, body.name);
  const { directory, name } = splitPath(path);
  if (!hasWildcards(name)) {
    const refused = name === '' ? STATUS_OBJECT_NAME_INVALID : refusePath(path);
    return refused ?? done(await deleteOne(call, path, body.searchAttributes));
  }
  const names = await namesLike(call, path, body.searchAttributes);
  if (typeof names === 'number') return names;
  let deleted = 0;
  for (const one of names) {
    const status = await deleteOne(call, joinPath({ directory, name: one }), body.searchAttributes);
    if (status === STATUS_SUCCESS) deleted += 1;
    // "if an error occurs, immediately return an error response"; who was faster is none.
    else if (status !== STATUS_OBJECT_NAME_NOT_FOUND) return status;
  }
  return deleted > 0 ? EMPTY : STATUS_NO_SUCH_FILE;
}

function deleteOne(call: TreeCall, name: string, searchAttributes: number): MaybePromise<NtStatus> {
  const how = {
    access: DELETE | FILE_READ_ATTRIBUTES,
    options: FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT,
    // Nobody else has it open, for whatever they bear.
    share: 0,
  };
  return withOpen(call, { name, ...how }, (request, { response }) => {
    const { fileAttributes } = response;
    if (!isSoughtFile(fileAttributes, searchAttributes)) return STATUS_NO_SUCH_FILE;
    if ((fileAttributes & FILE_ATTRIBUTE_READONLY) !== 0) return STATUS_CANNOT_DELETE;
    return dispose(request);
  });
}

/** A path that leads to no directory is told as one that leads nowhere. */
export async function checkDirectory(call: TreeCall): Promise<Smb1Outcome> {
  const name = sharePath(call, decodePath(call.block, call.unicode));
  const refused = refusePath(name);
  if (refused !== undefined) return refused;
  const status = await withOpen(call, { name }, (_request, { response }) =>
    (response.fileAttributes & FILE_ATTRIBUTE_DIRECTORY) === 0
      ? STATUS_NOT_A_DIRECTORY
      : STATUS_SUCCESS,
  );
  return done(status);
}

export async function queryInformation(call: TreeCall): Promise<Smb1Outcome> {
  const name = sharePath(call, decodePath(call.block, call.unicode));
  const refused = refusePath(name);
  if (refused !== undefined) return refused;
  return withOpen<Smb1Outcome>(call, { name }, (_request, { response }) => ({
    words: QueryInformationAnswer.encode({
      fileAttributes: dosAttributes(response.fileAttributes),
      lastWriteTime: toUtime(response.lastWriteTime),
      // "only the lower 32 bits of the file size are returned".
      fileSize: response.endOfFile % U32,
    }),
  }));
}

const U32 = 0x1_0000_0000;

/** The low byte, in which 0 means a normal file. */
export const dosAttributes = (attributes: number): number => attributes & 0x3f;

/** 0 clears them all. That a file is a normal one, which has a bit of its own since Windows NT, changes none (base.winattr). */
const attributesToSet = (attributes: number): number =>
  attributes === FILE_ATTRIBUTE_NORMAL
    ? 0
    : attributes & ~FILE_ATTRIBUTE_DIRECTORY || FILE_ATTRIBUTE_NORMAL;

export async function setInformationCommand(call: TreeCall): Promise<Smb1Outcome> {
  const body = decodeSetInformation(call.block, call.unicode);
  const name = sharePath(call, body.name);
  const refused = name === '' ? STATUS_OBJECT_PATH_SYNTAX_BAD : refusePath(name);
  if (refused !== undefined) return refused;
  const access = FILE_WRITE_ATTRIBUTES | FILE_READ_ATTRIBUTES;
  const status = await withOpen(call, { name, access }, (request, { response }) => {
    const isDirectory = (response.fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0;
    if (!isDirectory && (body.fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0) {
      return STATUS_INVALID_PARAMETER;
    }
    const buffer = basicInformation({
      fileAttributes: attributesToSet(body.fileAttributes),
      lastWriteTime: fromUtime(body.lastWriteTime),
    });
    return setInformation(request, FileInformationClass.FileBasicInformation, buffer);
  });
  return done(status);
}

export async function setInformation2(call: TreeCall): Promise<Smb1Outcome> {
  const { fid, dates } = SetInformation2Words.read(call.block.words);
  const file = openFor(call, fid, FILE_WRITE_ATTRIBUTES);
  if (typeof file === 'number') return file;
  const buffer = basicInformation(decodeSetStandard(dates));
  const basic = FileInformationClass.FileBasicInformation;
  return done(await setInformation(openRequest(call), basic, buffer));
}

export async function queryInformation2(call: TreeCall): Promise<Smb1Outcome> {
  const { fid } = FidWords.read(call.block.words);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  const known = await whatIsKnown(openRequest(call));
  if (typeof known === 'number') return known;
  const { basic, standard } = known;
  const creation = toDos(basic.creationTime);
  const access = toDos(basic.lastAccessTime);
  const write = toDos(basic.lastWriteTime);
  return {
    words: QueryInformation2Answer.encode({
      creationDate: creation.date,
      creationTime: creation.time,
      lastAccessDate: access.date,
      lastAccessTime: access.time,
      lastWriteDate: write.date,
      lastWriteTime: write.time,
      fileDataSize: Math.min(standard.endOfFile, 0xffff_ffff),
      fileAllocationSize: Math.min(standard.allocationSize, 0xffff_ffff),
      fileAttributes: dosAttributes(basic.fileAttributes),
    }),
  };
}
