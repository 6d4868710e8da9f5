import { ProblemError } from '../../domain/problem.ts';
import { blank, JsonTextError, type JsonTextMember, membersAt } from '../../lib/json-text.ts';

/**
 * A flag file as text by its keys: what is not ours is written back as it stood, to the last digit of its numbers.
 * `flags` and `evaluators` hold the JSON text of each value; `rest` what else stands at the top, in its order.
 */
export interface FlagFile {
  readonly top: readonly { readonly key: string; readonly text: string }[];
  readonly flags: ReadonlyMap<string, string>;
  readonly evaluators: ReadonlyMap<string, string>;
}

const flagsKey = 'flags';
const evaluatorsKey = '$evaluators';

/** What a file begins with that we make. */
export const emptyFile: FlagFile = {
  top: [{ key: '$schema', text: '"https://flagd.dev/schema/v0/flags.json"' }],
  flags: new Map(),
  evaluators: new Map(),
};

/** Reads a flag file. `name` is its name in messages. Throws a ProblemError with its place for what is no flag file. */
export function parseFlagFile(text: string, name: string): FlagFile {
  try {
    const start = blank(text, 0);
    if (text[start] !== '{') throw new JsonTextError(text, start, 'A flag file is a JSON object');
    const members = membersAt(text, start);
    const end = blank(text, endOfObject(text, start, members));
    if (end < text.length) throw new JsonTextError(text, end, 'The JSON text goes on after its end');
    return {
      top: members.map(({ key, from, to }) => ({ key, text: isOpened(key) ? '' : text.slice(from, to) })),
      flags: opened(text, members, flagsKey),
      evaluators: opened(text, members, evaluatorsKey),
    };
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw new ProblemError(
      {
        code: 'flagd-file-broken',
        message: `${error.message}.`,
        hint: 'Correct the flag file or take it away; until then nothing is written to it.',
        at: { file: name, line: error.line, column: error.column },
      },
      { cause: error },
    );
  }
}

function endOfObject(text: string, start: number, members: readonly JsonTextMember[]): number {
  return blank(text, members.at(-1)?.to ?? start + 1) + 1;
}

function isOpened(key: string): boolean {
  return key === flagsKey || key === evaluatorsKey;
}

function opened(text: string, top: readonly JsonTextMember[], key: string): ReadonlyMap<string, string> {
  const member = top.find(one => one.key === key);
  if (member === undefined) return new Map();
  if (text[member.from] !== '{') {
    // flagd itself takes a list of flags too, its providers do not.
    throw new JsonTextError(text, member.from, `${key} is no object here; a list of flags is not supported`);
  }
  return new Map(membersAt(text, member.from).map(({ key, from, to }) => [key, text.slice(from, to)]));
}

/** The whole text, one line for each evaluator of ours, ended by a line feed. The same content gives the same bytes. */
export function flagFileText(file: FlagFile): string {
  const top: { readonly key: string; readonly text: string }[] = [];
  for (const { key, text } of file.top) {
    if (key === flagsKey) top.push({ key, text: objectText(file.flags) });
    else if (key !== evaluatorsKey) top.push({ key, text });
    else if (file.evaluators.size > 0) top.push({ key, text: objectText(file.evaluators) });
  }
  const has = (wanted: string) => file.top.some(({ key }) => key === wanted);
  if (!has(flagsKey)) top.push({ key: flagsKey, text: objectText(file.flags) });
  if (!has(evaluatorsKey) && file.evaluators.size > 0) {
    top.push({ key: evaluatorsKey, text: objectText(file.evaluators) });
  }
  return `{\n${top.map(({ key, text }) => `  ${JSON.stringify(key)}: ${text}`).join(',\n')}\n}\n`;
}

function objectText(members: ReadonlyMap<string, string>): string {
  if (members.size === 0) return '{}';
  const lines: string[] = [];
  for (const [key, text] of members) lines.push(`    ${JSON.stringify(key)}: ${text}`);
  return `{\n${lines.join(',\n')}\n  }`;
}
