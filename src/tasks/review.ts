import { intersection, type Members, noMembers, subtract, union } from '../domain/members.ts';
import type { Config } from '../domain/config.ts';
import type { Plan, PlacementChange } from '../domain/plan.ts';
import { formatProblem, type Problem, ProblemError, toProblem } from '../domain/problem.ts';
import type { PlacementReview, Review, Shares } from '../domain/review.ts';
import { isExpired } from '../load/expired.ts';
import { createFlagLoader, type FlagLoader, type LoadedFlags } from '../load/flags.ts';
import type { KindSchemas } from '../load/kinds.ts';
import type { Line } from '../sync/line.ts';
import { type Checkout, inCheckout, mustBeInside, sameFolder } from './checkout.ts';
import { configChanges } from './config-changes.ts';
import { definitionChanges, weakerToggles } from './definition-changes.ts';
import { definitionsIn } from './definitions.ts';
import { openLine, type OpenOptions, silentObserver, type Through } from './open.ts';
import { checkLocalPolicy, isLocal, localPolicyDiffers } from './local-policy.ts';
import { type Planned, preview } from './preview.ts';
import { type Unknown, unknownIn } from './unknown.ts';
import type { Definitions } from './wire.ts';

export interface ReviewOptions extends Pick<OpenOptions, 'clock' | 'random' | 'log'> {
  readonly base: Checkout;
  readonly head: Checkout;
  /** Of the base, with its secrets: the head's is never used to ask or read anything. */
  readonly config: Config;
  /** Why nothing can be asked: secrets are missing. Empty: everything is asked. */
  readonly mute: readonly Problem[];
  /** Who answers in the place of the sources; undefined: they are asked from here. */
  readonly elsewhere?: Elsewhere | undefined;
  readonly kinds: KindSchemas;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export type Elsewhere =
  /** A snapshot; `told` adds to a plan what has to be known of it. */
  | { readonly through: Through; told(plan: Plan, line: Line): Plan }
  /** A running instance makes a plan of each set. What it throws is why nobody knows. */
  | { plan(sets: readonly Definitions[]): Promise<readonly Planned[]> };

interface Side {
  readonly config: Config;
  readonly loader: FlagLoader;
  readonly loaded: LoadedFlags;
}

/**
 * Compares base and head: what the definitions say, and who gains and loses what if the head were applied now, against
 * the same for the base. Writes nothing. Throws a ProblemError where there is nothing to compare.
 */
export async function review(options: ReviewOptions): Promise<Review> {
  const { base, head, config, mute, clock } = options;
  const old = await sideOf(config, [], options);
  const folder = sameFolder(config.folder, base, head);
  const flags = sameFolder(folderOf(config), base, head);
  await mustBeInside(head, flags, 'The flags folder');
  await checkLocalPolicy(config, head, folder);
  const now = await sideOf({ ...config, folder, flags: { folder: flags } }, old.loaded.good, options);
  const definitions = definitionChanges(old.loaded.toggles, now.loaded.toggles);
  const touched = new Set(definitions.map(({ toggle }) => toggle));
  const over = now.loaded.toggles.filter(toggle => isExpired(toggle, clock.now()));
  const changes = await configChanges(base, head, options);
  const policyChanged = await localPolicyDiffers(config, folder);
  const known = new Set(problemsIn(old.loaded).map(formatProblem));
  const wrong = problemsIn(now.loaded).filter(problem => !known.has(formatProblem(problem)));
  const about = {
    instance: config.instance,
    definitions,
    expired: over.filter(({ key }) => touched.has(key)),
    weaker: [...changes.weaker, ...weakerToggles(old.loaded.toggles, now.loaded.toggles)],
    configChanged: changes.changed,
    policyChanged,
    toggles: now.loaded.toggles,
  };
  const problems = [...wrong.map(problem => inCheckout(head, problem)), ...changes.refused];
  if (mute.length > 0) return { ...about, planned: undefined, unknown: mute, problems };

  const sides = { old, now, folder, flags, policyChanged };
  const made = await plansOf(sides, options);
  if ('silent' in made) return { ...about, planned: undefined, unknown: [made.silent], problems };
  const { before, between, after } = made;
  const local = new Set(policyChanged ? config.sources.filter(isLocal).map(({ id }) => id) : []);
  const causes: Causes = {
    base: changesBy(before.plan),
    middle: changesBy((between ?? after).plan),
    isOurs: change => touched.has(change.toggle) || local.has(change.source),
  };
  const ofHead = after.unknown.filter(({ source }) => source !== undefined && local.has(source));
  const placements = placementsOf(after.plan, causes);
  for (const { toggle, granted, revoked } of placements) {
    if ([granted, revoked].some(({ definition, policy }) => definition.size + policy.size > 0)) touched.add(toggle);
  }
  return {
    ...about,
    expired: over.filter(({ key }) => touched.has(key)),
    planned: { plan: after.plan, placements },
    unknown: after.unknown.filter(one => !ofHead.includes(one)).map(({ problem }) => problem),
    problems: [...problems, ...ofHead.map(({ problem }) => problem)],
  };
}

interface Sides {
  readonly old: Side;
  readonly now: Side;
  /** Of the configuration, and of the flags, in the head. */
  readonly folder: string;
  readonly flags: string;
  readonly policyChanged: boolean;
}

interface SidePlan {
  readonly plan: Plan;
  readonly unknown: readonly Unknown[];
}

interface SidePlans {
  readonly before: SidePlan;
  /** With the head's definitions and the base's policy; undefined: those are the head's. */
  readonly between?: SidePlan | undefined;
  readonly after: SidePlan;
}

async function plansOf(
  { old, now, folder, flags, policyChanged }: Sides,
  options: ReviewOptions,
): Promise<SidePlans | { readonly silent: Problem }> {
  const { config, elsewhere } = options;
  if (elsewhere === undefined || 'through' in elsewhere) {
    const [before, between, after] = await Promise.all([
      planOf(old, config.folder, options),
      policyChanged ? planOf(now, config.folder, options) : undefined,
      planOf(now, policyChanged ? folder : config.folder, options),
    ]);
    return { before, between, after };
  }
  const sets = [await definitionsIn(folderOf(config), config.folder), await definitionsIn(flags, folder)];
  try {
    const [before, after] = (await elsewhere.plan(sets)).map(fromServer);
    if (before === undefined || after === undefined) throw new Error('an answer has a plan for each set');
    const unknown = policyChanged ? [...after.unknown, { problem: otherPolicy }] : after.unknown;
    return { before, after: { ...after, unknown } };
  } catch (error) {
    return { silent: toProblem(error) };
  }
}

/** What is wrong with files is known here already. */
function fromServer({ plan, failed }: Planned): SidePlan {
  return { plan, unknown: failed.filter(({ at }) => at === undefined).map(problem => ({ problem })) };
}

const otherPolicy: Problem = {
  code: 'policy-elsewhere',
  message: 'The running instance answers by its own policy and data, not by those of this pull request.',
  hint: 'Leave the input "server" out to have them compared.',
};

function problemsIn({ unreadable, problems }: LoadedFlags): readonly Problem[] {
  return unreadable === undefined ? problems : [unreadable, ...problems];
}

function folderOf({ flags }: Config): string {
  if (flags !== undefined) return flags.folder;
  throw new ProblemError({
    code: 'no-flag-files',
    message: 'This configuration has no flag files that could be reviewed.',
    hint: 'Turn it into optoggles.yaml and flags/ with "optoggles migrate".',
  });
}

/** The flag files of one side; where one does not validate, the other side's definition stands for it. */
async function sideOf(config: Config, good: LoadedFlags['good'], { kinds }: ReviewOptions): Promise<Side> {
  const inner = createFlagLoader(config, kinds);
  const loaded = await inner.load(good);
  // Nobody changes the files while we look: thousands are read once, whoever wants them.
  const loader: FlagLoader = {
    load: lastGood => (lastGood.length > 0 ? inner.load(lastGood) : Promise.resolve(loaded)),
  };
  return { config, loader, loaded };
}

/** ms. Files that a source cannot read are not waited for any longer: nobody corrects them while we look. */
const patience = 3_000;

/** A line over the flags of one side, cut before `apply`. State and targets are always those of the base. */
async function planOf({ loader }: Side, sourceFolder: string, options: ReviewOptions): Promise<SidePlan> {
  const { config, clock, random, log, timeout, signal, elsewhere } = options;
  const flags = { ...loader, git: undefined, close: () => Promise.resolve() };
  const how = { config, clock, random, log, observer: silentObserver, mode: 'preview' } as const;
  const snapshot = elsewhere && 'through' in elsewhere ? elsewhere : undefined;
  const opened = openLine({ ...how, flags, sourceFolder, ...(snapshot && { through: snapshot.through }) });
  try {
    const { line } = opened;
    const local = new Set(config.sources.filter(isLocal).map(({ id }) => id));
    const over = clock.now() + patience;
    const enough = () =>
      clock.now() >= over &&
      line.sources.every(lane => lane.settled() || local.has(lane.source.id)) &&
      line.targets.every(lane => lane.settled());
    const { plan } = await preview({ line, clock, timeout, signal, enough });
    return { plan: snapshot?.told(plan, line) ?? plan, unknown: unknownIn(line) };
  } finally {
    await opened.close();
  }
}

interface Causes {
  readonly base: ReadonlyMap<string, readonly PlacementChange[]>;
  /** With the head's definitions and the base's policy. */
  readonly middle: ReadonlyMap<string, readonly PlacementChange[]>;
  /** Whether base and head say anything else about it: what differs all the same came in while we asked. */
  readonly isOurs: (change: PlacementChange & { readonly toggle: string }) => boolean;
}

type Placed = PlacementChange & { readonly toggle: string; readonly target: string };

function changesBy(plan: Plan): Map<string, Placed[]> {
  const placed = plan.changes.filter(change => change.kind === 'placement');
  return Map.groupBy(placed, ({ placement }) => placement);
}

function placementsOf(plan: Plan, causes: Causes): PlacementReview[] {
  const fresh = new Set(
    plan.changes.flatMap(change => (change.kind === 'create' ? (change.placements ?? []).map(({ id }) => id) : [])),
  );
  return [...changesBy(plan).values()].flatMap(changes => {
    const [first, last] = [changes[0], changes.at(-1)];
    if (first === undefined || last === undefined) return [];
    const { placement, toggle, target, environment, before } = first;
    const [granted, revoked] = (['granted', 'revoked'] as const).map(side =>
      sharesOf(changes, side, placement, causes),
    ) as [Shares, Shares];
    const closes = last.removal ? 'removed' : before.on && !last.after.on ? 'off' : undefined;
    return {
      toggle,
      target,
      environment,
      created: fresh.has(placement),
      before: before.known && before.who.kind === 'members' ? before.who.members.size : undefined,
      after: last.after.who.kind === 'members' ? last.after.who.members.size : 0,
      granted,
      revoked,
      closes,
    };
  });
}

/** Who comes in (goes) with the base too is pending; of the others, who does with the base's policy comes by definition. */
function sharesOf(
  changes: readonly Placed[],
  side: 'granted' | 'revoked',
  placement: string,
  { base, middle, isOurs }: Causes,
): Shares {
  const members = (found: readonly PlacementChange[] = []): Members =>
    found.length === 0 ? noMembers : union(...found.map(change => change[side]));
  const all = members(changes);
  if (!changes.some(isOurs)) return { all, definition: noMembers, policy: noMembers, pending: all };
  const inMiddle = intersection(all, members(middle.get(placement)));
  const pending = intersection(inMiddle, members(base.get(placement)));
  return { all, definition: subtract(inMiddle, pending), policy: subtract(all, inMiddle), pending };
}
