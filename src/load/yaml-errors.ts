import type { Problem } from '../domain/problem.ts';

/**
 * An error of the YAML library in words that need no grammar of YAML. `code` and `message` are the library's own,
 * `offset` is where in `text` it stands.
 */
export function syntaxProblem(code: string, message: string, text: string, offset: number): Problem {
  const known = byCode[code];
  if (known !== undefined) return { code: known.code, message: known.message, hint: known.hint };
  if (isReference(text, offset)) {
    return {
      code: 'yaml-syntax',
      message: 'The brace of a ${…} is read as YAML.',
      hint: 'Put the whole value in double quotes.',
    };
  }
  const what = message.endsWith('.') ? message : `${message}.`;
  return {
    code: 'yaml-syntax',
    message: `Not valid YAML: ${what}`,
    hint: 'Check indentation, quotes and brackets here.',
  };
}

function isReference(text: string, offset: number): boolean {
  return text[offset] === '{' && text[offset - 1] === '$';
}

const byCode: Readonly<Record<string, { code: string; message: string; hint: string }>> = {
  TAB_AS_INDENT: { code: 'yaml-tab', message: 'A tab is used as indentation.', hint: 'Indent with spaces.' },
  MULTIPLE_DOCS: {
    code: 'yaml-documents',
    message: 'A second document starts here.',
    hint: 'Put it in a file of its own, or remove the line `---`.',
  },
  TAG_RESOLVE_FAILED: {
    code: 'yaml-tag',
    message: 'Tags such as !name are not allowed.',
    hint: 'Remove the tag; put text in quotes.',
  },
  RESOURCE_EXHAUSTION: { code: 'yaml-too-deep', message: 'Nested too deep to be read.', hint: 'Make it flatter.' },
  MISSING_CHAR: {
    code: 'yaml-syntax',
    message: 'A closing quote, bracket or colon is missing.',
    hint: 'Close what was opened.',
  },
  BAD_ALIAS: { code: 'yaml-alias', message: 'An alias has no name.', hint: 'Put text that starts with * in quotes.' },
};
