import { createUndo } from '../peers/stack.ts';
import { until } from '../peers/until.ts';
import {
  type Act,
  type Fault,
  type ListName,
  type Round,
  rules,
  type Schedule,
  type TargetName,
  targets,
  type ToggleKey,
  toggles,
} from './schedule.ts';
import { secrets, tokenCanary } from './program.ts';
import type { Standing } from './program.ts';
import { approve, settle } from './settle.ts';
import { usersIn } from './target.ts';
import { flagText, memberCanary, memberName, startWorld, type World } from './world.ts';

export interface Result {
  readonly seed: number;
  /** What should not have been; empty where the seed passed. */
  readonly broken: readonly string[];
  /** ms from the callback (with real OPAL: from when OPA has it) until a healthy target had taken the revocation. */
  readonly revocations: readonly number[];
  readonly writes: number;
  /** What happened, with the ms since the start. */
  readonly story: readonly string[];
}

export interface RunOptions {
  /** The program to run, where it is not the sources. */
  readonly main?: string | undefined;
}

/** Heap after a garbage collection may differ by so much, bytes. */
const heapSlack = 16_000_000;
/** What it looks at now and then keeps a timer or some connections for a while. A leak would be one for every request. */
const timerSlack = 2;
const socketSlack = 8;
/** A revocation that was not taken by then is late; how late does not matter. */
const mostPatience = 10_000;

/** Runs one schedule with real processes and judges all of it. */
export async function runSchedule(schedule: Schedule, { main }: RunOptions = {}): Promise<Result> {
  const undo = createUndo();
  const began = Date.now();
  const story: string[] = [];
  const broken: string[] = [];
  const revocations: number[] = [];
  const tell = (what: string) => {
    story.push(`${String(Date.now() - began).padStart(6)} ${what}`);
    if (process.env['CAMPAIGN_LIVE']) console.error(story.at(-1));
  };
  const breaks = (what: string) => {
    tell(`BROKEN ${what}`);
    broken.push(what);
  };
  let writes = 0;
  try {
    const { opal, sentinels, members } = schedule;
    tell(`seed ${schedule.seed}: ${opal ? 'OPAL' : 'OPA'}, sentinels ${sentinels}, ${members} members`);
    const world = await startWorld(undo, schedule, breaks, main);
    const run = new Run(world, schedule, tell, breaks, revocations);
    await run.settled('the start');
    for (const round of schedule.rounds) await run.round(round);
    await run.end();
    writes = world.targets.writes();
  } catch (error) {
    breaks(`it broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    await undo.all();
  }
  return { seed: schedule.seed, broken, revocations, writes, story };
}

class Run {
  readonly #world: World;
  readonly #schedule: Schedule;
  readonly #tell: (what: string) => void;
  readonly #breaks: (what: string) => void;
  readonly #revocations: number[];
  readonly #seen: string[] = [];
  #faults: readonly Fault[] = [];
  #lifts: (() => void)[] = [];
  #nextMember = 5000;
  readonly #touched = new Set<ToggleKey>();
  #standing: { readonly pid: number; readonly standing: Standing } | undefined;

  constructor(
    world: World,
    schedule: Schedule,
    tell: (what: string) => void,
    breaks: (what: string) => void,
    revocations: number[],
  ) {
    this.#world = world;
    this.#schedule = schedule;
    this.#tell = tell;
    this.#breaks = breaks;
    this.#revocations = revocations;
  }

  async round({ faults, acts, hold }: Round): Promise<void> {
    this.#faults = faults;
    for (const fault of faults) await this.#inject(fault);
    for (const act of acts) await this.#act(act);
    await this.#look();
    await pause(hold);
    await this.#lift();
    await this.settled('the faults');
    this.#repairFiles();
    await this.settled('the repair');
  }

  /** Everything agrees, and asked again the program writes nothing. */
  async settled(after: string): Promise<void> {
    const { program, targets: judged } = this.#world;
    const missing = await settle(this.#world);
    for (const what of missing) this.#breaks(`after ${after}: ${what}`);
    await this.#look();
    if (missing.length > 0) return;
    this.#tell(`settled after ${after}`);
    const before = judged.writes();
    const now = new Date().toISOString();
    await program.admin('/api/sync');
    await until('it has asked again', async () => {
      const { sources, toggles: rows } = await program.status();
      return (sources[0]?.lastAnswerAt ?? '') > now && rows.every(({ state }) => state !== 'pending');
    });
    if (judged.writes() !== before) this.#breaks(`${judged.writes() - before} writes though nothing changed`);
    if (this.#standing?.pid !== program.pid) {
      this.#standing = { pid: program.pid, standing: await program.standing() };
    }
  }

  /** Memory, sockets and timers are back where they were; SIGTERM ends it; no secret and no name got out. */
  async end(): Promise<void> {
    const { program } = this.#world;
    const before = this.#standing?.standing;
    if (before !== undefined) {
      let last: Standing = before;
      const isBack = async () => {
        last = await program.standing();
        return (
          last.sockets <= before.sockets + socketSlack &&
          last.timers <= before.timers + timerSlack &&
          last.heapUsed <= before.heapUsed + heapSlack
        );
      };
      await until('it is back where it was', isBack, { timeoutMs: 15_000, everyMs: 500 }).catch(() => {
        const [was, is] = [before, last].map(
          ({ sockets, timers, heapUsed }) => `${sockets} sockets, ${timers} timers, ${(heapUsed / 1e6).toFixed(1)} MB`,
        );
        this.#breaks(`not back where it was: ${was} → ${is}`);
      });
      this.#tell(`sockets ${before.sockets} → ${last.sockets}, timers ${before.timers} → ${last.timers}`);
    }
    await this.#stop();
    this.#search();
  }

  async #stop(): Promise<void> {
    const { code, ms } = await this.#world.program.stop();
    if (code !== 0) this.#breaks(`SIGTERM: it ended with ${code} after ${ms.toFixed(0)} ms`);
    if (ms > 25_000) this.#breaks(`SIGTERM: it took ${ms.toFixed(0)} ms`);
  }

  #search(): void {
    const { program } = this.#world;
    const said = [program.said(), ...this.#seen].join('\n');
    for (const canary of [tokenCanary, memberCanary]) {
      const at = said.indexOf(canary);
      if (at >= 0) this.#breaks(`a canary got out: ${JSON.stringify(said.slice(Math.max(0, at - 120), at + 60))}`);
    }
    const kept = program.kept();
    for (const secret of Object.values(secrets)) {
      if (kept.includes(secret)) this.#breaks('a secret is in the state');
    }
    if (/unhandled|uncaught/i.test(said)) this.#breaks('something was not handled: look at the log');
  }

  /** Keeps what it shows, for the search at the end. */
  async #look(): Promise<void> {
    for (const path of ['/', '/health', '/api/status', '/metrics']) {
      const shown = await this.#world.program.get(path).catch(() => undefined);
      if (shown !== undefined) this.#seen.push(shown.text);
    }
  }

  async #inject(fault: Fault): Promise<void> {
    this.#tell(`fault ${JSON.stringify(fault)}`);
    const { opa, opal, targets: judged, policy } = this.#world;
    switch (fault.kind) {
      case 'link': {
        const way = fault.to === 'opa' ? opa : fault.to === 'opal' ? opal : judged.byName[fault.to].way;
        return way.set(fault.how);
      }
      case 'toggle': {
        const { api } = judged.byName[fault.target];
        const { how, applied } = fault;
        const what =
          typeof how === 'number' ? { kind: 'status' as const, status: how, applied } : { kind: how, applied };
        this.#lifts.push(api.fault(what, { key: fault.toggle, method: 'PATCH' }));
        return;
      }
      case 'opa-empty':
        return policy.empty();
      case 'opal-forgets':
        return policy.forget();
      case 'undefined':
        if (this.#isMuddled()) return this.#tell('left out: OPAL loads in an order of its own');
        return this.#say(fault.list, 'undefined', () => policy.hide(fault.list, true));
      case 'builtin-fails': {
        if (this.#isMuddled() || typeof this.#world.truth.list('checked') === 'string') return;
        const members = this.#members('checked');
        return this.#say('checked', 'failed', () => policy.put('checked', members, { broken: true }));
      }
    }
  }

  #isMuddled(): boolean {
    return this.#schedule.opal && this.#faults.some(({ kind }) => kind === 'opa-empty');
  }

  #members(list: ListName): readonly string[] {
    return (
      this.#lists.get(list) ?? Array.from({ length: this.#schedule.members }, (_, index) => memberName(list, index))
    );
  }

  /** What each list holds or would hold, whatever the rule says of it. */
  readonly #lists = new Map<ListName, readonly string[]>();

  /** Changes what policy says: until the change is carried out, both count. */
  async #say(list: ListName, said: ReadonlySet<string> | 'undefined' | 'failed', carryOut: () => Promise<void>) {
    const began = Date.now();
    const { truth, policy } = this.#world;
    // While OPA has no data of its own, nobody can say when it will have this.
    const open = policy.whole ? Number.POSITIVE_INFINITY : began + 60_000;
    truth.says(list, said, began, open);
    await carryOut();
    if (policy.whole) truth.carriedOut(list, Date.now());
  }

  async #put(list: ListName, members: readonly string[]): Promise<void> {
    this.#lists.set(list, members);
    const { truth, policy } = this.#world;
    if (typeof truth.list(list) === 'string') {
      // The rule still says nothing: the list changes behind it.
      if (truth.list(list) === 'failed') return policy.put(list, members, { broken: true });
      return policy.put(list, members);
    }
    return this.#say(list, new Set(members), () => policy.put(list, members));
  }

  async #act(act: Act): Promise<void> {
    this.#tell(JSON.stringify(act));
    const { policy, program, targets: judged } = this.#world;
    switch (act.kind) {
      case 'grant': {
        const fresh = Array.from({ length: act.count }, () => memberName(act.list, this.#nextMember++));
        await this.#put(act.list, [...this.#members(act.list), ...fresh].sort());
        return policy.tell(act.told);
      }
      case 'revoke':
        return this.#revoke(act);
      case 'mass-revoke':
        return this.#massRevoke(act);
      case 'switch':
      case 'remove-file':
      case 'break-file':
        return this.#touch(act);
      case 'by-hand': {
        const target = judged.byName[act.target];
        const stored = target.api.toggles.get(act.toggle);
        const users = usersIn(target, act.toggle) ?? [];
        if (stored === undefined || users.length < 3) return;
        const changed = act.adds ? [...users, `${memberCanary}-by-hand`] : users.slice(1);
        target.api.toggles.set(act.toggle, { ...stored, users: changed });
        judged.judge.byHand(act.target, act.toggle, changed);
        return;
      }
      case 'forged-callbacks':
        await Promise.all(Array.from({ length: 20 }, () => this.#forged()));
        return;
      case 'pause':
        await pause(act.ms);
        if (this.#faults.some(({ kind }) => kind === 'opa-empty')) await policy.half();
        return;
      case 'crash':
        await program.kill();
        return program.startAgain();
      case 'restart':
        await this.#stop();
        return program.startAgain();
    }
  }

  async #forged(): Promise<void> {
    const { status } = await this.#world.program.forged();
    if (status !== 401) this.#breaks(`a forged callback was answered with ${status}`);
  }

  /** A file is changed once in a round: what was never seen before it changed again says nothing. */
  #touch(act: Act & { kind: 'switch' | 'remove-file' | 'break-file' }): void {
    const { program, truth } = this.#world;
    const { kind, toggle } = act;
    if (this.#touched.has(toggle)) return;
    this.#touched.add(toggle);
    if (kind === 'break-file') return program.flag(toggle, `key: ${toggle}\nname: [`);
    const open = kind === 'switch' && !truth.isOpen(toggle);
    const began = Date.now();
    program.flag(toggle, kind === 'remove-file' ? undefined : flagText(toggle, open ? 'on' : 'off'));
    // Taken up within a second, at the latest by the next rescan; a removal after two equal scans.
    truth.opens(toggle, open, began, began + 35_000);
  }

  #repairFiles(): void {
    this.#touched.clear();
    for (const toggle of toggles) {
      const open = this.#world.truth.isOpen(toggle);
      this.#world.program.flag(toggle, flagText(toggle));
      if (!open) this.#world.truth.opens(toggle, true, Date.now(), Date.now() + 35_000);
    }
  }

  /** Takes a few members away, and measures how long that takes where nothing is wrong. */
  async #revoke(act: Act & { kind: 'revoke' }): Promise<void> {
    const { policy } = this.#world;
    const members = this.#members(act.list);
    const gone = members.slice(0, act.count);
    const healthy = await this.#healthy(act.list);
    await this.#put(act.list, members.slice(act.count));
    const began = Date.now();
    const told = policy.tell(act.told);
    if (act.told === 'never' && !this.#schedule.opal) return;
    await Promise.all(healthy.map(([target, toggle]) => this.#measure(target, toggle, gone, began)));
    await told;
  }

  /** Each at its own moment: one that is late makes no other look late. */
  async #measure(target: TargetName, toggle: ToggleKey, gone: readonly string[], began: number): Promise<void> {
    const { api } = this.#world.targets.byName[target];
    const isGone = () => gone.every(member => api.serves(toggle, member) !== true);
    const late = new Promise<false>(resolve => setTimeout(() => resolve(false), mostPatience).unref());
    const taken = await Promise.race([api.waitFor(isGone).then(() => true as const), late]);
    const ms = Date.now() - began;
    this.#revocations.push(ms);
    if (!taken) this.#breaks(`${target} ${toggle}: a revocation was not taken within ${mostPatience} ms`);
    else this.#tell(`${target} ${toggle}: revoked after ${ms} ms`);
  }

  /** Placements of a list with which nothing is wrong, as far as they themselves and their way there go. */
  async #healthy(list: ListName): Promise<(readonly ['left' | 'right', ToggleKey])[]> {
    const { program, policy, truth } = this.#world;
    const isOff = this.#faults.some(
      fault =>
        (fault.kind === 'link' && (fault.to === 'opa' || fault.to === 'opal')) ||
        fault.kind === 'opa-empty' ||
        fault.kind === 'opal-forgets',
    );
    if (isOff || typeof truth.list(list) === 'string' || !(await policy.registered())) return [];
    const status = await program.status();
    if (status.sources[0]?.state !== 'ready') return [];
    return status.toggles.flatMap(({ key, target, state }) => {
      const toggle = toggles.find(one => one === key && rules[one] === list);
      const name = targets.find(one => one === target);
      if (toggle === undefined || name === undefined || state !== 'in-sync' || !truth.isOpen(toggle)) return [];
      const isHurt = this.#faults.some(fault => {
        if (fault.kind === 'link') return fault.to === name;
        // A 429 holds the whole target.
        return fault.kind === 'toggle' && fault.target === name && (fault.toggle === toggle || fault.how === 429);
      });
      return isHurt ? [] : [[name, toggle] as const];
    });
  }

  async #massRevoke(act: Act & { kind: 'mass-revoke' }): Promise<void> {
    const { policy, program, truth } = this.#world;
    if (typeof truth.list(act.list) === 'string') return;
    const members = this.#members(act.list);
    await this.#put(act.list, members.slice(Math.ceil(members.length * 0.6)));
    await policy.tell('once');
    const seen = async () => (await program.status()).blocked.length > 0;
    const isBlocked = await until('it is blocked', seen, { timeoutMs: 3_000 }).catch(() => false);
    this.#tell(isBlocked ? 'blocked' : 'not blocked yet');
    if (act.approved) {
      await approve(this.#world, await program.status());
      return;
    }
    await this.#put(act.list, members);
    await policy.tell('once');
  }

  async #lift(): Promise<void> {
    const { opa, opal, targets: judged, policy, truth } = this.#world;
    this.#tell('the faults end');
    for (const lift of this.#lifts.splice(0)) lift();
    for (const way of [opa, opal, ...targets.map(name => judged.byName[name].way)]) await way.set({ kind: 'none' });
    await policy.refill();
    for (const list of new Set(Object.values(rules))) {
      const said = truth.list(list);
      if (typeof said !== 'string') continue;
      const members = this.#members(list);
      const carryOut = () => (said === 'failed' ? policy.put(list, members) : policy.hide(list, false));
      await this.#say(list, new Set(members), carryOut);
    }
    await policy.tell('once');
    this.#faults = [];
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
