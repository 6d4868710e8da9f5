import type { NotifyEvent } from '../domain/config.ts';
import type { PlacementRef } from '../domain/plan.ts';
import { counted } from './wording.ts';

/** A block as it is told; the shape of a block in `/api/status`. */
export interface NoticeBlock {
  readonly id: string;
  readonly source: string | null;
  readonly placements: readonly PlacementRef[];
  readonly revoked: number;
  readonly granted: number;
  readonly of: number;
  readonly reason: string;
  /** Of the policy whose answer it is. */
  readonly revision: string | null;
  readonly since: string;
  /** The exact command. */
  readonly approve: string;
}

/** One piece of news, about things of one kind. Holds no secret and no member. */
export interface Notice {
  readonly event: NotifyEvent;
  readonly instance: string;
  /** ms since the epoch. */
  readonly time: number;
  readonly blocked: readonly NoticeBlock[];
  /** What went wrong, or is over. */
  readonly things: readonly { readonly what: string; readonly message: string }[];
}

const blocksShown = 20;
const placementsShown = 20;
/** Slack cuts texts of more than 40,000 characters, and nobody reads so much. */
const textShown = 3000;

/** In words, a line for each thing. */
function noticeText(notice: Notice): string {
  const { event, instance, blocked, things } = notice;
  const lines = [
    ...blocked
      .slice(0, blocksShown)
      .map(block => `• ${block.reason}${elsewhere(block)} Let it through: ${block.approve}`),
    ...(blocked.length > blocksShown ? [`• and ${counted(blocked.length - blocksShown, 'more block')}`] : []),
    ...things.map(({ what, message }) => `• ${what}: ${message}`),
  ];
  const text = [`OPToggles ${instance}: ${event}`, ...lines].join('\n');
  return text.length <= textShown ? text : `${text.slice(0, textShown)}…`;
}

function elsewhere({ placements }: NoticeBlock): string {
  return placements.length > 1 ? ` (${counted(placements.length, 'placement')})` : '';
}

/** What a `webhook` gets. */
export function webhookBody(notice: Notice): Record<string, unknown> {
  const { event, instance, time, blocked, things } = notice;
  return {
    version: 1,
    event,
    instance,
    time: new Date(time).toISOString(),
    text: noticeText(notice),
    ...(event === 'blocked'
      ? { blocked: blocked.slice(0, blocksShown).map(shown), blocks: blocked.length }
      : { [event]: things }),
  };
}

function shown(block: NoticeBlock): Record<string, unknown> {
  const { id, source, placements, revoked, granted, of, reason, revision, since, approve } = block;
  const listed = placements.slice(0, placementsShown);
  return {
    id,
    source,
    revoked,
    granted,
    of,
    reason,
    revision,
    since,
    approve,
    placements: listed,
    placementCount: placements.length,
  };
}

/** What an incoming webhook of Slack gets. https://docs.slack.dev/messaging/formatting-message-text#escaping */
export function slackBody(notice: Notice): { readonly text: string } {
  const text = noticeText(notice).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return { text };
}
