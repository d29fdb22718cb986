/** The repository's own files, as the house tests read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Made by tools, not by hand. */
const GENERATED = new Set(['node_modules', 'dist', '.git', 'package-lock.json']);

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every file below `folder` (from the root) whose name ends in `ending`, in a stable order. */
export function filesBelow(folder: string, ending = ''): SourceFile[] {
  const found: SourceFile[] = [];
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (GENERATED.has(entry.name)) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && entry.name.endsWith(ending)) {
        found.push({ path: relative(root, path), text: readFileSync(path, 'utf8') });
      }
    }
  };
  walk(join(root, folder));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Tests, and what only tests use; the build leaves both out of the package. */
export const isTest = (file: Pick<SourceFile, 'path'>): boolean =>
  /\.test\.ts$|\/contract[^/]*\.ts$/.test(file.path);
