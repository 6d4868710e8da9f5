import type { Audience } from '../../src/domain/audience.ts';
import { audienceIdOf, placementIdOf } from '../../src/domain/identity.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { type Members, membersOf, noMembers, subtract, union } from '../../src/domain/members.ts';
import type {
  Approval,
  Baseline,
  Block,
  Change,
  GuardConfig,
  Plan,
  PlanInput,
  SourceStanding,
  TargetView,
} from '../../src/domain/plan.ts';
import type {
  AppliedListing,
  AppliedPlacement,
  Capabilities,
  DesiredListing,
  LiveListing,
  LivePlacement,
  WayIn,
} from '../../src/domain/listing.ts';
import type { Overrides } from '../../src/domain/override.ts';
import type { GuardOverride, ToggleState } from '../../src/domain/toggle.ts';
import { noOverrides, switchedOff, withoutDenied } from '../../src/plan/overrides.ts';

/** A flag file as a test writes it. The rule is the audience's name in `World.answers`. */
export interface FileModel {
  readonly toggle: string;
  /** Environment → rule, and perhaps a state of its own. */
  readonly environments: Readonly<Record<string, { readonly rule: string; readonly state?: ToggleState }>>;
  /** Target → key; undefined: every target under the toggle's key. */
  readonly targets?: Readonly<Record<string, string>>;
  readonly adopt?: boolean;
  readonly guard?: GuardOverride;
  readonly name?: string;
}

/** What a rule answers. `suspect`: the candidate of a suspect source. */
export type AnswerModel =
  | readonly string[]
  | { readonly state: 'undefined' | 'failed' | 'not-ready' }
  | { readonly state: 'suspect'; readonly candidate: readonly string[] };

export const guardDefaults: GuardConfig = {
  maxRevokedShare: 0.3,
  alwaysAllowedRevocations: 5,
  maxGrantedShare: 1,
  alwaysAllowedGrants: 50,
  maxUsers: null,
  window: 600_000,
  maxRemovedToggles: 0.3,
};

export const fullTarget: Capabilities = {
  environments: 'many',
  marks: true,
  groups: null,
  conditions: false,
  contextKinds: 'any',
  mostMembers: null,
  metadataAlone: true,
  onOff: true,
  archive: true,
  atomic: 'placement',
};

/** Like `launchdarkly`, with lists as short as those of a test. */
export const groupTarget: Capabilities = { ...fullTarget, groups: { above: 4, back: 2 } };

/** Like `restapi`: no marks, users and metadata in one write, off means no users. */
export const plainTarget: Capabilities = {
  ...fullTarget,
  environments: 'one',
  marks: false,
  metadataAlone: false,
  onOff: false,
  archive: false,
};

/** `n` names that start with `prefix`. */
export function names(prefix: string, count: number, from = 0): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(from + index).padStart(4, '0')}`);
}

/** The id of the audience of a rule; a rule `s2:x` is of source `s2`, others are of `opal`. */
export function audienceOf(rule: string): { readonly id: string; readonly source: string } {
  const [source, name] = rule.includes(':') ? (rule.split(':') as [string, string]) : ['opal', rule];
  return { id: audienceIdOf({ source, package: ['app'], rule: name }, 'user'), source };
}

interface Step {
  readonly placement: string;
  readonly at: number;
  readonly isFirst: boolean;
  readonly before: Members;
  readonly after: Members;
  readonly approvedRevoked: Members;
  readonly approvedGranted: Members;
}

interface PlacementModel {
  on: boolean;
  /** Its own list; beside a group, those who were added to the placement itself. */
  who: Members;
  group: string | undefined;
  waysIn: readonly WayIn[];
  seen: LivePlacement['seen'];
  pending: LivePlacement['pending'];
}

interface ListingModel {
  owner: LiveListing['owner'];
  metadata: JsonObject;
  archived: boolean;
  removed: boolean;
  readonly placements: Map<string, PlacementModel>;
}

/** A flag platform in memory together with what the state remembers of it. Follows changes to the letter, or throws. */
export class TargetModel {
  readonly name: string;
  readonly can: Capabilities;
  readonly environments: readonly string[];
  readonly over: Partial<TargetView>;
  readonly listings = new Map<string, ListingModel>();
  readonly applied = new Map<string, AppliedListing>();
  readonly history: Step[] = [];
  readonly unreadable = new Set<string>();
  /** Members by environment and name of the group. */
  readonly groups = new Map<string, Members>();

  constructor(
    name: string,
    can: Capabilities = fullTarget,
    environments: readonly string[] = ['production'],
    over: Partial<TargetView> = {},
  ) {
    this.name = name;
    this.can = can;
    this.environments = environments;
    this.over = over;
  }

  idOf(key: string, environment: string): string {
    return placementIdOf(`model ${this.name}`, environment, key);
  }

  placement(key: string, environment = 'production'): PlacementModel {
    const found = this.listings.get(key)?.placements.get(environment);
    if (!found) throw new Error(`no ${key} in ${environment}`);
    return found;
  }

  /** Who is let in by it now: nobody where it is off or archived. */
  open(key: string, environment = 'production'): readonly string[] {
    const listing = this.listings.get(key);
    const found = listing?.archived ? undefined : listing?.placements.get(environment);
    return found && (found.on || !this.can.onOff) ? [...this.whoOf(found, environment).values()] : [];
  }

  /** Who is listed, through its group or by itself. */
  whoOf({ who, group }: PlacementModel, environment: string): Members {
    return group === undefined ? who : union(who, this.groups.get(`${environment} ${group}`) ?? noMembers);
  }

  /** Does the changes of a plan for this target in their order; all of them succeed. */
  apply(changes: readonly Change[], now: number): void {
    const done = new Set<string>();
    this.#agree(changes.filter(({ target }) => target === this.name));
    for (const change of changes) {
      if (change.target !== this.name) continue;
      for (const need of change.needs) if (!done.has(need)) throw new Error(`${change.id} came before ${need}`);
      if (done.has(change.id)) throw new Error(`${change.id} is there twice`);
      this.#applyOne(change, now);
      done.add(change.id);
    }
  }

  /** Changes of one phase with the same group have the same members. */
  #agree(changes: readonly Change[]): void {
    const said = new Map<string, string>();
    for (const change of changes) {
      if (change.kind !== 'placement' || change.after.group === undefined || change.after.who.kind !== 'members')
        continue;
      const name = `${change.phase} ${change.environment} ${change.after.group}`;
      const { hash } = change.after.who.members;
      if ((said.get(name) ?? hash) !== hash) throw new Error(`${change.id}: two minds about ${name}`);
      said.set(name, hash);
    }
  }

  #applyOne(change: Change, now: number): void {
    const listing = this.listings.get(change.key);
    const applied = this.applied.get(change.key);
    const common = { key: change.key, toggle: change.toggle, contextKind: change.contextKind };
    if (change.kind === 'create') {
      const made = listing ?? newListing('ours', change.metadata);
      for (const { environment } of change.placements ?? []) {
        if (made.placements.has(environment)) throw new Error(`${change.id} makes ${environment} again`);
        made.placements.set(environment, newPlacement());
      }
      this.listings.set(change.key, made);
      const placements = (change.placements ?? []).map(created => ({
        ...created,
        on: false,
        who: noMembers,
        appliedAt: now,
      }));
      this.applied.set(change.key, {
        ...common,
        metadata: change.metadata,
        removed: false,
        placements: [...(applied?.placements ?? []), ...placements],
      });
      return;
    }
    if (!listing) throw new Error(`${change.id}: no such listing`);
    if (change.kind === 'placement') return this.#writePlacement(change, listing, now);
    if (change.kind === 'adopt') listing.owner = 'ours';
    else if (this.can.marks && listing.owner !== 'ours') throw new Error(`${change.id}: not ours`);
    if (change.kind === 'archive') listing.archived = true;
    if (change.kind === 'restore') listing.archived = false;
    if (change.kind === 'retire') listing.removed = true;
    if (change.kind === 'restore') listing.removed = false;
    listing.metadata = change.metadata;
    this.applied.set(change.key, {
      ...common,
      metadata: change.metadata,
      removed: listing.removed,
      placements: applied?.placements ?? [],
    });
  }

  #writePlacement(change: Extract<Change, { kind: 'placement' }>, listing: ListingModel, now: number): void {
    if (listing.archived || (this.can.marks && listing.owner !== 'ours')) throw new Error(`${change.id}: closed to us`);
    if (change.after.who.kind !== 'members' || change.before.who.kind !== 'members') throw new Error('no list');
    const live = listing.placements.get(change.environment);
    if (!live) throw new Error(`${change.id}: no such placement`);
    const after = change.after.who.members;
    const { group } = change.after;
    if (group !== undefined) this.groups.set(`${change.environment} ${group}`, after);
    const who = group === undefined ? after : noMembers;
    Object.assign(live, { on: change.after.on, who, group, waysIn: [], pending: undefined });
    if (live.seen === 'unknown') live.seen = 'remembered';
    if (change.writesMetadata) listing.metadata = change.metadata;
    const applied = this.applied.get(change.key);
    const before = applied?.placements.find(({ id }) => id === change.placement);
    const isFirst = before?.firstFilledAt === undefined;
    const was = before?.who ?? change.before.who.members;
    if (!(isFirst && after.size === 0)) {
      this.history.push({
        placement: change.placement,
        at: now,
        isFirst: isFirst && was.size === 0,
        before: was,
        after,
        approvedRevoked: change.approved?.revoked ?? noMembers,
        approvedGranted: change.approved?.granted ?? noMembers,
      });
    }
    const filled = before?.firstFilledAt ?? (after.size > 0 || was.size > 0 ? now : undefined);
    const placement: AppliedPlacement = {
      id: change.placement,
      environment: change.environment,
      source: change.source,
      audience: change.audience,
      on: change.after.on || change.offByHand === true,
      who: after,
      appliedAt: now,
      ...(change.from?.revision !== undefined && { revision: change.from.revision }),
      ...(filled !== undefined && { firstFilledAt: filled }),
    };
    this.applied.set(change.key, {
      key: change.key,
      toggle: change.toggle,
      contextKind: change.contextKind,
      removed: applied?.removed ?? false,
      metadata: change.writesMetadata ? change.metadata : (applied?.metadata ?? listing.metadata),
      placements: [...(applied?.placements ?? []).filter(({ id }) => id !== change.placement), placement],
    });
  }

  /** As the state says it: what the oldest change since then found, for a younger placement what it was filled with. */
  baseline(placement: string, since: number): Baseline | undefined {
    const steps = this.history.filter(step => step.placement === placement && step.at > since);
    const [oldest] = steps;
    if (!oldest) return undefined;
    return {
      members: oldest.isFirst ? oldest.after : oldest.before,
      approvedRevoked: union(...steps.map(step => step.approvedRevoked)),
      approvedGranted: union(...steps.map(step => step.approvedGranted)),
    };
  }

  /** The groups that it was in when it was last read. */
  standing(key: string): readonly { readonly environment: string; readonly group: string }[] {
    return [...(this.listings.get(key)?.placements ?? [])].flatMap(([environment, { group }]) =>
      group === undefined ? [] : [{ environment, group }],
    );
  }

  live(): readonly LiveListing[] {
    return [...this.listings].flatMap(([key, listing]) =>
      this.unreadable.has(key)
        ? []
        : [
            {
              key,
              owner: listing.owner,
              metadata: listing.metadata,
              archived: listing.archived,
              removed: listing.removed,
              placements: [...listing.placements].map(([environment, placement]) => ({
                id: this.idOf(key, environment),
                environment,
                seen: placement.seen,
                on: placement.on,
                who: {
                  kind: 'members' as const,
                  members: placement.seen === 'unknown' ? noMembers : this.whoOf(placement, environment),
                },
                waysIn: placement.waysIn,
                ...(placement.group !== undefined && { group: placement.group }),
                ...(placement.pending && { pending: placement.pending }),
              })),
            },
          ],
    );
  }

  /** Somebody changes by hand who is in. */
  touch(
    key: string,
    who: readonly string[],
    over: { on?: boolean | undefined; waysIn?: readonly WayIn[] | undefined } = {},
    environment = 'production',
  ): void {
    const found = this.placement(key, environment);
    Object.assign(found, { who: membersOf(who), on: over.on ?? found.on, waysIn: over.waysIn ?? found.waysIn });
  }

  /** A write of that list was not answered, or waits for the platform's own approval (`link`). */
  leaveUnanswered(key: string, who: readonly string[], since: number, link?: string): void {
    const pending = { on: true, who: { kind: 'members' as const, members: membersOf(who) }, since };
    this.placement(key).pending = { ...pending, ...(link !== undefined && { link }) };
  }

  /** A flag that somebody else made, or that is ours without a record of it. */
  plant(key: string, who: readonly string[], over: Partial<ListingModel & PlacementModel> = {}): void {
    const placement: PlacementModel = {
      ...newPlacement(),
      on: over.on ?? true,
      who: membersOf(who),
      seen: over.seen ?? 'read',
      waysIn: over.waysIn ?? [],
    };
    this.listings.set(key, {
      ...newListing(over.owner ?? 'none', over.metadata ?? { name: 'old' }),
      archived: over.archived ?? false,
      removed: over.removed ?? false,
      placements: new Map(this.environments.map(environment => [environment, { ...placement }])),
    });
  }
}

function newListing(owner: LiveListing['owner'], metadata: JsonObject): ListingModel {
  return { owner, metadata, archived: false, removed: false, placements: new Map() };
}

function newPlacement(): PlacementModel {
  return { on: false, who: noMembers, group: undefined, waysIn: [], seen: 'read', pending: undefined };
}

/** Files, answers and targets; `plan` looks, `sync` also writes. */
export class World {
  now = 1_000_000_000;
  files: FileModel[] = [];
  /** Files that are there, as far as removals go; undefined: those in `files`. */
  invalid: readonly string[] = [];
  readonly answers = new Map<string, AnswerModel>();
  readonly sources = new Map<string, SourceStanding>();
  readonly targets: TargetModel[];
  guard: GuardConfig = guardDefaults;
  approvals: Approval[] = [];
  confirmed = true;
  overrides: Overrides = noOverrides;
  revision = 'r1';
  /** How old the answers are when they are planned with (ms). */
  age = 0;

  constructor(...targets: readonly TargetModel[]) {
    this.targets = targets.length > 0 ? [...targets] : [new TargetModel('ld')];
  }

  /** The first target. */
  get target(): TargetModel {
    return this.targets[0] as TargetModel;
  }

  /** A file in every environment of the first target, following the rule of its own name. */
  add(toggle: string, answer: AnswerModel, over: Partial<FileModel> = {}): void {
    const environments = Object.fromEntries(this.target.environments.map(name => [name, { rule: toggle }]));
    this.files = [...this.files.filter(file => file.toggle !== toggle), { toggle, environments, ...over }];
    this.answers.set(toggle, answer);
  }

  /** Changes a file. */
  edit(toggle: string, over: Partial<FileModel>): void {
    this.files = this.files.map(file => (file.toggle === toggle ? { ...file, ...over } : file));
  }

  desired(target: TargetModel): readonly DesiredListing[] {
    return this.files.flatMap(file => {
      const key = file.targets === undefined ? file.toggle : file.targets[target.name];
      const own = Object.entries(file.environments).filter(([name]) => target.environments.includes(name));
      if (key === undefined || own.length === 0) return [];
      return [
        {
          toggle: file.toggle,
          target: target.name,
          key,
          contextKind: 'user',
          adopt: file.adopt ?? false,
          metadata: { name: file.name ?? file.toggle },
          placements: own.map(([environment, { rule, state = 'on' }]) => ({
            id: target.idOf(key, environment),
            toggle: file.toggle,
            target: target.name,
            environment,
            state,
            source: audienceOf(rule).source,
            audience: audienceOf(rule).id,
            guard: file.guard ?? {},
            ...(target.can.groups !== null && {
              groups: { shared: audienceOf(rule).id.slice(0, 12), own: `own-${key}` },
            }),
          })),
        },
      ];
    });
  }

  audiences(): ReadonlyMap<string, Audience> {
    return new Map(
      [...this.answers].map(([rule, answer]) => [
        audienceOf(rule).id,
        withoutDenied(this.#audience(rule, answer), this.overrides.denied),
      ]),
    );
  }

  #audience(rule: string, answer: AnswerModel): Audience {
    const { id, source } = audienceOf(rule);
    const from = { source, rule: `app.${rule}`, revision: this.revision, answeredAt: this.now - this.age };
    const base = { id, contextKind: 'user', from };
    if (!('state' in answer)) {
      return { ...base, state: 'defined', who: { kind: 'members', members: membersOf([...answer]) } };
    }
    if (answer.state === 'suspect') {
      const candidate = { kind: 'members' as const, members: membersOf([...answer.candidate]) };
      return { ...base, state: 'not-ready', candidate };
    }
    if (answer.state === 'undefined') return { ...base, state: 'undefined' };
    if (answer.state === 'not-ready') return { ...base, state: 'not-ready' };
    return { ...base, state: 'failed', error: { code: 'rule-failed', message: 'a builtin failed.' } };
  }

  input(over: Partial<PlanInput> = {}): PlanInput {
    const since = this.now - this.guard.window;
    const sources = new Map(this.sources);
    for (const rule of this.answers.keys()) {
      const { source } = audienceOf(rule);
      if (!sources.has(source)) sources.set(source, { state: 'ready', by: 'system.opal', instanceId: 'i1' });
    }
    return {
      now: this.now,
      targets: this.targets.map(target => ({
        name: target.name,
        can: target.can,
        policy: 'sync',
        onRemoved: 'disable',
        reopen: false,
        environments: target.environments,
        desired: switchedOff(this.desired(target), this.overrides),
        refused: [],
        live: {
          listings: target.live(),
          unreadable: [...target.unreadable].map(key => ({
            key,
            problem: { code: 'gone', message: 'unreadable.' },
            standing: target.standing(key),
          })),
        },
        applied: new Map(target.applied),
        inFlight: new Set<string>(),
        invalid: new Set(this.invalid),
        ...target.over,
      })),
      audiences: this.audiences(),
      sources,
      guard: this.guard,
      baseline: placement => {
        for (const target of this.targets) {
          const found = target.baseline(placement, since);
          if (found) return found;
        }
        return undefined;
      },
      approvals: this.approvals,
      windows: [],
      removals: this.removals(since),
      overrides: this.overrides,
      ...over,
    };
  }

  removals(since: number): PlanInput['removals'] {
    const known = new Map<string, boolean>();
    for (const { applied } of this.targets) {
      for (const { toggle, removed, placements } of applied.values()) {
        if (removed && !placements.some(({ appliedAt }) => appliedAt > since)) continue;
        const isOff = !removed && placements.every(({ on }) => !on);
        known.set(toggle, (known.get(toggle) ?? true) && isOff);
      }
    }
    return {
      present: new Set([...this.files.map(({ toggle }) => toggle), ...this.invalid]),
      confirmed: this.confirmed,
      known: [...known].map(([toggle, appliedOff]) => ({ toggle, appliedOff })),
    };
  }

  apply(plan: Plan): void {
    for (const target of this.targets) target.apply(plan.changes, this.now);
  }

  approve(block: Block): void {
    const { id, scope, source, audience, revoked, granted, removals, instance, reason } = block;
    const until = this.now + 3_600_000;
    this.approvals.push({
      id,
      scope,
      source,
      audience,
      revoked,
      granted,
      removals,
      instance,
      reason,
      until,
      by: 'test',
    });
  }
}

/** A plan as text, members included: two plans are the same when their texts are. */
export function planText(plan: Plan): string {
  return JSON.stringify(plan, (_key, value: unknown) => (isMembers(value) ? [...value.values()] : value), 1);
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && 'hash' in value && 'values' in value && 'size' in value;
}

/** How many of `before` are not in `after`. */
export function lostOf(before: Members, after: Members): number {
  return subtract(before, after).size;
}

/** A plan in short lines: changes in order, then `blocked …`, `held …`, `refused …`. */
export function outline(plan: Plan): readonly string[] {
  return [
    ...plan.changes.map(changeLine),
    ...plan.blocked.map(({ scope, reason, placements }) => {
      return `blocked ${scope} ${reason}: ${placements.map(({ toggle, environment }) => `${toggle} ${environment}`).join(', ')}`;
    }),
    ...plan.held.map(({ reason, toggle, environment }) => `held ${reason}: ${toggle} ${environment}`),
    ...plan.refused.map(({ toggle, problem }) => `refused ${problem.code}: ${toggle}`),
  ];
}

function changeLine(change: Change): string {
  if (change.kind !== 'placement') return `${change.phase}: ${change.id}`;
  const { after, granted, revoked, closes, writesMetadata } = change;
  const extra = [...(closes.length > 0 ? [`closes ${closes.length}`] : []), ...(writesMetadata ? ['metadata'] : [])];
  const text = `${change.phase}: ${change.id} ${after.on ? 'on' : 'off'} +${granted.size} -${revoked.size}`;
  return [text, ...extra].join(' ');
}
