import type { StaleReason, StaleToggle } from '../domain/stale.ts';
import { fitMarkdown } from './fit.ts';
import { inertLine, inertMarkdown, markdownName } from './inert.ts';
import { counted } from './wording.ts';

/** An issue may have 65,536 characters; the marker counts. */
const longestIssue = 64_000;
const longestTitle = 200;

export interface StaleIssue {
  readonly title: string;
  readonly body: string;
}

/** The issue of one owner (undefined: nobody). `linkOf` gives the address of a file. No times in it but days. */
export function staleIssue(
  owner: string | undefined,
  toggles: readonly StaleToggle[],
  instance: string,
  linkOf: (file: string) => string,
): StaleIssue {
  const whose = owner === undefined ? 'without an owner' : `of ${inertLine(owner)}`;
  const items = toggles.map(({ key, file, why }) => {
    return `- ${markdownName(key)} in [${markdownName(file)}](${linkOf(file)}): ${why.map(reasonText).join('; ')}\n`;
  });
  const body = [
    `${counted(toggles.length, 'toggle')} ${owner === undefined ? 'without an owner' : `of ${markdownName(owner)}`} should be looked at:\n`,
    items.join(''),
    'Is it done? Take it out of the code, then delete its file. Is it wanted? Move `expires`, or set one: every type may have it. This issue is kept up to date, and closed once nothing is left.\n',
  ];
  const more = 'There are more than an issue can hold.\n';
  return {
    title: `Stale toggles ${whose} (${inertLine(instance)})`.slice(0, longestTitle).toWellFormed(),
    body: fitMarkdown(body, longestIssue, more),
  };
}

/** What an issue says once there is nothing left to look at. */
export const nothingStale = 'No toggle has to be looked at any more.\n';

/** All stale toggles, for the step summary. */
export function staleMarkdown(toggles: readonly StaleToggle[]): string {
  const title = `## OPToggles: ${counted(toggles.length, 'stale toggle')}\n`;
  const items = toggles.map(({ key, owner, why }) => {
    const whose = owner === undefined ? '' : ` of ${markdownName(owner)}`;
    return `- toggle ${markdownName(key)}${whose}: ${why.map(reasonText).join('; ')}\n`;
  });
  return [title, ...(items.length === 0 ? [] : [items.join('')])].join('\n');
}

function reasonText(reason: StaleReason): string {
  switch (reason.kind) {
    case 'expired':
      return `expired on ${inertMarkdown(reason.on)}`;
    case 'endless':
      return `created on ${inertMarkdown(reason.created)}, more than 90 days ago, and without \`expires\``;
    case 'ownerless':
      return 'nobody owns it';
  }
}
