import { join } from 'node:path';
import { formatProblem, type Problem, ProblemsError } from '../domain/problem.ts';
import { expiredWarnings } from '../load/expired.ts';
import { createFlagLoader } from '../load/flags.ts';
import type { KindSchemas } from '../load/kinds.ts';
import { configLimit } from '../load/text-file.ts';
import { type Checkout, inCheckout, loadCheckout, problemsOf, readInside } from './checkout.ts';
import { configChanges } from './config-changes.ts';
import { staleBundles } from './stale-bundles.ts';

export interface ChangeOptions {
  readonly head: Checkout;
  /** Undefined: nobody knows what was there before. */
  readonly base: Checkout | undefined;
  /** Everything that is wrong, whoever did it. */
  readonly all: boolean;
  readonly kinds: KindSchemas;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** ms since the epoch */
  readonly now: number;
  /** A packed bundle of rules, from the root. */
  readonly rules: string | undefined;
  readonly signal: AbortSignal;
}

/** Files in problems are paths from the root of the checkout. */
export interface ChangeValidation {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Problems and warnings that were there before, in files that are the same. */
  readonly others: number;
  readonly files: number;
  readonly toggles: number;
}

/**
 * Checks a checkout without secrets and without a network. With a base: only what the change touches or causes, and what
 * of the configuration may not change together with flags.
 */
export async function validateChange(options: ChangeOptions): Promise<ChangeValidation> {
  const { head, base, all } = options;
  const found = await withBundles(await checked(head, options), options);
  const { files, toggles } = found;
  if (base === undefined) return { ...found, others: 0, files, toggles };
  const before = await checked(base, options);
  const known = new Set([...before.problems, ...before.warnings].map(formatProblem));
  const changes = await configChanges(base, head, options);
  const isSame = samePath(base, head);
  const isNew = async (problem: Problem) =>
    all || !known.has(formatProblem(problem)) || problem.at === undefined || !(await isSame(problem.at.file));
  const problems = await filtered(found.problems, isNew);
  const warnings = await filtered(found.warnings, isNew);
  const others = found.problems.length + found.warnings.length - problems.length - warnings.length;
  return { problems: [...problems, ...changes.refused], warnings, others, files, toggles };
}

type Checked = Omit<ChangeValidation, 'others'>;

/** With the bundles that are not what is built of what is reviewed, whoever left them so. */
async function withBundles(found: Checked, { head, kinds, env, rules, signal }: ChangeOptions): Promise<Checked> {
  const how = { kinds, env, secrets: 'check', purpose: 'look' } as const;
  const loaded = await loadCheckout(head, how).catch(() => undefined);
  if (loaded === undefined) return found;
  const more = rules === undefined ? [] : [join(head.root, rules)];
  const stale = await staleBundles(head, loaded.config, more, { path: env.PATH, signal });
  return { ...found, problems: [...found.problems, ...stale] };
}

async function checked(checkout: Checkout, { kinds, env, now }: ChangeOptions): Promise<Checked> {
  try {
    const { config, warnings } = await loadCheckout(checkout, { kinds, env, secrets: 'check', purpose: 'validate' });
    const { unreadable, toggles, files, ...loaded } = await createFlagLoader(config, kinds).load([]);
    const mapped = (problems: readonly Problem[]) => problems.map(problem => inCheckout(checkout, problem));
    return {
      problems: mapped([...(unreadable === undefined ? [] : [unreadable]), ...loaded.problems]),
      warnings: mapped([...warnings, ...loaded.warnings, ...expiredWarnings(toggles, now)]),
      files,
      toggles: toggles.length,
    };
  } catch (error) {
    const problems = problemsOf(error).map(problem =>
      error instanceof ProblemsError ? inCheckout(checkout, problem) : problem,
    );
    return { problems, warnings: [], files: 0, toggles: 0 };
  }
}

/** Whether a file has the same bytes in both; what cannot be read there is another. */
function samePath(base: Checkout, head: Checkout): (file: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>();
  async function compare(file: string): Promise<boolean> {
    const [one, other] = await Promise.all([base, head].map(side => readInside(side, file, configLimit)));
    return one !== undefined && other !== undefined && one.equals(other);
  }
  return file => {
    const found = known.get(file) ?? compare(file);
    known.set(file, found);
    return found;
  };
}

async function filtered<Item>(items: readonly Item[], keep: (item: Item) => Promise<boolean>): Promise<Item[]> {
  const kept = await Promise.all(items.map(keep));
  return items.filter((_, index) => kept[index]);
}
