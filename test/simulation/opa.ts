import type { Host, Mishap, Reply, Request } from './network.ts';
import type { SimClock } from './sim-clock.ts';

/** What a rule says once policy and data are whole. `fails`: a builtin fails; `wrong`: something that is no list. */
export type Rule = readonly string[] | undefined | 'fails' | 'wrong';

/** `policy`: without data a set rule says `[]`. `half`: half of the users are there. */
export type Loaded = 'whole' | 'empty' | 'policy' | 'half';

/** One run of an OPA. */
interface Engine {
  readonly id: string;
  loaded: Loaded;
  /** Of the last data update that OPAL noted there. */
  transaction: string | undefined;
  /** The program was told its id, and what OPAL noted there since. */
  wasNamed?: boolean;
  wasShown?: boolean;
  /** What it has instead of the newest rules: it was left behind. */
  readonly stale?: ReadonlyMap<string, Rule>;
}

/** What shows that an OPA is whole. */
export type Shows = 'sentinel' | 'sentinel-apart' | 'system.opal' | 'nothing';

/** One answer of `/v1/data` as it arrived: the rules in it as they were. */
export interface Answered {
  readonly at: number;
  readonly engine: string;
  readonly whole: boolean;
  readonly rules: ReadonlyMap<string, Rule>;
}

/** A source's OPA and, for `opal`, the OPAL client that feeds it: what they know, and what goes wrong with them. */
export interface PolicySide {
  readonly id: string;
  readonly kind: 'opal' | 'opa';
  readonly shows: Shows;
  readonly rules: Map<string, Rule>;
  /** Answers that arrived at the program lately, newest last. */
  readonly answers: Answered[];
  readonly opa: Host;
  readonly opal: Host | undefined;
  /** Bearers of the callbacks that are registered. */
  readonly callbacks: Map<string, string>;
  mishap: (() => Mishap | undefined) | undefined;
  opalMishap: (() => Mishap | undefined) | undefined;
  readonly loaded: Loaded;
  /** It answers as it should, all of it. */
  isWell(): boolean;
  /** Until then (world's time) it counts as ill: requests may still hang. */
  hangs(until: number): void;
  /** An update of policy or data came in. */
  updated(): void;
  /** `after` (ms): when it is whole again; undefined: when OPAL is asked to reload. */
  restart(as: Exclude<Loaded, 'whole'>, after: number | undefined): void;
  /** From now on, for so long, another OPA with the rules of now answers every second request. */
  joined(ms: number): void;
  forgetCallbacks(): void;
  heal(): void;
}

const keptAnswers = 64;
/** ms; what OPAL loads when it is asked takes so long. */
const loading = 300;
/** ms; what OPAL notes of policy and of data so close to one another is written in any order: seen on 0.9. */
const atOnce = 100;
/** ms; so long after another OPA was seen, the one that came back is the only one again. */
export const believedAgain = 125_000;

export interface PolicyOptions {
  readonly id: string;
  readonly kind: 'opal' | 'opa';
  readonly shows: Shows;
  readonly clock: SimClock;
  /** Something was loaded or updated: whoever is registered is told. */
  readonly changed: (side: PolicySide) => void;
}

export function createPolicySide({ id, kind, shows, clock, changed }: PolicyOptions): PolicySide {
  const rules = new Map<string, Rule>();
  const answers: Answered[] = [];
  const callbacks = new Map<string, string>();
  let engines = 1;
  let transactions = 1;
  let policyNotedAt = 0;
  let dataNotedAt = 0;
  let engine: Engine = { id: `${id}-1`, loaded: 'whole', transaction: 'data-1' };
  let other: Engine | undefined;
  let turns = 0;
  let cancelLoad = (): void => {};
  let cancelOther = (): void => {};
  let strangeUntil = 0;
  /** Only an update that comes when it is whole proves that it is. */
  let isUnproved = false;
  /** Which of two was looked at last, and what it showed then, nobody can tell. */
  let wasJoined = false;

  function load(): void {
    cancelLoad();
    engine.loaded = 'whole';
    noteData();
    changed(side);
  }

  function noteData(): void {
    engine.transaction = `data-${++transactions}`;
    dataNotedAt = clock.now();
  }

  function loadPolicy(): void {
    policyNotedAt = clock.now();
    if (engine.loaded === 'empty') engine.loaded = 'policy';
    // What OPAL noted last of the data it writes again.
    engine.transaction ??= `data-${transactions}`;
  }

  /** As `load`, but the note of the data may be lost to that of the policy. */
  function loadData(): void {
    const before = engine.transaction;
    load();
    if (clock.now() - policyNotedAt < atOnce) engine.transaction = before;
    // Who was shown what was there before, and asked, is shown something new: its answers are to be believed.
    if (engine.wasShown && !wasJoined) isUnproved = false;
  }

  function said(by: Engine, name: string): Rule {
    const rule = by.stale ? by.stale.get(name) : rules.get(name);
    if (by.loaded === 'whole' || rule === undefined) return by.loaded === 'empty' ? undefined : rule;
    if (by.loaded === 'empty') return undefined;
    if (typeof rule === 'string') return [];
    return by.loaded === 'policy' ? [] : rule.slice(0, rule.length >> 1);
  }

  function data(by: Engine, path: readonly string[]): Reply {
    const [first, second] = path;
    if (first === 'system') {
      const shown = json(by.transaction === undefined ? {} : { result: systemOpal(by) });
      return { ...shown, arrived: () => (by.wasShown = by.wasNamed === true) };
    }
    if (first === 'example') return json(by.loaded === 'whole' ? { result: ['there'] } : {});
    if (first !== 'app') return json({});
    const names = second === undefined ? [...rules.keys()] : [second];
    if (second === 'ready') return json(by.loaded === 'whole' ? { result: true } : {});
    const found = new Map(names.map(name => [name, said(by, name)]));
    const answered: Answered = { at: 0, engine: by.id, whole: by.loaded === 'whole', rules: found };
    const arrived = (): void => {
      answers.push({ ...answered, at: clock.now() });
      if (answers.length > keptAnswers) answers.shift();
    };
    if ([...found.values()].includes('fails')) return { ...json(builtinError), status: 500, arrived };
    if (second !== undefined) {
      const value = jsonOf(found.get(second));
      return { ...json(value === undefined ? {} : { result: value }), arrived };
    }
    const document: Record<string, unknown> = {};
    for (const [name, rule] of found) if (rule !== undefined) document[name] = jsonOf(rule);
    if (shows === 'sentinel' && by.loaded === 'whole') document.ready = true;
    return { ...json(by.loaded === 'empty' ? {} : { result: document }), arrived };
  }

  function systemOpal(by: Engine): object {
    const stamp = (at: number): string => new Date(at).toISOString().slice(0, -1);
    const policy = { id: 'policy-1', success: true, end_time: stamp(policyNotedAt) };
    const last = { id: by.transaction, success: true, end_time: stamp(dataNotedAt) };
    return { last_policy_transaction: policy, last_data_transaction: last };
  }

  const opa: Host = {
    mishap: () => side.mishap?.(),
    serve({ method, path }) {
      const by = other !== undefined && turns++ % 2 === 1 ? other : engine;
      const [place = ''] = path.split('?');
      const [, version, what, ...rest] = place.split('/');
      if (version !== 'v1' || (method !== 'GET' && method !== 'POST')) return { status: 404 };
      if (what === 'config') {
        const named = json({ result: { labels: { id: by.id, version: '1.22.0' } } });
        return {
          ...named,
          arrived() {
            by.wasNamed = true;
            // Who never saw that there are two doubts nothing, and looks for no proof.
            if (by !== engine && shows === 'system.opal') isUnproved = true;
          },
        };
      }
      if (what !== 'data') return { status: 404 };
      if (rest[0] === 'system' && (shows !== 'system.opal' || rest[1] !== 'opal')) return json({});
      return data(by, rest);
    },
  };

  const opal: Host = {
    mishap: () => side.opalMishap?.(),
    serve(request) {
      const { method, path } = request;
      if (path.endsWith('/trigger')) {
        clock.after(loading, path.startsWith('/data-') ? loadData : loadPolicy);
        return json({ status: 'ok' });
      }
      const key = decodeURIComponent(path.slice('/callbacks/'.length));
      if (path === '/callbacks' && method === 'POST') return register(request);
      if (method === 'DELETE') return { status: callbacks.delete(key) ? 204 : 404 };
      const entry = entries.get(key);
      return entry !== undefined && callbacks.has(key) ? { status: 200, text: entry } : { status: 404, text: '{}' };
    },
  };
  const entries = new Map<string, string>();

  function register({ text }: Request): Reply {
    const entry = JSON.parse(text) as { key: string; config: { headers: Record<string, string> } };
    entries.set(entry.key, text);
    callbacks.set(entry.key, (entry.config.headers.Authorization ?? '').replace('Bearer ', ''));
    return { status: 200, text };
  }

  const side: PolicySide = {
    id,
    kind,
    shows,
    rules,
    answers,
    opa,
    opal: kind === 'opal' ? opal : undefined,
    callbacks,
    mishap: undefined,
    opalMishap: undefined,
    get loaded() {
      return engine.loaded;
    },
    isWell: () => engine.loaded === 'whole' && clock.now() > strangeUntil && !isUnproved && side.mishap === undefined,
    hangs(until) {
      strangeUntil = Math.max(strangeUntil, until);
    },
    updated() {
      // What comes into an OPA that lost the rest shows as a success, too: docs/reliability.md.
      if (engine.loaded !== 'whole') return;
      noteData();
      // What is there at the first look is not new.
      if (engine.wasShown !== true || other !== undefined) return;
      isUnproved = false;
      wasJoined = false;
    },
    restart(as, after) {
      cancelLoad();
      isUnproved = shows === 'system.opal';
      // Half loaded beside a whole one: nobody could tell whose answer is whose.
      other = undefined;
      // OPAL repeats its last update to an OPA that restarted: that it is there proves nothing.
      engine = { id: `${id}-${++engines}`, loaded: as, transaction: as === 'empty' ? undefined : engine.transaction };
      cancelLoad = after === undefined ? () => {} : clock.after(after, load);
    },
    joined(ms) {
      if (engine.loaded !== 'whole') return;
      cancelOther();
      other = { ...engine, id: `${id}-${++engines}`, stale: new Map(rules) };
      strangeUntil = clock.now() + ms + believedAgain;
      wasJoined = true;
      cancelOther = clock.after(ms, () => {
        other = undefined;
        engine.wasNamed = false;
        engine.wasShown = false;
      });
    },
    forgetCallbacks: () => callbacks.clear(),
    heal() {
      cancelOther();
      other = undefined;
      strangeUntil = Math.min(strangeUntil, clock.now() + believedAgain);
      side.mishap = undefined;
      side.opalMishap = undefined;
      if (engine.loaded !== 'whole') load();
    },
  };
  return side;
}

function jsonOf(rule: Rule): unknown {
  return rule === 'wrong' ? [1, 2] : rule;
}

function json(body: unknown): Reply {
  return { status: 200, text: JSON.stringify(body) };
}

// As OPA says it: https://www.openpolicyagent.org/docs/latest/rest-api/#errors
const builtinError = {
  code: 'internal_error',
  message: 'error(s) occurred while evaluating query',
  errors: [{ code: 'eval_builtin_error', message: 'to_number: invalid syntax' }],
};
