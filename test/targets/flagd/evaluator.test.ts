import { FlagdCore } from '@openfeature/flagd-core';
import { array, assert, constant, constantFrom, letrec, oneof, pre, property, tuple } from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseFlagFile } from '../../../src/targets/flagd/flag-file.ts';
import { excerptOf } from '../../../src/targets/flagd/excerpt.ts';
import { writeFiles } from '../../support/temp-folder.ts';
import { flagdFolder, servedBy } from './flagd-harness.ts';

const many = Array.from({ length: 2500 }, (_, index) => `user-${index}`);
const person = { var: 'targetingKey' };
const variants = { on: true, off: false };

/** Rules of every kind around lists long and short, some in evaluators. */
const list = constantFrom<unknown>(
  'many',
  { in: [person, ['user-1', 'user-2', 'x']] },
  { $ref: 'long' },
  { $ref: 'nested' },
);
const condition = letrec<{ one: unknown }>(tie => ({
  one: oneof(
    { maxDepth: 3 },
    list,
    constant({ '==': [person, 'user-7'] }),
    constant({ ends_with: [person, '9'] }),
    constant({ in: [person, 'user-10,user-11'] }),
    tie('one').map(one => ({ '!': one })),
    tie('one').map(one => ({ '!!': [one] })),
    tuple(tie('one'), tie('one')).map(both => ({ and: both })),
    tuple(tie('one'), tie('one')).map(both => ({ or: both })),
    tie('one').map(one => ({ some: [{ preserve: [{ targetingKey: 'user-5' }] }, one] })),
  ),
})).one;

/** A counterexample stays short: the long list is put in here. */
function withLists(rule: unknown): unknown {
  return JSON.parse(JSON.stringify(rule).replaceAll('"many"', JSON.stringify({ in: [person, many] })));
}

function fileWith(targeting: unknown): string {
  const $evaluators = {
    long: { in: [person, many] },
    nested: { or: [{ in: [person, many] }, { '==': [person, 'x'] }] },
  };
  const flag = { state: 'ENABLED', variants, defaultVariant: 'off', targeting };
  return JSON.stringify({ flags: { beta: flag }, $evaluators });
}

describe('a file cut to some members', () => {
  it('answers about them as the whole file does, whatever the rule', () => {
    const asked = [
      'user-0',
      'user-1',
      'user-7',
      'user-9',
      'user-2499',
      'USER-1',
      'user-',
      'x',
      'stranger',
      'user-2500',
    ];
    assert(
      property(array(tuple(condition, constantFrom('on', 'off')), { minLength: 1, maxLength: 2 }), rules => {
        const text = fileWith(withLists({ if: [...rules.flat(), 'off'] }));
        const excerpt = excerptOf(parseFlagFile(text, 'out.json'), 'beta');
        pre(excerpt !== undefined);
        const [whole, small] = [text, excerpt.textFor(asked)].map(one => {
          const engine = new FlagdCore();
          engine.setConfigurations(one);
          return engine;
        });
        if (whole === undefined || small === undefined) throw new Error('no engine');
        const answers = (engine: FlagdCore) => asked.map(name => [name, servedBy(engine, 'beta', name)]);
        expect(answers(small)).toEqual(answers(whole));
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['no list is long', { if: [{ in: [person, ['alice']] }, 'on', 'off'] }],
    ['it is asked of something else', { if: [{ some: [['a'], { in: [person, many] }] }, 'on', 'off'] }],
    ['something that is no name is on it', { if: [{ in: [person, [...many, 7]] }, 'on', 'off'] }],
    ['it is no list', { if: [{ in: [person, many.join(',')] }, 'on', 'off'] }],
    ['nobody knows what it refers to', { if: [{ $ref: 'missing' }, 'on', { in: [person, many] }] }],
  ])('is not made where %s', (_why, targeting) => {
    expect(excerptOf(parseFlagFile(fileWith(targeting), 'out.json'), 'beta')).toBeUndefined();
  });

  it('is not made of an evaluator that the engine may change as it puts it in', () => {
    const file = { $evaluators: { long: { in: [person, [...many, 'a$$b']] } } };
    const flags = {
      beta: { state: 'ENABLED', variants, defaultVariant: 'off', targeting: { if: [{ $ref: 'long' }, 'on'] } },
    };
    expect(excerptOf(parseFlagFile(JSON.stringify({ ...file, flags }), 'out.json'), 'beta')).toBeUndefined();
  });
});

describe('the evaluator', () => {
  it('answers the same about announced members and about others, and says why', async () => {
    const place = await flagdFolder();
    onTestFinished(() => place.close());
    const target = place.target(['production']);
    writeFiles(place.folder, { 'out/production.json': fileWith({ if: [{ in: [person, many] }, 'on', 'off'] }) });
    const evaluator = await target.evaluator?.('production', AbortSignal.timeout(5000));
    if (evaluator === undefined) throw new Error('no evaluator');
    for (const announced of [[], ['user-1', 'mallory'], ['user-3']]) {
      evaluator.about?.(announced);
      for (const [name, expected] of [
        ['user-1', true],
        ['user-3', true],
        ['mallory', false],
        ['eve', false],
      ] as const) {
        expect([announced, name, await evaluator.evaluate('beta', 'user', name)]).toEqual([announced, name, expected]);
        expect(await evaluator.why?.('beta', 'user', name)).toBe(`TARGETING_MATCH, variant ${expected ? 'on' : 'off'}`);
      }
    }
  });

  it('where only the default that was handed in would be served, says so', async () => {
    const place = await flagdFolder();
    onTestFinished(() => place.close());
    const target = place.target(['production']);
    const flags = { beta: { state: 'ENABLED', variants, defaultVariant: null } };
    writeFiles(place.folder, { 'out/production.json': JSON.stringify({ flags }) });
    const evaluator = await target.evaluator?.('production', AbortSignal.timeout(5000));
    await expect(evaluator?.evaluate('beta', 'user', 'alice')).rejects.toThrow(/not served/);
  });

  it('without its package says what to install', async () => {
    vi.doMock('@openfeature/flagd-core', () => {
      throw new Error('not found');
    });
    onTestFinished(() => vi.doUnmock('@openfeature/flagd-core'));
    const place = await flagdFolder();
    onTestFinished(() => place.close());
    const opened = place.target(['production']).evaluator?.('production', AbortSignal.timeout(5000));
    await expect(opened).rejects.toMatchObject({
      problem: { code: 'flagd-engine-missing', hint: expect.stringContaining('npm install @openfeature/flagd-core') },
    });
  });
});
