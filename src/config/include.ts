/**
 * `include = FILE` of smb.conf: the lines of another file in its place. What stands there before its first section belongs
 * to the section that includes it; that section goes on behind the include (Samba: the included file's last one does).
 * A file that is missing is an error: what it forbids would not be known.
 */
import { dirname, resolve } from 'node:path';
import { readText } from './load-text.ts';
import { type Problem, ProblemsError } from './problem.ts';
import { type Node, normalizeKey, parseSmbConf, type SectionNode } from './smb-conf.ts';

/** Nobody nests deeper who does not go round in a circle. */
const MAX_DEPTH = 8;

export interface Included {
  readonly nodes: readonly Node[];
  readonly problems: readonly Problem[];
}

/** The lines of a file and of all that it includes; each of another file bears that one's name. */
export function parseWithIncludes(text: string, file: string): Included {
  const problems: Problem[] = [];
  return {
    nodes: expand(text, file, { problems, above: [resolve(file)], section: undefined }),
    problems,
  };
}

interface Place {
  readonly problems: Problem[];
  /** The files that lead here, this one last. */
  readonly above: readonly string[];
  /** That includes it. */
  readonly section: SectionNode | undefined;
}

function expand(text: string, file: string, { problems, above, section }: Place): Node[] {
  const isIncluded = above.length > 1;
  const { document, problems: own } = parseSmbConf(text, file, section !== undefined);
  problems.push(...own);
  const nodes: Node[] = [];
  let current = section;
  for (const node of document.nodes) {
    if (node.kind === 'section') current = node;
    if (node.kind !== 'parameter' || normalizeKey(node.key) !== 'include') {
      nodes.push(isIncluded && node.kind !== 'text' ? { ...node, file } : node);
      continue;
    }
    const fault = (message: string, expected?: string): void => {
      const place = { severity: 'error', file, line: node.line, message } as const;
      problems.push({ ...place, ...(expected && { expected }) });
    };
    const name = node.value.replace(/^"(.*)"$/, '$1');
    const target = resolve(dirname(file), name);
    if (name === '') continue;
    if (name.includes('%')) fault(`"include = ${name}" differs by client`, 'a file for all');
    else if (above.includes(target)) fault(`${target} includes itself`);
    else if (above.length >= MAX_DEPTH) fault(`more than ${MAX_DEPTH} files include each other`);
    else {
      try {
        const inner = readText(target);
        nodes.push(
          ...expand(inner, target, { problems, above: [...above, target], section: current }),
        );
        if (current !== undefined) nodes.push({ ...current, raw: '' });
      } catch (error) {
        if (!(error instanceof ProblemsError)) throw error;
        fault(`cannot include ${target}: ${error.problems[0]!.message}`);
      }
    }
  }
  return nodes;
}
