import { beforeEach, describe, expect, it } from 'vitest';
import { createJudge, type Judge } from './judge.ts';
import { type ListName, lists, scheduleOf } from './schedule.ts';
import { p99 } from './summary.ts';
import { Truth } from './truth.ts';

const many = Array.from({ length: 20 }, (_, index) => `m${String(index).padStart(2, '0')}`);
let truth: Truth;
let judge: Judge;

function says(list: ListName, members: readonly string[], began: number, ended = began): void {
  truth.says(list, new Set(members), began, ended);
}

function wrote(users: readonly string[], at: number): readonly string[] {
  return judge.wrote('left', { at, toggle: 'billing', users });
}

beforeEach(() => {
  truth = new Truth(Object.fromEntries(lists.map(list => [list, new Set(many)])) as Record<ListName, Set<string>>);
  judge = createJudge(truth);
  expect(wrote(many, 100_000)).toEqual([]);
});

describe('the judge of the campaign', () => {
  it('lets through what policy says, and what it said until a moment ago', () => {
    says('two', many.slice(1), 110_000);
    expect(wrote(many.slice(1), 110_100)).toEqual([]);
    says('two', many, 120_000);
    says('two', many.slice(1), 121_000);
    expect(wrote(many, 122_000)).toEqual([]);
  });

  it('finds a grant that no policy gave, and one on an answer that is too old', () => {
    expect(wrote([...many, 'mallory'], 110_000)).toEqual(['left billing: granted to 1 who had no right to it']);
    says('two', many.slice(1), 120_000);
    expect(wrote(many.slice(1), 120_100)).toEqual([]);
    expect(wrote(many, 127_000)).toEqual(['left billing: granted to 1 who had no right to it']);
  });

  it('finds a revocation that no policy wanted, also where the rule said nothing', () => {
    expect(wrote(many.slice(1), 110_000)).toEqual(['left billing: revoked from 1 who had a right to it']);
    truth.says('two', 'undefined', 120_000, 120_000);
    expect(wrote(many.slice(2), 130_000)).toEqual(['left billing: revoked from 1 who had a right to it']);
  });

  it('finds what the guard should have stopped, in one write or in many, and not what was approved', () => {
    says('two', many.slice(10), 110_000);
    expect(wrote(many.slice(5), 111_000)).toEqual([]);
    expect(wrote(many.slice(7), 112_000)).toEqual([
      'left billing: 7 of 20 revoked unapproved',
      'left billing: 7 of 20 revoked unapproved over all toggles',
    ]);
    judge.approved(['billing']);
    expect(wrote(many.slice(10), 113_000)).toEqual([]);
  });

  it('finds a sum over several toggles', () => {
    judge.wrote('left', { at: 100_000, toggle: 'export', users: many });
    for (const list of ['two', 'three'] as const) says(list, many.slice(7), 110_000);
    expect(wrote(many.slice(6), 111_000)).toEqual([]);
    const write = { at: 112_000, toggle: 'export', users: many.slice(7) } as const;
    expect(judge.wrote('left', write)).toContain('left export: 13 of 40 revoked unapproved over all toggles');
  });

  it('lets a toggle be closed whose file says so, and not be opened again before the file does', () => {
    truth.opens('billing', false, 110_000, 110_000);
    expect(wrote([], 111_000)).toEqual([]);
    expect(wrote(many, 130_000)).toEqual(['left billing: granted to 20 who had no right to it']);
  });

  it('counts both the old and the new while a change is under way', () => {
    says('two', ['new', ...many.slice(1)], 110_000, 190_000);
    expect(wrote(['new', ...many.slice(1)], 111_000)).toEqual([]);
    expect(wrote(many, 180_000)).toEqual([]);
  });
});

describe('a schedule', () => {
  it('is the same at every call, and another for another seed', () => {
    expect(scheduleOf(7)).toEqual(scheduleOf(7));
    expect(scheduleOf(7)).not.toEqual(scheduleOf(8));
  });

  it('covers every kind of fault and act within fifty seeds', () => {
    const rounds = Array.from({ length: 50 }, (_, seed) => scheduleOf(seed + 1)).flatMap(({ rounds: all }) => all);
    const kinds = rounds.flatMap(({ faults, acts }) => [...faults, ...acts]).map(({ kind }) => kind);
    expect([...new Set(kinds)].sort()).toEqual([
      'break-file',
      'builtin-fails',
      'by-hand',
      'crash',
      'forged-callbacks',
      'grant',
      'link',
      'mass-revoke',
      'opa-empty',
      'opal-forgets',
      'pause',
      'remove-file',
      'restart',
      'revoke',
      'switch',
      'toggle',
      'undefined',
    ]);
  });
});

it('p99 is what 99 of 100 do not exceed', () => {
  expect(p99([{ revocations: Array.from({ length: 100 }, (_, index) => index + 1) }])).toBe(99);
  expect(p99([])).toBe(0);
});
