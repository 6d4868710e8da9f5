import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../src/lib/clock.ts';
import { createAccount } from '../support/fake-launchdarkly/account.ts';
import { createHand } from '../support/fake-launchdarkly/hand.ts';
import type { Account, Flag, Project, Segment, SegmentKeys, Serve } from '../support/fake-launchdarkly/model.ts';
import { createRateLimiter } from '../support/fake-launchdarkly/rate-limits.ts';
import { createRestSide } from '../support/fake-launchdarkly/rest-side.ts';
import { lettersOf } from './generate.ts';
import type { Host, Mishap, Request } from './network.ts';
import type { Contents, Eye, Platform } from './platform.ts';
import type { PlatformSetup } from './setup.ts';

const projectKey = 'default';

/** The strict fake of LaunchDarkly's REST API behind the network without sockets. */
export function launchDarklyPlatform(
  setup: PlatformSetup,
  people: string,
  clock: Pick<Clock, 'now'>,
  eye: Eye,
): Platform {
  const projects = [{ key: projectKey, environments: setup.environments }];
  const account = createAccount(
    { projects, tokens: [] },
    () => clock.now(),
    () => {},
  );
  const hand = createHand(account);
  const everybody = [...lettersOf(people), 'z'];
  let known: { readonly writes: number; readonly contents: Contents } | undefined;

  function contents(): Contents {
    if (known?.writes !== account.writes) known = { writes: account.writes, contents: servedBy(account, everybody) };
    return known.contents;
  }

  const host: Host = {
    mishap(request) {
      const key = flagIn(request);
      return (key === undefined ? undefined : platform.broken.get(key)?.()) ?? platform.mishap?.();
    },
    sent(request) {
      if (request.method === 'GET') return;
      // What it would make of what is there now. A refusal makes nothing.
      const trial = copyOf(account);
      carryOut(trial, request);
      if (trial.writes === account.writes) return;
      const now = contents();
      const changed = [...servedBy(trial, everybody)].filter(
        ([place, users]) => (now.get(place) ?? []).join('') !== users.join(''),
      );
      // Whoever stands in a segment is led by the one that is about to, or does.
      const led = flagIn(request) === undefined ? true : undefined;
      for (const [place, users] of changed) eye.sent(platform, place, users, led);
    },
    serve(request) {
      const before = account.writes;
      const reply = carryOut(account, request);
      if (account.writes > before) eye.landed(platform);
      return reply;
    },
  };

  const platform: Platform = {
    setup,
    name: setup.name,
    get writes() {
      return account.writes;
    },
    mishap: undefined as (() => Mishap | undefined) | undefined,
    hangsUntil: 0,
    broken: new Map(),
    host,
    target: () => undefined,
    contents,
    isOff(place) {
      const [key = '', environment = ''] = place.split(' ');
      return projectOf(account).flags.get(key)?.environments.get(environment)?.on === false;
    },
    end() {},
    hand(place, act, user) {
      const [key = '', environment = ''] = place.split(' ');
      const flag = projectOf(account).flags.get(key);
      const config = flag?.environments.get(environment);
      if (flag === undefined || config === undefined) return false;
      const at = { project: projectKey, flag: key, environment };
      if (act === 'delete') hand.deleteFlag(projectKey, key);
      else if (flag.archivedDate !== undefined) return false;
      else if (act === 'off' || act === 'on') hand.turn(at, act === 'on');
      // Who shares a segment shares what a hand does to it: hands change lists of a single flag here.
      else if (!config.on || config.rules.length > 0) return false;
      else if (act === 'add') hand.addTargets(at, true, [user]);
      else hand.removeTargets(at, true, [user]);
      return true;
    },
  };
  return platform;
}

/** Answers a request as LaunchDarkly would, whoever asks. */
function carryOut(account: Account, { method, path, headers, text }: Request): ReturnType<Host['serve']> {
  const token = headers['authorization'] ?? '';
  const whoever = { ...account, tokens: [{ token, name: 'sim', deny: [], memberId: undefined }] };
  const rest = createRestSide(
    whoever,
    createRateLimiter(() => ({}), account.now),
    { check: false },
  );
  const request = { method, url: path, headers } as unknown as IncomingMessage;
  const said = rest.judge(request, rest.note(request, text));
  account.writes = whoever.writes;
  return { status: said.status, headers: said.headers, ...(said.text !== undefined && { text: said.text }) };
}

function copyOf(account: Account): Account {
  const projects = [...account.projects].map(([key, project]) => {
    const environments = [...project.environments].map(
      ([name, one]) => [name, { ...one, segments: new Map(one.segments) }] as const,
    );
    return [key, { ...project, flags: new Map(project.flags), environments: new Map(environments) }] as const;
  });
  return {
    ...account,
    projects: new Map(projects),
    approvals: new Map(account.approvals),
    scheduled: new Map(account.scheduled),
    versions: new Map(account.versions),
  };
}

function projectOf(account: Account): Project {
  return account.projects.get(projectKey) as Project;
}

/** The flag that a request changes, by its path or body. */
function flagIn({ method, path, text }: Request): string | undefined {
  const [, at, key] = /^\/api\/v2\/(flags)\/[^/?]+(?:\/([^/?]+))?/.exec(path) ?? [];
  if (at === undefined) return undefined;
  if (key !== undefined) return decodeURIComponent(key);
  return method === 'POST' ? (JSON.parse(text) as { key: string }).key : undefined;
}

/** Who is served `true`, by https://launchdarkly.com/docs/sdk/concepts/flag-evaluation-rules. */
function servedBy(account: Account, everybody: readonly string[]): Contents {
  const { flags, environments } = projectOf(account);
  const served = new Map<string, readonly string[]>();
  for (const flag of flags.values()) {
    for (const { key, segments } of environments.values()) {
      served.set(
        `${flag.key} ${key}`,
        everybody.filter(user => isServed(flag, key, segments, user)),
      );
    }
  }
  return served;
}

function isServed(flag: Flag, environment: string, segments: ReadonlyMap<string, Segment>, user: string): boolean {
  const config = flag.environments.get(environment);
  if (config === undefined || flag.archivedDate !== undefined) return false;
  const gives = (variation: number | undefined): boolean =>
    variation !== undefined && flag.variations[variation]?.value === true;
  const serves = (serve: Serve): boolean => {
    if (serve.rollout === undefined) return gives(serve.variation);
    throw new Error('a percentage is nothing that this platform can tell');
  };
  if (!config.on) return gives(config.offVariation);
  const target = config.targets.find(one => one.contextKind === 'user' && one.values.includes(user));
  if (target !== undefined) return gives(target.variation);
  const isIn = (name: unknown): boolean => {
    const segment = segments.get(String(name));
    return segment !== undefined && names(segment.included, user) && !names(segment.excluded, user);
  };
  const rule = config.rules.find(
    one =>
      !one.disabled &&
      one.clauses.every(clause => {
        if (clause.op !== 'segmentMatch') throw new Error(`${clause.op} is nothing that this platform can tell`);
        return clause.values.some(isIn) !== clause.negate;
      }),
  );
  return serves(rule?.serve ?? config.fallthrough);
}

function names(keys: readonly SegmentKeys[], user: string): boolean {
  return keys.some(one => one.contextKind === 'user' && one.values.includes(user));
}
