import type { Approval } from '../../src/domain/plan.ts';
import { lettersOf } from './generate.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import { Dead } from './life.ts';
import { judgeWrite, nameOf, placementOf, toggleOf } from './authority.ts';
import { type Blocked, createGuardJudge, type GuardJudge } from './guard-judge.ts';
import type { PolicySide, Rule } from './opa.ts';
import { createOperator, type Operator } from './operator.ts';
import type { HandAct, Platform } from './platform.ts';
import { overdue } from './promptness.ts';
import type { Running } from './running.ts';
import type { Scene } from './scene.ts';

/**
 * Judges what the program does, by behaviour.md alone: it sees what came in and what went out, and knows nothing of how
 * the program plans.
 */
export interface Judge {
  /** What was found wrong, one sentence each, no sentence twice. */
  readonly found: readonly string[];
  wrong(what: string): void;
  sent(platform: Platform, place: string, users: readonly string[], led?: true): void;
  landed(platform: Platform): void;
  handed(platform: Platform, place: string, act: HandAct, user: string): void;
  /** Rules were changed. */
  ruled(): void;
  jumped(ms: number): void;
  /** By how much (ms) the wall clock went back lately, where nobody could tell it from the time that passes. */
  setBack(): number;
  started(running: Running): void;
  approve(which: number, local: boolean): void;
  openWindow(source: string, ms: number): void;
  /** Something may be ill now, or well again. */
  noteHealth(): void;
  /** The program planned, and is about to keep what is blocked. */
  planned(): void;
  /** After a step. */
  look(): void;
  /** Approves everything that is blocked. */
  approveAll(): number;
  readonly guard: GuardJudge;
  readonly operator: Operator;
  /** Places that a hand changed, by name. */
  readonly handChanged: ReadonlyMap<string, number>;
}

/** How long an approval holds (ms): behaviour.md §6. */
const approvalHolds = 60 * 60_000;

/** In one second, over all targets. */
const mostPlans = 150;

/** ms; a write may be planned on a look of so long ago, and knows nothing of what a hand did since. */
const sinceLook = 5_000;
/** ms; less than this is no jump that can be seen. */
const smallJump = 5_000;

export function createJudge(world: Scene): Judge {
  const found: string[] = [];
  const handGone = new Map<string, Set<string>>();
  const handChanged = new Map<string, number>();
  const handAdded = new Map<string, readonly string[]>();
  /** When a hand last switched it on (world's time). */
  const handOpened = new Map<string, number>();
  const sentLately = new Map<string, (readonly string[])[]>();
  const out = new Map<string, number>();
  const sideWell = new Map<string, number>();
  const platformWell = new Map<string, number>();
  /** By place: when somebody had to decide about it last. */
  const blockedAt = new Map<string, number>();
  const approvals = new Map<string, number>();
  const was = new Map<string, Rule>();
  let blocks: readonly Blocked[] = [];
  let blocksVersion = -1;
  let jump = { at: 0, ms: 0 };
  let plans = 0;
  let planSecond = 0;
  let restSince = 0;
  let fingerprint = '';
  const operator = createOperator(world);
  const guard = createGuardJudge(world, wrong, operator);

  function wrong(what: string): void {
    if (found.includes(what)) return;
    found.push(what);
    world.note(`! ${what}`);
  }

  function ruled(): void {
    const now = world.clock.now();
    for (const side of world.sides.values()) {
      for (const [rule, said] of side.rules) {
        const name = `${side.id} ${rule}`;
        const before = was.get(name);
        if (before === said) continue;
        was.set(name, said);
        for (const user of [...lettersOf(world.setup.people), 'z']) {
          const inside = Array.isArray(said) && said.includes(user);
          if (!Array.isArray(said)) out.set(`${name} ${user}`, Number.POSITIVE_INFINITY);
          else if (inside) out.delete(`${name} ${user}`);
          else if (!Array.isArray(before) || before.includes(user)) out.set(`${name} ${user}`, now);
        }
      }
    }
  }

  /** Notes since when everything is well; called often enough by steps alone, since only steps make things ill. */
  function noteHealth(): void {
    const now = world.clock.now();
    const well = (map: Map<string, number>, name: string, is: boolean): void => {
      if (!is) map.set(name, Number.POSITIVE_INFINITY);
      else if ((map.get(name) ?? Number.POSITIVE_INFINITY) > now) map.set(name, now);
    };
    for (const side of world.sides.values()) {
      well(sideWell, side.id, side.isWell() && side.opalMishap === undefined);
    }
    for (const platform of world.platforms) {
      well(platformWell, platform.name, platform.mishap === undefined && now >= platform.hangsUntil);
      for (const { key } of world.setup.toggles) {
        for (const name of [key, `${key}-2`, `${key}-3`]) {
          well(platformWell, `${platform.name} ${name}`, !platform.broken.has(name));
        }
      }
    }
    const seen = world.files.seen.at(-1);
    const print = `${operator.changedAt} ${world.startedAt} ${world.disk.full} ${world.clock.skew} ${seen?.at} ${world.files.down} ${[...world.files.tree.values()].map(file => JSON.stringify(file)).join()}`;
    if (print !== fingerprint || world.disk.full || world.running === undefined) {
      fingerprint = print;
      restSince = now;
    }
  }

  function remember(approval: Approval | undefined, block: Blocked): void {
    if (approval === undefined) return;
    approvals.set(approval.id, approval.until);
    guard.approved(block);
  }

  function blocked(): readonly Blocked[] {
    return world.disk.look(store =>
      store.blocks().map(({ id, placements, source, scope, audience, revoked, granted }) => {
        return {
          id,
          placements,
          source,
          scope,
          audience,
          revoked: [...revoked.values()],
          granted: [...granted.values()],
        };
      }),
    );
  }

  function noteBlocked(blocks: readonly Blocked[]): void {
    for (const { placements } of blocks) {
      for (const one of placements) blockedAt.set(`${one.target} ${one.toggle} ${one.environment}`, world.clock.now());
    }
  }

  /** What stands stood until now; of what stood before nobody knows until when: perhaps until now. */
  function lookAtBlocks(): void {
    const version = world.disk.look(store => store.dataVersion());
    if (version !== blocksVersion) {
      blocksVersion = version;
      noteBlocked(blocks);
      blocks = blocked();
    }
    noteBlocked(world.running ? blocks : []);
  }

  /** The program ended before it could answer: what it had kept by then counts. */
  function keptInState(same: readonly Blocked[]): void {
    const at = world.clock.now() + world.clock.skew;
    const ids = new Set(world.disk.look(store => store.approvals(at).map(({ id }) => id)));
    for (const one of same) if (ids.has(one.id)) guard.approved(one);
  }

  function approveOne(which: number, local: boolean): boolean {
    const until = world.clock.now() + world.clock.skew + approvalHolds;
    const blocks = blocked();
    noteBlocked(blocks);
    const block = blocks[which % Math.max(1, blocks.length)];
    if (block === undefined) return false;
    const same = blocks.filter(({ id }) => id === block.id);
    const { running } = world;
    try {
      if (local || running === undefined) {
        const at = world.clock.now() + world.clock.skew;
        const approval = world.disk.beside(store => store.approve(block.id, 'oncall', until, at));
        world.note(`${block.id} is approved beside the program`);
        for (const one of same) remember(approval, one);
        return true;
      }
      const said = running.engine.approve(block.id, 'oncall');
      if (said && world.running) {
        for (const one of same) guard.approved(one);
        approvals.set(block.id, Date.parse(said.until));
      } else keptInState(same);
      return true;
    } catch (error) {
      // The disk is full, or the program ended in the middle of it: nobody was told that it is approved.
      if (!(error instanceof ProblemError || error instanceof Dead)) throw error;
      keptInState(same);
      return false;
    }
  }

  const judge: Judge = {
    found,
    wrong,
    guard,
    operator,
    handChanged,
    sent(platform, place, users, led) {
      const name = nameOf(platform, place);
      // A denial writes who else may be in: by what was sent before, or, where nobody can look, by what was ever in.
      const earlier = (sentLately.get(name) ?? []).slice(-3);
      const everybody = lettersOf(world.setup.people);
      const [, environment = ''] = place.split(' ');
      const isDenial = everybody.some(user => operator.mayTake(user, toggleOf(place), environment));
      const mayBeIn = new Set(!isDenial ? [] : platform.setup.readable ? earlier.flat() : everybody);
      // Whom a hand added since the last look, no write knows of. A denial goes with what was intended last, sent or not.
      const isGuess = isDenial && world.disk.isInDoubt(placementOf(platform, place));
      const isOpened = world.clock.now() - (handOpened.get(name) ?? -Infinity) < sinceLook;
      const unseen = new Set([...(handAdded.get(name) ?? []), ...(isGuess || isOpened ? everybody : [])]);
      for (const what of judgeWrite(
        world,
        platform,
        place,
        users,
        handGone,
        judge.setBack(),
        operator,
        mayBeIn,
        unseen,
        led === true,
      )) {
        wrong(what);
      }
      sentLately.set(name, [...earlier, users]);
    },
    landed(platform) {
      guard.landed(platform);
      for (const [place, users] of platform.contents()) {
        const gone = handGone.get(nameOf(platform, place));
        if (gone) for (const user of users) gone.delete(user);
      }
    },
    handed(platform, place, act, user) {
      const name = nameOf(platform, place);
      handChanged.set(name, world.clock.now());
      if (act === 'add') handAdded.set(name, [...(handAdded.get(name) ?? []), user]);
      if (act === 'delete' || act === 'off' || act === 'on') {
        const key = place.split(' ')[0] ?? '';
        for (const environment of platform.setup.environments) {
          const other = `${platform.name} ${key} ${environment}`;
          handChanged.set(other, world.clock.now());
          if (act === 'on') handOpened.set(other, world.clock.now());
          handGone.set(other, new Set([...lettersOf(world.setup.people), 'z']));
        }
      } else if (act === 'remove') handGone.set(name, new Set([...(handGone.get(name) ?? []), user]));
      guard.handed(platform, place, act, user);
    },
    noteHealth,
    planned() {
      const second = Math.floor(world.clock.now() / 1000);
      plans = second === planSecond ? plans + 1 : 1;
      planSecond = second;
      if (plans > mostPlans) wrong('it plans over and over');
      // Before it says what is blocked now.
      lookAtBlocks();
    },
    ruled,
    jumped(ms) {
      if (ms < 0 && ms > -smallJump) jump = { at: world.clock.now(), ms: -ms };
      // What was over by either time may be dropped.
      const wall = world.clock.now() + world.clock.skew;
      for (const [id, until] of approvals) if (until <= Math.max(wall, wall - ms)) approvals.delete(id);
      guard.jumped();
    },
    setBack: () => (world.clock.now() - jump.at < 2 * smallJump ? jump.ms : 0),
    started() {
      const now = world.clock.now() + world.clock.skew;
      const kept = new Set(world.disk.look(store => store.approvals(now)).map(({ id }) => id));
      for (const [id, until] of approvals) {
        if (until > now && !kept.has(id)) wrong(`the approval ${id} is lost`);
      }
      for (const what of operator.lost()) wrong(`what an operator said is lost: ${what}`);
    },
    approve: (which, local) => void approveOne(which, local),
    openWindow(source, ms) {
      const at = world.clock.now() + world.clock.skew;
      try {
        world.disk.beside(store =>
          store.openWindow({ source, until: at + ms, reason: 'maintenance', by: 'oncall' }, at),
        );
        guard.opened(source, ms);
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
      }
    },
    look() {
      noteHealth();
      const side = (one: PolicySide): number => sideWell.get(one.id) ?? Number.POSITIVE_INFINITY;
      lookAtBlocks();
      const since = {
        side,
        platform: (platform: Platform, key: string) =>
          Math.max(platformWell.get(platform.name) ?? Infinity, platformWell.get(`${platform.name} ${key}`) ?? 0),
        out: (one: PolicySide, rule: string, user: string) =>
          out.get(`${one.id} ${rule} ${user}`) ?? Number.NEGATIVE_INFINITY,
        rest: () => restSince,
        blocked: (platform: Platform, toggle: string, environment: string) =>
          blockedAt.get(`${platform.name} ${toggle} ${environment}`) ?? 0,
        hand: (name: string) => {
          const at = handChanged.get(name);
          // Where nobody looks, nobody finds what a hand did.
          return at === undefined ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
        },
      };
      for (const what of overdue(world, since, operator)) wrong(what);
    },
    approveAll() {
      const blocks = blocked();
      const ids = new Set(blocks.map(({ id }) => id));
      for (const id of ids)
        approveOne(
          blocks.findIndex(block => block.id === id),
          false,
        );
      return ids.size;
    },
  };
  return judge;
}
