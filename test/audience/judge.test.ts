import { describe, expect, it } from 'vitest';
import type { SeenSource } from '../../src/domain/audience.ts';
import { judge, type Look } from '../../src/audience/judge.ts';
import { readSystemOpal } from '../../src/audience/system-opal.ts';

const start = 1_000_000;

interface Step {
  readonly id: string | null;
  readonly sentinels?: Look['sentinels'];
  /** The id of the last data transaction; 'none': the document is there, without one; null: it was not told. */
  readonly data?: string | null;
  readonly policy?: boolean;
  readonly dataSuccess?: boolean;
  /** ms since the step before. */
  readonly after?: number;
  readonly accept?: true;
  readonly reloads?: boolean;
  readonly read?: readonly string[];
}

function look(step: Step, now: number): Look {
  const systemOpal =
    step.data === undefined || step.data === null
      ? step.data
      : readSystemOpal({
          last_policy_transaction: step.policy === false ? {} : { id: 'git1', success: true, end_time: '2026-01-01' },
          last_data_transaction:
            step.data === 'none' ? {} : { id: step.data, success: step.dataSuccess ?? true, end_time: '2026-01-01' },
        });
  const failing = step.sentinels === 'not' ? [{ code: 'sentinel', message: 'data.x does not hold.' }] : [];
  const sentinels = step.sentinels ?? 'none';
  return {
    instanceId: step.id,
    sentinels,
    failing,
    systemOpal,
    reloads: step.reloads ?? true,
    read: step.read ?? [],
    now,
  };
}

/** What the source is after each step: `ready sentinels`. */
function walk(steps: readonly Step[], from?: SeenSource): { said: string[]; seen: SeenSource | undefined } {
  let seen = from;
  let now = start;
  const said = steps.map(step => {
    now += step.after ?? 1000;
    if (step.accept && seen) seen = { ...seen, acceptedUnder: step.id };
    const judgement = judge(look(step, now), seen);
    seen = JSON.parse(JSON.stringify(judgement.seen)) as SeenSource;
    return `${judgement.readiness.state} ${judgement.readiness.by}`;
  });
  return { said, seen };
}

describe('judge', () => {
  it.each<[string, Step[], string[]]>([
    ['the first instance ever, nothing to show', [{ id: 'A' }, { id: 'A' }], ['suspect nothing', 'suspect nothing']],
    [
      'accepted: ready under this instance',
      [{ id: 'A' }, { id: 'A', accept: true }, { id: 'A' }],
      ['suspect nothing', 'ready nothing', 'ready nothing'],
    ],
    [
      'accepted, then restarted',
      [{ id: 'A' }, { id: 'A', accept: true }, { id: 'B' }, { id: 'B' }],
      ['suspect nothing', 'ready nothing', 'suspect nothing', 'suspect nothing'],
    ],
    ['all sentinels hold', [{ id: 'A', sentinels: 'held' }], ['ready sentinels']],
    [
      'a sentinel holds, stops, holds again',
      [
        { id: 'A', sentinels: 'held' },
        { id: 'A', sentinels: 'not' },
        { id: 'A', sentinels: 'not' },
        { id: 'A', sentinels: 'held' },
      ],
      ['ready sentinels', 'suspect sentinels', 'suspect sentinels', 'ready sentinels'],
    ],
    [
      'restarted: sentinels decide',
      [
        { id: 'A', sentinels: 'held' },
        { id: 'B', sentinels: 'not' },
        { id: 'B', sentinels: 'held' },
      ],
      ['ready sentinels', 'suspect sentinels', 'ready sentinels'],
    ],
    [
      'sentinels weigh more than system.opal',
      [
        { id: 'A', sentinels: 'not', data: 'none' },
        { id: 'A', sentinels: 'not', data: 'd1' },
      ],
      ['suspect sentinels', 'suspect sentinels'],
    ],
    [
      'an approval while a sentinel does not hold stands until it held and stops again',
      [
        { id: 'A', sentinels: 'not' },
        { id: 'A', sentinels: 'not', accept: true },
        { id: 'A', sentinels: 'not' },
        { id: 'A', sentinels: 'held' },
        { id: 'A', sentinels: 'not' },
      ],
      ['suspect sentinels', 'ready nothing', 'ready nothing', 'ready sentinels', 'suspect sentinels'],
    ],
    [
      'system.opal: what the first look shows is no evidence, the next update is',
      [
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd2' },
        { id: 'A', data: 'd2' },
        { id: 'A', data: 'd3' },
      ],
      ['suspect system.opal', 'suspect system.opal', 'ready system.opal', 'ready system.opal', 'ready system.opal'],
    ],
    [
      'system.opal: empty at the first look, then any update is new',
      [
        { id: 'A', data: 'none', policy: false },
        { id: 'A', data: 'd1' },
      ],
      ['suspect system.opal', 'ready system.opal'],
    ],
    [
      'system.opal: data without policy, failed data',
      [
        { id: 'A', data: 'none' },
        { id: 'A', data: 'd1', policy: false },
        { id: 'A', data: 'd2', dataSuccess: false },
        { id: 'A', data: 'd2' },
      ],
      ['suspect system.opal', 'suspect system.opal', 'suspect system.opal', 'ready system.opal'],
    ],
    [
      'OPA restarts empty, a policy push brings back the old transaction: not ready until the reload',
      [
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd2' },
        { id: 'B' },
        { id: 'B', data: 'd2' },
        { id: 'B', data: 'd2' },
        { id: 'B', data: 'd3' },
      ],
      [
        'suspect system.opal',
        'ready system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'ready system.opal',
      ],
    ],
    [
      'a transaction seen while suspect is no news to the next instance',
      [
        { id: 'A', data: 'd1' },
        { id: 'B', data: 'd1' },
        { id: 'B', data: 'd2', policy: false },
        { id: 'C' },
        { id: 'C', data: 'd2' },
        { id: 'C', data: 'd3' },
      ],
      [
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'ready system.opal',
      ],
    ],
    [
      'a transaction that only came with answers is no news to the next instance',
      [
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd2' },
        { id: 'B', read: ['d3'] },
        { id: 'B', data: 'd3' },
        { id: 'B', data: 'd4', read: ['d4'] },
      ],
      ['suspect system.opal', 'ready system.opal', 'suspect system.opal', 'suspect system.opal', 'ready system.opal'],
    ],
    [
      'a fresh update makes an accepted source ready by system.opal',
      [
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd1', accept: true },
        { id: 'A', data: 'd2' },
      ],
      ['suspect system.opal', 'ready nothing', 'ready system.opal'],
    ],
    [
      'system.opal was there and is gone after a restart: nothing is compared before ten minutes',
      [
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd2' },
        { id: 'B' },
        { id: 'B', after: 599_000 },
        { id: 'B', after: 1000 },
      ],
      ['suspect system.opal', 'ready system.opal', 'suspect system.opal', 'suspect system.opal', 'suspect nothing'],
    ],
    [
      'the first instance ever shows no update though OPAL was asked: compare after a minute',
      [
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd1', after: 59_000 },
        { id: 'A', data: 'd1', after: 1000 },
      ],
      ['suspect system.opal', 'suspect system.opal', 'suspect nothing'],
    ],
    ['nobody may ask OPAL: compare at once', [{ id: 'A', data: 'd1', reloads: false }], ['suspect nothing']],
    [
      'ready stays ready, though system.opal goes',
      [{ id: 'A', data: 'd1' }, { id: 'A', data: 'd2' }, { id: 'A' }],
      ['suspect system.opal', 'ready system.opal', 'ready system.opal'],
    ],
    [
      'A, B, A without anything to prove: what they answer is not compared',
      [{ id: 'A' }, { id: 'B' }, { id: 'A' }, { id: 'B' }, { id: 'B', after: 120_000 }],
      ['suspect nothing', 'suspect nothing', 'suspect system.opal', 'suspect system.opal', 'suspect nothing'],
    ],
    [
      'A, B, A: several OPAs, even if sentinels hold and both were accepted',
      [
        { id: 'A', sentinels: 'held' },
        { id: 'B', sentinels: 'held' },
        { id: 'A', sentinels: 'held' },
        { id: 'A', sentinels: 'held', accept: true },
        { id: 'B', sentinels: 'held' },
        { id: 'B', sentinels: 'held', after: 119_000 },
        { id: 'B', sentinels: 'held', after: 1000 },
      ],
      [
        'ready sentinels',
        'ready sentinels',
        'suspect sentinels',
        'suspect sentinels',
        'suspect sentinels',
        'suspect sentinels',
        'ready sentinels',
      ],
    ],
    [
      'several OPAs of which one restarts half loaded: the new one is one more of them, whatever the others show',
      [
        { id: 'A', data: 'd1' },
        { id: 'B', data: 'd1' },
        { id: 'A', data: 'd1' },
        { id: 'C', data: 'd1' },
        { id: 'C', data: 'd2', after: 118_000 },
        { id: 'C', data: 'd2', after: 1000 },
      ],
      [
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'ready system.opal',
      ],
    ],
    [
      'the instance cannot be read: only a sentinel helps',
      [
        { id: null },
        { id: null, data: 'd1' },
        { id: null, data: 'd2' },
        { id: null, sentinels: 'not' },
        { id: null, sentinels: 'held' },
      ],
      ['suspect nothing', 'suspect nothing', 'suspect nothing', 'suspect sentinels', 'ready sentinels'],
    ],
    [
      'what a restarted OPA refused to show at first, and had from the start, is not new',
      [
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd2' },
        { id: 'B', data: null },
        { id: 'B', data: 'd3' },
        { id: 'B', data: null },
        { id: 'B', data: 'd4' },
      ],
      [
        'suspect system.opal',
        'ready system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'ready system.opal',
      ],
    ],
    [
      'an instance that told its id and is refused it now: it may have restarted, so nothing is compared for ten minutes',
      [
        { id: 'A', data: 'd1' },
        { id: 'A', data: 'd2' },
        { id: 'B', data: 'd2' },
        { id: null, data: 'd2' },
        { id: null, after: 599_000 },
        { id: null, after: 1000 },
        { id: 'B', data: 'd2' },
        { id: null },
      ],
      [
        'suspect system.opal',
        'ready system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'suspect system.opal',
        'suspect nothing',
        'suspect system.opal',
        'suspect system.opal',
      ],
    ],
  ])('%s', (_, steps, expected) => {
    expect(walk(steps).said).toEqual(expected);
  });

  it('remembers nothing new while nothing changes', () => {
    const steps: Step[] = [
      { id: 'A', data: 'd1' },
      { id: 'A', data: 'd2' },
    ];
    const { seen } = walk(steps);
    expect(walk([{ id: 'A', data: 'd2', after: 60_000 }], seen).seen).toEqual(seen);
  });

  it('keeps what it remembers small', () => {
    const steps = Array.from({ length: 500 }, (_, index) => ({ id: `i${index >> 1}`, data: `d${index}` }));
    const { seen } = walk(steps);
    expect(seen?.instances.length).toBeLessThanOrEqual(8);
    expect(seen?.transactions.length).toBeLessThanOrEqual(200);
  });

  it.each<[string, Step[], string]>([
    ['several OPAs', [{ id: 'A' }, { id: 'B' }, { id: 'A' }], 'several-opas'],
    ['config refused', [{ id: null }], 'instance-unknown'],
    ['a sentinel that does not hold', [{ id: 'A', sentinels: 'not' }], 'sentinel'],
    ['a new instance', [{ id: 'A' }], 'source-suspect'],
  ])('says why: %s', (_, steps, code) => {
    const before = walk(steps.slice(0, -1)).seen;
    const { problems } = judge(look(steps.at(-1) as Step, start + 5000), before).readiness;
    expect(problems.map(problem => problem.code)).toEqual([code]);
  });

  it.each([
    ['newer', '2026-01-02', ['opal-policy-update-failed', 'opal-data-update-failed']],
    ['older', '2025-12-31', []],
  ])('failed updates that are %s than the last good ones warn', (_, end_time, codes) => {
    const good = { id: 'g', success: true, end_time: '2026-01-01T10:00:00.1' };
    const bad = { id: 'b', success: false, end_time, error: 'secret: see https://user:pw@host' };
    const systemOpal = readSystemOpal({
      last_policy_transaction: good,
      last_data_transaction: good,
      last_failed_policy_transaction: bad,
      last_failed_data_transaction: bad,
    });
    const { readiness } = judge({ ...look({ id: 'A', sentinels: 'held' }, start), systemOpal }, undefined);
    expect(readiness.problems.map(problem => problem.code)).toEqual(codes);
    expect(readiness).toMatchObject({ state: 'ready', revision: 'g', dataUpdate: 'g' });
    expect(JSON.stringify(readiness)).not.toContain('pw@host');
    expect(readiness.problems.every(problem => problem.hint)).toBe(true);
  });

  it.each([[null], ['x'], [[]], [{}], [{ ready: true }]])('no system.opal: %j', value => {
    expect(readSystemOpal(value)).toBe(undefined);
  });
});
