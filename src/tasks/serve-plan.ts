import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../domain/config.ts';
import { ProblemError } from '../domain/problem.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import type { Clock } from '../lib/clock.ts';
import { createKeyedHash } from '../lib/keyed-hash.ts';
import type { Log } from '../lib/log.ts';
import { createFlagLoader } from '../load/flags.ts';
import { planJson } from '../report/json.ts';
import { type HashMembers, hashedPlan, memberHasher } from './hashed.ts';
import { openLine, silentObserver } from './open.ts';
import { preview } from './preview.ts';
import type { Definitions, PlanAnswer, PlanRequest } from './wire.ts';

export interface PlanServiceOptions {
  /** Of the running instance. */
  readonly config: Config;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
}

/** Makes plans of flag files that somebody sends. */
export type PlanService = (request: PlanRequest, signal: AbortSignal) => Promise<PlanAnswer>;

/** Without a word of the asker (ms). */
const patience = 60_000;
/** Of the folders, in the state folder, that the files are put into. */
const prefix = 'plan-';

/**
 * Plans of other flag files by this instance's sources, targets and state, one request after the other; nothing is
 * written. The answers hold counts. Two plans of one request can be compared: a hash under a key that is forgotten at
 * once stands for each member who gains or loses something.
 */
export function createPlanService(options: PlanServiceOptions): PlanService {
  let last: Promise<unknown> = sweep(options.config.stateDir);
  return (request, signal) => {
    const next = last.then(() => answer(request, options, signal));
    last = next.catch(() => undefined);
    return next;
  };
}

/** Takes away what a process that was killed left behind. Nobody else makes plans in this folder. */
async function sweep(stateDir: string): Promise<void> {
  const names = await readdir(stateDir).catch(() => []);
  for (const name of names.filter(one => one.startsWith(prefix))) {
    await rm(join(stateDir, name), { recursive: true, force: true }).catch(() => {});
  }
}

async function answer(request: PlanRequest, options: PlanServiceOptions, signal: AbortSignal): Promise<PlanAnswer> {
  const { config, clock } = options;
  signal.throwIfAborted();
  if (config.flags === undefined) throw new ProblemError(noFlagFiles);
  const hashed = memberHasher(createKeyedHash(randomBytes(32), 'plan'));
  const at = new Date(clock.now()).toISOString();
  const plans: PlanAnswer['plans'] = [];
  for (const definitions of request.definitions) {
    plans.push(
      await planOf(definitions, request, options, request.definitions.length > 1 ? hashed : undefined, signal),
    );
  }
  return { version: 1, at, instance: config.instance, plans };
}

async function planOf(
  definitions: Definitions,
  { only, timeout }: PlanRequest,
  { config, clock, random, log }: PlanServiceOptions,
  hashed: HashMembers | undefined,
  signal: AbortSignal,
): Promise<PlanAnswer['plans'][number]> {
  const folder = await mkdtemp(join(config.stateDir, prefix));
  try {
    const flags = join(folder, definitions.folder);
    await mkdir(flags, { recursive: true });
    for (const { path, text } of definitions.files) {
      await mkdir(dirname(join(flags, path)), { recursive: true });
      await writeFile(join(flags, path), text, { mode: 0o600 });
    }
    const kinds = { sources: sourceKinds, targets: targetKinds };
    const loader = createFlagLoader({ ...config, folder, flags: { folder: flags } }, kinds);
    const opened = openLine({
      config,
      mode: 'preview',
      clock,
      random,
      log,
      observer: silentObserver,
      flags: { ...loader, git: undefined, close: () => Promise.resolve() },
      ...(only && { only: new Set(only) }),
    });
    try {
      const wait = timeout === undefined ? patience : timeout * 1000;
      const { plan, failed, warnings } = await preview({ line: opened.line, clock, timeout: wait, signal });
      signal.throwIfAborted();
      const shown = hashed === undefined ? planJson(plan) : planJson(hashedPlan(plan, hashed), { showUsers: true });
      return { plan: shown, failed: [...failed], warnings: [...warnings] };
    } finally {
      await opened.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const noFlagFiles = {
  code: 'no-flag-files',
  message: 'The running instance has no flag files: its configuration is in the old form.',
  hint: 'Turn it into optoggles.yaml and flags/ with "optoggles migrate".',
};
