import { Dead } from './life.ts';
import { lettersOf } from './generate.ts';
import type { Mishap } from './network.ts';
import { believedAgain } from './opa.ts';
import type { ToggleSetup } from './setup.ts';
import type { Becomes, Illness, Step } from './steps.ts';
import type { World } from './world.ts';

/** What a wrong bearer and a lost network look like, step by step. */
export async function carryOut(world: World, step: Step): Promise<void> {
  const { clock } = world;
  world.note(`* ${JSON.stringify(step)}`);
  act(world, step);
  world.judge.noteHealth();
  if (step.do === 'terminate') {
    await world.terminate();
    startAfter(world, step.down);
  }
  await clock.advance(step.after);
  world.judge.look();
}

function act(world: World, step: Step): void {
  const { clock, sides, files, judge } = world;
  const side = 'source' in step ? sides.get(step.source) : undefined;
  const platform = 'target' in step ? world.platforms.find(({ name }) => name === step.target) : undefined;
  switch (step.do) {
    case 'policy':
      side?.rules.set(step.rule, step.users === null ? undefined : lettersOf(step.users));
      side?.updated();
      judge.ruled();
      if (side) world.tell(side, step.told);
      return;
    case 'rule-fails':
      side?.rules.set(step.rule, step.how);
      side?.updated();
      judge.ruled();
      if (side) world.tell(side, step.told);
      return;
    case 'opa-restarts':
      side?.restart(step.as, step.loads ?? (side.kind === 'opa' ? 20_000 : undefined));
      return;
    case 'opa-ill':
      if (!side) return;
      side.mishap = mishapsOf(world, step.how, step.share);
      side.hangs(clock.now() + step.ms + (hangs(step.how) ? lookTime : 0));
      clock.after(step.ms, () => (side.mishap = undefined));
      return;
    case 'two-opas':
      side?.joined(step.ms);
      return;
    case 'opal-restarts':
      side?.forgetCallbacks();
      return;
    case 'opal-ill':
      if (!side) return;
      side.opalMishap = mishapsOf(world, step.how, step.share);
      side.hangs(clock.now() + step.ms + (hangs(step.how) ? lookTime : 0));
      clock.after(step.ms, () => (side.opalMishap = undefined));
      return;
    case 'callbacks':
      if (!side) return;
      for (let time = 0; time < step.count; time++) {
        if (step.forged) clock.after(world.random.int(500), () => world.forge());
        else world.tell(side, 'now');
      }
      return;
    case 'target-ill':
      if (!platform) return;
      platform.mishap = mishapsOf(world, step.how, step.share);
      platform.hangsUntil = Math.max(platform.hangsUntil, clock.now() + step.ms + (hangs(step.how) ? writeTime : 0));
      clock.after(step.ms, () => (platform.mishap = undefined));
      return;
    case 'toggle-ill': {
      if (!platform) return;
      const mishap = mishapsOf(world, step.how, 1);
      platform.hangsUntil = Math.max(platform.hangsUntil, clock.now() + (hangs(step.how) ? step.ms + writeTime : 0));
      platform.broken.set(step.key, mishap);
      clock.after(step.ms, () => {
        if (platform.broken.get(step.key) === mishap) platform.broken.delete(step.key);
      });
      return;
    }
    case 'hand':
      if (platform?.hand(step.place, step.act, step.user)) judge.handed(platform, step.place, step.act, step.user);
      return;
    case 'file':
      writeFile(world, step.key, step.becomes);
      filesChanged(world);
      return;
    case 'folder':
      files.down = step.is === 'down';
      if (step.is === 'empty') files.tree.clear();
      if (step.is === 'back' && files.tree.size === 0)
        for (const one of world.setup.toggles) files.tree.set(one.key, one);
      filesChanged(world);
      return;
    case 'disk-full':
      world.disk.full = true;
      clock.after(step.ms, () => (world.disk.full = false));
      return;
    case 'clock-jumps':
      clock.skew += step.ms;
      // Two OPAs that once took turns are in doubt again for a while.
      if (step.ms < 0) for (const one of sides.values()) one.hangs(clock.now() + believedAgain + 60_000);
      judge.jumped(step.ms);
      return;
    case 'crash': {
      const { life } = world.running ?? {};
      if (!life) return;
      const down = (): void => startAfter(world, step.down);
      if (step.effects === 0) {
        world.crash();
        down();
      } else life.light(step.effects, down);
      return;
    }
    case 'approve':
      judge.approve(step.which, step.local);
      return;
    case 'window':
      judge.openWindow(step.source, step.ms);
      return;
    case 'override':
      judge.operator.say(step.subject, step.ms);
      return;
    case 'resume':
      judge.operator.takeBack(false);
      return;
    case 'sync':
      // Of a full disk the operator hears.
      try {
        if (!world.disk.full) world.running?.engine.sync('operator');
      } catch (error) {
        if (!(error instanceof Dead)) throw error;
      }
      return;
    case 'terminate':
    case 'wait':
  }
}

/** The next start, unless something else started it by then. */
export function startAfter(world: World, down: number): void {
  world.clock.after(down, () => {
    if (world.running === undefined) world.start();
  });
}

/** As the watcher of the folder tells it: at once, or a little later. */
function filesChanged(world: World): void {
  world.clock.after(50 + world.random.int(300), () => world.running?.line.rescan());
}

function writeFile({ files: { tree }, setup }: World, key: string, becomes: Becomes): void {
  const first = setup.toggles.find(one => one.key === key) as ToggleSetup;
  const now = tree.get(key);
  const current = now === undefined || now === 'broken' ? first : now;
  const { environments, only, suffix, ...plain } = current;
  switch (becomes) {
    case 'on':
    case 'off':
      tree.set(key, { ...current, state: becomes });
      return;
    case 'broken':
      if (now !== undefined) tree.set(key, 'broken');
      return;
    case 'gone':
      tree.delete(key);
      return;
    case 'back':
      tree.set(key, first);
      return;
    case 'moved':
      tree.set(key, { ...current, suffix: suffix === '-2' ? '-3' : '-2' });
      return;
    case 'shared':
      tree.set(key, { ...current, rule: current.rule === 'a' ? key : 'a' });
      return;
    case 'other-source': {
      const others = setup.sources.filter(({ id }) => id !== current.source);
      tree.set(key, { ...current, source: others[0]?.id ?? current.source });
      return;
    }
    case 'one-environment':
      tree.set(
        key,
        environments ? { ...plain, ...(suffix && { suffix }) } : { ...current, environments: ['production'] },
      );
      return;
    case 'only-one':
      tree.set(
        key,
        only === undefined
          ? { ...current, only: setup.platforms[0]?.name ?? '' }
          : { ...plain, ...(environments && { environments }) },
      );
      return;
    case 'renamed':
      if (now === undefined || now === 'broken') return;
      tree.delete(key);
      tree.set(`${key}${key}`, { ...now, key: `${key}${key}` });
      return;
    case 'tighter':
      tree.set(key, current.maxUsers === undefined ? { ...current, maxUsers: 4 } : withoutLimit(current));
      return;
  }
}

function withoutLimit({ maxUsers: _, ...rest }: ToggleSetup): ToggleSetup {
  return rest;
}

/** How long a request without an answer is waited for (ms): to an OPA or OPAL, to a platform. */
const lookTime = 62_000;
const writeTime = 12_000;

function hangs(how: Illness): boolean {
  return how === 'silent' || how === 'silent-done' || how === 'very-slow';
}

/** Decides for each request what goes wrong, for that share of them. */
function mishapsOf(world: World, how: Illness, share: number): () => Mishap | undefined {
  const dice = world.random;
  return () => (share < 1 && !dice.chance(share) ? undefined : mishapOf(how));
}

function mishapOf(how: Illness): Mishap {
  switch (how) {
    case 'slow':
      return { kind: 'slow', before: 700, after: 700 };
    case 'very-slow':
      return { kind: 'slow', before: 6_000, after: 6_000 };
    case 'too-many':
      return { kind: 'status', status: 429, done: false };
    case 'too-many-long':
      return { kind: 'status', status: 429, retryAfter: 8, done: false };
    case 'broken':
    case 'broken-done':
      return { kind: 'status', status: 500, done: how === 'broken-done' };
    case 'reset':
    case 'reset-done':
      return { kind: 'reset', done: how === 'reset-done' };
    case 'half-done':
      return { kind: 'half', done: true };
    case 'silent':
    case 'silent-done':
      return { kind: 'silent', done: how === 'silent-done' };
    case 'gone':
      return { kind: 'refused' };
    case 'refuses':
      return { kind: 'status', status: 401, done: false };
    case 'conflicts':
      return { kind: 'status', status: 409, done: false };
  }
}
