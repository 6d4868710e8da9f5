import { compareCodePoints } from '../domain/code-points.ts';
import { type Members, union } from '../domain/members.ts';
import type { Block, BlockReason, PlacementRef } from '../domain/plan.ts';
import type { BlockedBy } from './draft.ts';
import { approveHint } from './messages.ts';

/** One placement's part in a block. Of the parts that broke the rule themselves the first gives the message. */
export interface Part {
  readonly ref: PlacementRef;
  /** Undefined: it is frozen along, because it has the same audience. */
  readonly reason: BlockReason | undefined;
  readonly revoked: Members;
  readonly granted: Members;
  readonly base: Members;
  readonly message: string;
}

/** Of several reasons the first is told. */
const rank: readonly BlockReason[] = [
  'revocations',
  'becomes-empty',
  'grants',
  'max-users',
  'adoption',
  'unknown-contents',
  'removals',
  'suspect',
];

interface Gathered {
  readonly about: BlockedBy;
  readonly parts: Part[];
  /** Sums say themselves how many there were. */
  of: number | undefined;
}

/** Gathers what was blocked; the same question in several targets or environments is one block. */
export class Blocks {
  readonly #gathered = new Map<string, Gathered>();
  readonly #whole: Block[] = [];

  /** Adds a block that is complete. */
  put(block: Block): void {
    this.#whole.push(block);
  }

  /** Adds a part. `of` adds up; without it the members of all parts are counted. */
  add(about: BlockedBy, part: Part, of?: number): void {
    let gathered = this.#gathered.get(about.id);
    if (gathered === undefined) {
      gathered = { about, parts: [], of: undefined };
      this.#gathered.set(about.id, gathered);
    }
    gathered.parts.push(part);
    if (of !== undefined) gathered.of = (gathered.of ?? 0) + of;
  }

  /** All blocks, by their first placement and id. */
  all(): readonly Block[] {
    const blocks = this.#whole.map(sortPlacements);
    for (const gathered of this.#gathered.values()) blocks.push(blockOf(gathered));
    return blocks.sort((a, b) => compareFirst(a, b) || compareCodePoints(a.id, b.id));
  }
}

function blockOf({ about, parts, of }: Gathered): Block {
  parts.sort((a, b) => rankOf(a) - rankOf(b) || compareRefs(a.ref, b.ref) || compareCodePoints(a.message, b.message));
  const first = parts[0] as Part;
  const placements = distinct(parts.map(({ ref }) => ref).sort(compareRefs));
  const more = placements.length - 1;
  const others = more > 0 && about.scope === 'audience' ? ` and ${more} more like it` : '';
  return {
    ...about,
    reason: first.reason ?? 'revocations',
    placements,
    revoked: union(...parts.map(({ revoked }) => revoked)),
    granted: union(...parts.map(({ granted }) => granted)),
    of: of ?? union(...parts.map(({ base }) => base)).size,
    message: `${first.message}${others}. ${approveHint(about.id)}`,
    removals: [],
    instance: null,
  };
}

function sortPlacements(block: Block): Block {
  return { ...block, placements: [...block.placements].sort(compareRefs) };
}

function rankOf({ reason }: Part): number {
  return reason === undefined ? rank.length : rank.indexOf(reason);
}

/** By target, toggle and environment. */
export function compareRefs(a: PlacementRef, b: PlacementRef): number {
  return (
    compareCodePoints(a.target, b.target) ||
    compareCodePoints(a.toggle, b.toggle) ||
    compareCodePoints(a.environment, b.environment)
  );
}

function compareFirst(a: Block, b: Block): number {
  const [one, other] = [a.placements[0], b.placements[0]];
  return one && other ? compareRefs(one, other) : Number(one === undefined) - Number(other === undefined);
}

function distinct(sorted: readonly PlacementRef[]): readonly PlacementRef[] {
  return sorted.filter((ref, index) => index === 0 || compareRefs(sorted[index - 1] as PlacementRef, ref) !== 0);
}
