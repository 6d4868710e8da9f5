import type { Problem } from '../domain/problem.ts';
import { inertMarkdown, markdownName } from './inert.ts';
import { list } from './markdown.ts';
import { counted } from './wording.ts';

export interface Validated {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Not told, because they were there before. */
  readonly others: number;
  readonly files: number;
  readonly toggles: number;
}

/** What validation found, for the step summary. */
export function validationMarkdown({ problems, warnings, others, files, toggles }: Validated): string {
  const counts = [counted(files, 'file'), counted(toggles, 'toggle'), counted(problems.length, 'error')];
  return [
    `## OPToggles: ${problems.length === 0 ? 'valid' : 'not valid'}\n`,
    `${counts.join(', ')}\n`,
    list('Errors', problems.map(item)),
    list('Warnings', warnings.map(item)),
    others === 0
      ? ''
      : `${counted(others, 'error or warning', 'errors and warnings')} in files that this pull request leaves alone; \`all: true\` tells them.\n`,
  ]
    .filter(part => part !== '')
    .join('\n');
}

function item({ code, message, hint, at }: Problem): string {
  const place = at === undefined ? '' : ` at ${markdownName(at.file)} line ${at.line}, column ${at.column}`;
  return `**${markdownName(code)}**${place}: ${inertMarkdown([message, hint].filter(Boolean).join(' '))}`;
}
