/** Finds what a TypeScript module imports, without a compiler. */

export interface Import {
  readonly specifier: string;
  /** `import type …`: gone at run time. */
  readonly typeOnly: boolean;
  /** A call, which may never be made. */
  readonly dynamic: boolean;
  readonly line: number;
}

/** A statement that starts its line, over as many lines as its names take. */
const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"\n]+)['"]/gm;
/** `import('x')` as an expression or in a type, and CommonJS's require. */
const CALL = /\b(?:import|require)\(\s*['"]([^'"\n]+)['"]\s*\)/g;

export function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, blank).replace(/(^|[\s;])\/\/.*$/gm, blank);
  const lineAt = (index: number): number => code.slice(0, index).split('\n').length;
  const found: Import[] = [];
  for (const match of code.matchAll(STATEMENT)) {
    found.push({
      specifier: match[2]!,
      typeOnly: match[1] !== undefined,
      dynamic: false,
      line: lineAt(match.index),
    });
  }
  for (const match of code.matchAll(CALL)) {
    found.push({ specifier: match[1]!, typeOnly: false, dynamic: true, line: lineAt(match.index) });
  }
  return found;
}

/** Comments go, their line ends stay. */
const blank = (comment: string): string => comment.replace(/[^\n]/g, ' ');
