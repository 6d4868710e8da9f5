import { carryOut, startAfter } from './carry-out.ts';
import { lettersOf } from './generate.ts';
import { isWanted, nameOf, toggleOf } from './authority.ts';
import { believedAgain } from './opa.ts';
import type { Platform } from './platform.ts';
import type { Setup } from './setup.ts';
import type { Step } from './steps.ts';
import { createWorld, type World } from './world.ts';

export interface Result {
  readonly wrong: readonly string[];
  /** Equal traces, equal histories. */
  readonly trace: number;
  /** Things that were called by the clock. */
  readonly events: number;
  readonly writes: number;
}

/**
 * Tells the whole story of a world: begins it, carries out the steps, puts everything right, and judges all of it. `spoil`: for tests of
 * the judge, after the start. */
export async function simulate(
  setup: Setup,
  steps: readonly Step[],
  tell?: (line: string) => void,
  spoil?: (world: World) => void,
): Promise<Result> {
  const world = createWorld(setup, tell);
  const unhandled = (error: unknown): void => {
    if (world.running) world.judge.wrong(`nobody handles an error: ${String(error)}`);
  };
  process.on('unhandledRejection', unhandled);
  try {
    world.judge.ruled();
    world.start();
    await world.clock.advance(2_000);
    spoil?.(world);
    for (const step of steps) {
      await carryOut(world, step);
      if (world.judge.found.length > 0) break;
    }
    if (world.judge.found.length === 0) await end(world);
  } finally {
    process.off('unhandledRejection', unhandled);
    world.close();
  }
  return {
    wrong: world.judge.found,
    trace: world.trace,
    events: world.clock.events,
    writes: world.platforms.reduce((sum, { writes }) => sum + writes, 0),
  };
}

/** ms */
const convergedIn = 20_000;
const looksAgainIn = 95_000;
/** Two looks for drift. */
const quietFor = 200_000;

/** The faults end: everything comes to agree with policy, and from then on nothing is written. */
async function end(world: World): Promise<void> {
  const { clock, sides, platforms, files, disk } = world;
  world.note('* everything is put right');
  disk.full = false;
  files.down = false;
  if (files.tree.size === 0) for (const one of world.setup.toggles) files.tree.set(one.key, one);
  for (const [key, file] of files.tree) {
    if (file === 'broken')
      files.tree.set(
        key,
        world.setup.toggles.find(one => one.key === key) ?? {
          ...(world.setup.toggles[0] as (typeof world.setup.toggles)[number]),
          key,
        },
      );
  }
  for (const platform of platforms) {
    platform.mishap = undefined;
    platform.broken.clear();
  }
  for (const side of sides.values()) {
    side.heal();
    for (const [rule, said] of side.rules)
      if (!Array.isArray(said)) side.rules.set(rule, lettersOf(world.setup.people.slice(0, 3)));
    side.updated();
  }
  world.judge.ruled();
  world.judge.operator.takeBack(true);
  if (world.running === undefined) startAfter(world, 100);
  await clock.advance(1_000);
  world.running?.line.rescan();
  for (const side of sides.values()) world.tell(side, 'now');
  await clock.advance(convergedIn);
  // A restart whose first look came after its load is proved by the next update only.
  for (const side of sides.values()) {
    side.updated();
    world.tell(side, 'now');
  }
  await clock.advance(convergedIn);
  if ([...sides.values()].some(side => !side.isWell())) {
    await clock.advance(believedAgain + 1_000);
    for (const side of sides.values()) if (!side.isWell()) world.judge.wrong(`${side.id} does not get well`);
    for (const side of sides.values()) world.tell(side, 'now');
  }
  // Who waits for a decision gets it; what a hand did is found at the next look.
  for (let round = 0; round < 8; round++) {
    await clock.advance(round === 0 ? looksAgainIn : convergedIn);
    if (world.judge.approveAll() === 0) break;
    await clock.advance(convergedIn);
  }
  for (const what of differences(world)) world.judge.wrong(what);
  // Groups that are not worth it any more are found at the next look.
  await clock.advance(looksAgainIn);
  const before = platforms.map(({ writes }) => writes);
  await clock.advance(quietFor);
  for (const [at, platform] of platforms.entries()) {
    if (platform.writes !== before[at]) world.judge.wrong(`${platform.name} is written and nothing changed`);
  }
  for (const what of differences(world)) world.judge.wrong(`later: ${what}`);
}

/** Where platforms are not as policy and files say. */
function differences(world: World): readonly string[] {
  const wrong: string[] = [];
  for (const platform of world.platforms) {
    const contents = platform.contents();
    const wanted = new Map<string, readonly string[]>();
    for (const file of world.files.tree.values()) {
      if (file === 'broken') continue;
      for (const environment of platform.setup.environments) {
        const place = `${file.key}${file.suffix ?? ''} ${environment}`;
        const said = world.sides.get(file.source)?.rules.get(file.rule);
        if (isWanted(file, platform, place)) wanted.set(place, Array.isArray(said) ? said : []);
      }
    }
    for (const place of new Set([...contents.keys(), ...wanted.keys()])) {
      const is = [...(contents.get(place) ?? [])].sort().join('');
      const should = [...(wanted.get(place) ?? [])].sort().join('');
      if (is !== should && !isExcused(world, platform, place, wanted)) {
        wrong.push(`${nameOf(platform, place)}: it ends with ${is || 'nobody'} in place of ${should || 'nobody'}`);
      }
    }
  }
  return wrong;
}

/**
 * Where nobody can see it, what a hand did stays; what was switched off by hand stays off, and a former key of such a
 * toggle is not closed before; what nobody wants or removes is not looked at.
 */
function isExcused(world: World, platform: Platform, place: string, wanted: ReadonlyMap<string, unknown>): boolean {
  const { handChanged } = world.judge;
  const isOffByHand = (one: string): boolean => handChanged.has(nameOf(platform, one)) && platform.isOff(one);
  if (handChanged.has(nameOf(platform, place)) && (!platform.setup.readable || !wanted.has(place))) return true;
  if (isOffByHand(place)) return true;
  if (!wanted.has(place)) {
    const heirs = [...wanted.keys()].filter(one => toggleOf(one) === toggleOf(place));
    if (heirs.some(isOffByHand)) return true;
  }
  return world.setup.onRemoved === 'keep' && !wanted.has(place) && !world.files.tree.has(toggleOf(place));
}
