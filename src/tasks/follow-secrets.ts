import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { formatProblem, ProblemsError, toProblem } from '../domain/problem.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { LearningRedactor } from '../lib/redact.ts';
import { secretsOf } from '../load/config.ts';
import type { LiveConfig, Renewal } from '../load/live-config.ts';
import type { Opened } from './open.ts';

export interface FollowOptions {
  readonly live: LiveConfig;
  /** Absolute. */
  readonly files: readonly string[];
  readonly opened: Pick<Opened, 'renewSource' | 'renewTarget'>;
  readonly secrets: LearningRedactor;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** After each renewal: what else has to follow. */
  renewed(renewal: Renewal): Promise<void>;
}

/** ms. By looking: a mounted secret is swapped by a link far above the file, which no watcher tells. */
const lookEvery = 1_000;

/** Uses what the files of secrets hold by now, until aborted. A file that is missing or empty for a while changes nothing. */
export async function followSecrets(options: FollowOptions): Promise<void> {
  const { files, clock, signal } = options;
  if (files.length === 0) return;
  let seen = await contentOf(files);
  let told: string | undefined;
  try {
    for (;;) {
      await clock.sleep(lookEvery, signal);
      const found = await contentOf(files);
      if (found === seen) continue;
      const trouble = await renew(options);
      if (trouble === undefined) seen = found;
      else if (trouble !== told) options.log.warn({ code: 'secret-file' }, `secrets stay as they were: ${trouble}`);
      told = trouble;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What is wrong with the files; undefined: nothing. */
async function renew(options: FollowOptions): Promise<string | undefined> {
  const { live, secrets, log, opened } = options;
  let renewal: Renewal;
  try {
    renewal = live.renew();
  } catch (error) {
    return error instanceof ProblemsError ? error.problems.map(formatProblem).join(' ') : toProblem(error).message;
  }
  if (!renewal.any) return undefined;
  secrets.learn(secretsOf(live.config));
  log.info(
    { sources: renewal.sources, targets: renewal.targets },
    'a file of a secret changed: what it holds is used from now on',
  );
  for (const [what, names, renewOne] of [
    ['source', renewal.sources, opened.renewSource],
    ['target', renewal.targets, opened.renewTarget],
  ] as const) {
    for (const name of names) {
      await renewOne(name).catch((error: unknown) => {
        log.error(
          { [what]: name, code: 'not-renewed' },
          `${what} ${name} goes on as it was: ${toProblem(error).message}. Restart to use it.`,
        );
      });
    }
  }
  await options.renewed(renewal);
  return undefined;
}

/** Changes with the content of any of them; what cannot be read is a content too. */
async function contentOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = await readFile(file).catch(() => undefined);
    hash.update(`${content === undefined ? 'nothing' : content.length}\n`).update(content ?? '');
  }
  return hash.digest('hex');
}
