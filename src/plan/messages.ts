import type { BlockReason, PlacementRef } from '../domain/plan.ts';
import type { Limits } from './limits.ts';

/** The rules that a placement can break by itself. */
export type AudienceReason = Extract<
  BlockReason,
  'revocations' | 'becomes-empty' | 'grants' | 'max-users' | 'unknown-contents'
>;

/** The numbers of one placement, for the message of its block. */
export interface Numbers {
  readonly revoked: number;
  readonly granted: number;
  readonly before: number;
  readonly known: number;
  readonly after: number;
  readonly limits: Limits;
}

/** `1 placement`, `3 placements` */
export function countOf(count: number, one: string): string {
  return `${count} ${count === 1 ? one : `${one}s`}`;
}

/** What to type. The last words of every block's message. */
export function approveHint(id: string): string {
  return `If that is right: optoggles approve ${id}`;
}

/** `ld production` */
export function placeOf({ target, environment }: PlacementRef): string {
  return environment === '' ? target : `${target} ${environment}`;
}

/** A share beside the one allowed, with as many digits as tell them apart: `90 %, allowed 30 %`. */
export function shares(part: number, of: number, allowed: number): string {
  if (of === 0) return `nobody had it, allowed ${percent(allowed, 0)}`;
  const digits = [0, 1, 2, 3].find(digits => percent(part / of, digits) !== percent(allowed, digits)) ?? 4;
  return `${percent(part / of, digits)}, allowed ${percent(allowed, digits)}`;
}

function percent(share: number, digits: number): string {
  return `${Number((share * 100).toFixed(digits))} %`;
}

type Sentence = (who: string, ref: PlacementRef, place: string, numbers: Numbers) => string;

const sentences: Readonly<Record<AudienceReason, Sentence>> = {
  revocations: (who, { toggle }, place, { revoked, before, limits }) =>
    `${who} would take ${toggle} from ${revoked} of ${before} users in ${place} (${shares(revoked, before, limits.maxRevokedShare)})`,
  'becomes-empty': (who, { toggle }, place, { before }) =>
    `${who} would take ${toggle} from all of its ${before} users in ${place} (its file does not say allowEmpty)`,
  grants: (who, { toggle }, place, { granted, known, limits }) =>
    `${who} would give ${toggle} to ${granted} more users in ${place}, where ${known} had it (${shares(granted, known, limits.maxGrantedShare)})`,
  'max-users': (who, { toggle }, place, { after, limits }) =>
    `${who} would give ${toggle} to ${after} users in ${place}, allowed ${limits.maxUsers}; until then only revocations go out`,
  'unknown-contents': (who, { toggle }, place) =>
    `${who} gives ${toggle} to nobody in ${place}, and who has it there now cannot be known`,
};

/** The sentence of a block of one audience: numbers only, by its first placement. `who` is who would do it. */
export function audienceMessage(reason: AudienceReason, who: string, ref: PlacementRef, numbers: Numbers): string {
  return sentences[reason](who, ref, placeOf(ref), numbers);
}
