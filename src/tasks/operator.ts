import type { Config } from '../domain/config.ts';
import type { Override, OverrideSubject, PausedKind } from '../domain/override.ts';
import { type Problem, UsageError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import { nearest, quoted } from '../load/problems.ts';
import type { Line } from '../sync/line.ts';
import { sentenceOf } from '../sync/overriding.ts';

/** What an operator asks for, as it was typed. */
export type Asked =
  | { readonly kind: 'off'; readonly toggle: string; readonly environment?: string | undefined }
  | { readonly kind: 'deny'; readonly user: string }
  | { readonly kind: 'pause'; readonly name: string; readonly what?: PausedKind | undefined };

export interface AskedFacts {
  /** ms; undefined: until it is taken back. */
  readonly time: number | undefined;
  readonly reason: string;
  readonly by: string;
}

/** What is to be taken back: by its id, or by the name that it is about. */
export interface AskedBack {
  readonly name: string;
  readonly what?: PausedKind | 'user' | undefined;
  readonly environment?: string | undefined;
}

/** What is in force now, or no more. No member's name. */
export interface Told {
  readonly id: string;
  readonly what: string;
  /** ISO; null: until it is taken back. */
  readonly until: string | null;
}

/** The operator's hand: writes into the state. Each method throws a UsageError that says what there is. */
export interface Operator {
  override(asked: Asked, facts: AskedFacts): Told;
  resume(asked: AskedBack, by: string): readonly Told[];
  /** Until then the guard lets everything of that source through. `until` is ISO. */
  openWindow(
    source: string,
    facts: AskedFacts & { readonly time: number },
  ): { readonly source: string; readonly until: string };
}

export interface OperatorOptions {
  readonly config: Pick<Config, 'sources' | 'targets' | 'legacy'>;
  readonly store: StateStore;
  readonly clock: Clock;
  /** The line that is to hear of it at once; without one another process has it, and looks every second. */
  readonly line?: Pick<Line, 'overridden' | 'approved' | 'definitions'>;
}

const longestReason = 500;
const mostListed = 30;
/** As of any member: bytes. */
const longestMember = 1_024;

export function createOperator({ config, store, clock, line }: OperatorOptions): Operator {
  const tag = (member: string) => store.memberTag(member);
  const told = (one: Override): Told => ({
    id: one.id,
    what: sentenceOf(one, tag),
    until: one.until === null ? null : new Date(one.until).toISOString(),
  });

  function knownToggles(): ReadonlySet<string> {
    const applied = store.addresses().flatMap(({ address }) => [...store.applied(address).values()]);
    return new Set([
      ...store.definitions().map(({ key }) => key),
      ...(config.legacy?.toggles ?? []).map(({ key }) => key),
      ...(line?.definitions.current?.present ?? []),
      ...applied.map(({ toggle }) => toggle),
    ]);
  }

  function subjectOf(asked: Asked): OverrideSubject {
    switch (asked.kind) {
      case 'off':
        checkToggle(asked.toggle, knownToggles());
        if (asked.environment !== undefined) checkEnvironment(asked.environment, config);
        return { kind: 'off', toggle: asked.toggle, environment: asked.environment ?? null };
      case 'deny':
        checkMember(asked.user);
        return { kind: 'deny', member: asked.user };
      case 'pause':
        return { kind: 'pause', ...pausedOf(asked, config, knownToggles()) };
    }
  }

  return {
    override(asked, { time, reason, by }) {
      checkReason(reason);
      const subject = subjectOf(asked);
      const now = clock.now();
      const one = store.override(subject, { until: time === undefined ? null : now + time, reason, by }, now);
      line?.overridden();
      return told(one);
    },
    resume(asked, by) {
      const now = clock.now();
      const taken = store.resume(
        matching(store.overrides(now), asked, tag).map(({ id }) => id),
        by,
        now,
      );
      line?.overridden();
      return taken.map(told);
    },
    openWindow(source, { time, reason, by }) {
      checkReason(reason);
      if (!config.sources.some(({ id }) => id === source)) throw unknownSource(source, config);
      const now = clock.now();
      store.openWindow({ source, until: now + time, reason, by }, now);
      line?.approved();
      return { source, until: new Date(now + time).toISOString() };
    },
  };
}

function pausedOf(
  { name, what }: Asked & { readonly kind: 'pause' },
  { sources, targets }: Pick<Config, 'sources' | 'targets'>,
  toggles: ReadonlySet<string>,
): { what: PausedKind; name: string } {
  const names: Readonly<Record<PausedKind, readonly string[]>> = {
    source: sources.map(({ id }) => id),
    target: targets.map(one => one.name),
    toggle: [...toggles],
  };
  const asked = what === undefined ? (['source', 'target', 'toggle'] as const) : [what];
  const found = asked.filter(kind => names[kind].includes(name));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return { what: first, name };
  if (second !== undefined) {
    throw usage(
      'ambiguous-name',
      `${quoted(name)} is the name of a ${found.join(' and of a ')}.`,
      `Say which with --kind ${found.join(' or --kind ')}.`,
    );
  }
  const all = [...new Set(asked.flatMap(kind => names[kind]))];
  throw usage('unknown-name', `No ${asked.join(' or ')} is called ${quoted(name)}.`, likeOf(name, all, 'There are'));
}

/** Overrides about one thing: that of the id, or all that are about the name. */
function matching(list: readonly Override[], asked: AskedBack, tag: (member: string) => string): readonly Override[] {
  const { name, what, environment } = asked;
  const byId = list.filter(({ id }) => id === name);
  if (byId.length > 0) return byId;
  const named = list.filter(one => nameIn(one) === name && (what === undefined || thingIn(one) === what));
  const things = new Set(named.map(thingIn));
  if (things.size > 1) {
    throw usage(
      'ambiguous-name',
      'That name is used for more than one thing that an operator spoke of.',
      listed(named, tag),
    );
  }
  const found =
    environment === undefined ? named : named.filter(one => one.kind === 'off' && one.environment === environment);
  if (found.length > 0) return found;
  // The name may be a member's: it is not said again.
  throw usage('unknown-override', 'Nothing of that name is switched off, denied or paused.', listed(list, tag));
}

function listed(list: readonly Override[], tag: (member: string) => string): string {
  if (list.length === 0) return 'Nothing is: optoggles status would show it.';
  return list.map(one => `optoggles resume ${one.id} (${sentenceOf(one, tag)})`).join('; ');
}

function nameIn(one: Override): string {
  return one.kind === 'off' ? one.toggle : one.kind === 'deny' ? one.member : one.name;
}

function thingIn(one: Override): PausedKind | 'user' {
  return one.kind === 'off' ? 'toggle' : one.kind === 'deny' ? 'user' : one.what;
}

function checkToggle(toggle: string, known: ReadonlySet<string>): void {
  if (known.has(toggle)) return;
  throw usage('unknown-toggle', `There is no toggle ${quoted(toggle)}.`, likeOf(toggle, [...known], 'Toggles'));
}

/** The nearest name, or all of them where they are few enough to be read. */
function likeOf(name: string, known: readonly string[], what: string): string {
  const hint = nearest(name, known, what);
  return known.length <= mostListed || hint.startsWith('Did') ? hint : 'optoggles status shows all of them.';
}

/** Targets that name no environment have the one that the toggle names: then any name may be right. */
function checkEnvironment(environment: string, { targets }: Pick<Config, 'targets'>): void {
  const known = targets.flatMap(one => one.environments ?? []);
  if (known.includes(environment) || targets.some(one => one.environments === undefined)) return;
  throw usage(
    'unknown-environment',
    `No target has the environment ${quoted(environment)}.`,
    nearest(environment, [...new Set(known)], 'Environments'),
  );
}

function checkMember(member: string): void {
  if (member !== '' && Buffer.byteLength(member) <= longestMember && !hasControls(member)) return;
  throw usage(
    'bad-member',
    `No policy can name such a user: empty, longer than ${longestMember} bytes, or with control characters.`,
    'Write the user as policy names it.',
  );
}

function checkReason(reason: string): void {
  if (reason.length <= longestReason && !hasControls(reason)) return;
  throw usage('bad-reason', `A reason is one line of at most ${longestReason} characters.`, 'Make it shorter.');
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function unknownSource(source: string, { sources }: Pick<Config, 'sources'>): UsageError {
  const names = sources.map(({ id }) => id);
  return usage('unknown-source', `There is no source ${quoted(source)}.`, nearest(source, names, 'Sources'));
}

function usage(code: string, message: string, hint: Problem['hint']): UsageError {
  return new UsageError({ code, message, ...(hint !== undefined && { hint }) });
}
