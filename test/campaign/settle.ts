import type { Status } from '../../src/sync/view.ts';
import { until } from '../peers/until.ts';
import { targets, toggles } from './schedule.ts';
import { usersIn } from './target.ts';
import type { World } from './world.ts';

/** After the last fault ended, ms: behaviour.md §7. */
const longestWay = 20_000;
/** So long (ms) an operator looks on before doing what the message of a suspect source says. */
const operatorPatience = 3_000;

/** What differs from what policy and flag files say; empty where everything is as it should be. */
export function differences({ truth, targets: judged }: World): string[] {
  return targets.flatMap(name =>
    toggles.flatMap(toggle => {
      const wanted = truth.shouldHave(toggle);
      const found = usersIn(judged.byName[name], toggle);
      if (wanted === undefined || JSON.stringify(wanted) === JSON.stringify(found)) return [];
      const have = found === undefined ? 'is not there' : `${found.length} have it`;
      return [`${name} ${toggle}: ${have}, it should be ${wanted.length}`];
    }),
  );
}

/**
 * Waits until every target says what policy says, with an operator who approves a block whose numbers are those of what
 * policy really says. Gives what did not come in time.
 */
export async function settle(world: World): Promise<readonly string[]> {
  const { program, policy } = world;
  let nudged = Date.now();
  try {
    await until(
      'everything agrees',
      async () => {
        if (!program.alive()) throw new Error('the program ended by itself');
        const status = await program.status();
        await approve(world, status);
        if (status.sources.some(({ state }) => state === 'suspect') && Date.now() - nudged > operatorPatience) {
          nudged = Date.now();
          await policy.nudge();
        }
        const { truth } = world;
        const isQuiet = status.toggles.every(
          ({ key, state }) => state === 'in-sync' || state === 'off' || state === 'removed' || isHeld(truth, key),
        );
        return differences(world).length === 0 && isQuiet && status.sources.every(({ state }) => state === 'ready');
      },
      { timeoutMs: longestWay, everyMs: 50 },
    );
    return [];
  } catch (error) {
    const status = await program.status().catch(() => undefined);
    return [`not settled after ${longestWay} ms`, ...differences(world), ...notes(status), ...causeOf(error)];
  }
}

function isHeld(truth: World['truth'], key: string): boolean {
  const toggle = toggles.find(one => one === key);
  return toggle !== undefined && typeof truth.of(toggle) === 'string';
}

/** An operator approves what is as it should be, and nothing else. */
export async function approve(world: World, status: Status): Promise<void> {
  for (const block of status.blocked) {
    const gone = new Set<string>();
    for (const { target, toggle } of block.placements) {
      const name = targets.find(one => one === target);
      const key = toggles.find(one => one === toggle);
      if (name === undefined || key === undefined) continue;
      // Whom a toggle that is closed anyway loses says nothing about the others of the block, who may have the same users.
      if (block.scope !== 'removal' && !world.truth.isOpen(key)) continue;
      const ever = world.targets.judge.everIn(name, key);
      const now = new Set(world.truth.shouldHave(key) ?? ever);
      for (const member of ever.difference(now)) gone.add(member);
    }
    // More than that would go: what the program saw is not what policy says.
    if (gone.size < block.revoked) continue;
    world.targets.judge.approved(toggles);
    await world.program.admin('/api/approvals', { id: block.id });
  }
}

function notes(status: Status | undefined): string[] {
  if (status === undefined) return ['no status'];
  return [
    ...status.sources.map(({ id, state, error }) => `source ${id} ${state} ${error ?? ''}`),
    ...status.targets.map(({ name, state, error }) => `target ${name} ${state} ${error ?? ''}`),
    ...status.toggles
      .filter(({ state }) => state !== 'in-sync')
      .map(({ key, target, state, reason }) => `${key} ${target} ${state} ${reason ?? ''}`),
    ...status.blocked.map(
      ({ scope, revoked, granted, of, reason }) => `${scope} ${revoked}/${granted}/${of} ${reason}`,
    ),
  ];
}

function causeOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  return error.cause instanceof Error ? [error.cause.message] : [];
}
