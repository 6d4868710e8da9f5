import { describe, expect, it } from 'vitest';
import { planTargets } from '../../src/plan/plan.ts';
import { type AnswerModel, fullTarget, names, outline, TargetModel, World } from '../support/plan-model.ts';

const users = (count: number, from = 0): readonly string[] => names('u', count, from);
const suspect = (candidate: readonly string[]): AnswerModel => ({ state: 'suspect', candidate });

/** Toggles a, b of `opal` with 100 users each, applied; then the source is suspect and nothing can show it ready. */
function world(a: AnswerModel, b: AnswerModel, by: 'nothing' | 'sentinels' | 'system.opal' = 'nothing'): World {
  const made = new World();
  made.add('a', users(100));
  made.add('b', users(100));
  made.apply(planTargets(made.input()));
  made.now += 3_600_000;
  made.answers.set('a', a);
  made.answers.set('b', b);
  made.sources.set('opal', { state: 'suspect', by, instanceId: 'i2' });
  return made;
}

describe('a suspect source that only a comparison can make ready', () => {
  it('with equal answers is accepted', () => {
    const plan = planTargets(world(suspect(users(100)), suspect(users(100))).input());
    expect(plan.accepted).toEqual([{ source: 'opal', instance: 'i2' }]);
    expect(outline(plan)).toEqual([]);
  });

  it('with answers that differ by the numbers always allowed is accepted, and followed', () => {
    const plan = planTargets(world(suspect(users(97)), suspect([...users(98), ...names('n', 50)])).input());
    expect(plan.accepted).toHaveLength(1);
    expect(outline(plan)).toEqual([
      'revoke: placement a ld production on +0 -3',
      'replace: placement b ld production on +50 -2',
    ]);
  });

  it.each([
    ['six revocations in all', suspect(users(97)), suspect(users(97))],
    ['51 grants', suspect(users(151)), suspect(users(100))],
    ['nobody at all', suspect([]), suspect([])],
  ])('with %s is blocked, all its placements frozen', (_says, a, b) => {
    const plan = planTargets(world(a, b).input());
    expect(outline(plan)).toEqual(['blocked source suspect: a production, b production']);
    expect(plan.accepted).toEqual([]);
    expect(plan.blocked[0]).toMatchObject({ scope: 'source', source: 'opal', instance: 'i2', of: 200 });
  });

  it('keeps its block under one id while it answers this and that, and has another under another instance', () => {
    const one = world(suspect([]), suspect([]));
    const other = world(suspect(users(10)), suspect([]));
    const id = planTargets(one.input()).blocked[0]?.id;
    expect(planTargets(other.input()).blocked[0]?.id).toBe(id);
    one.sources.set('opal', { state: 'suspect', by: 'nothing', instanceId: 'i3' });
    expect(planTargets(one.input()).blocked[0]?.id).not.toBe(id);
  });

  it('is accepted by an approval, which covers what it showed and no more', () => {
    const made = world(suspect(users(20)), suspect(users(100)));
    const [block] = planTargets(made.input()).blocked;
    if (block) made.approve(block);
    const plan = planTargets(made.input());
    expect(plan.accepted).toEqual([{ source: 'opal', instance: 'i2' }]);
    expect(outline(plan)).toEqual(['revoke: placement a ld production on +0 -80']);
    made.answers.set('b', suspect([]));
    expect(outline(planTargets(made.input()))).toEqual(['blocked source suspect: a production, b production']);
  });

  it('is accepted when nothing was ever applied and the target holds nothing', () => {
    const made = new World();
    made.add('a', suspect(users(900)));
    made.sources.set('opal', { state: 'suspect', by: 'nothing', instanceId: 'i1' });
    expect(outline(planTargets(made.input()))).toEqual([
      'prepare: create a ld',
      'grant: placement a ld production on +900 -0',
    ]);
  });

  it('also when it was only created, closed, before the first answer', () => {
    const made = new World();
    made.add('a', { state: 'not-ready' });
    made.sources.set('opal', { state: 'waiting', by: 'nothing', instanceId: null });
    made.apply(planTargets(made.input()));
    made.answers.set('a', suspect(users(900)));
    made.sources.set('opal', { state: 'suspect', by: 'nothing', instanceId: 'i1' });
    expect(outline(planTargets(made.input()))).toEqual(['grant: placement a ld production on +900 -0']);
  });

  it('is not when the target holds what nobody can tell', () => {
    const made = new World();
    made.add('a', suspect(users(900)));
    made.target.plant('a', [], { owner: 'ours', seen: 'unknown' });
    made.sources.set('opal', { state: 'suspect', by: 'nothing', instanceId: 'i1' });
    expect(planTargets(made.input()).blocked.map(({ reason }) => reason)).toEqual(['suspect']);
  });

  it('an undefined rule beside equal answers does not keep it suspect', () => {
    expect(planTargets(world({ state: 'not-ready' }, suspect(users(100))).input()).accepted).toHaveLength(1);
  });

  it('undefined where users were, empty as before elsewhere: nothing proves that its data is there', () => {
    const made = new World();
    made.add('a', users(100));
    made.add('b', ['one']);
    made.apply(planTargets(made.input()));
    made.answers.set('b', []);
    made.apply(planTargets(made.input()));
    made.answers.set('a', { state: 'not-ready' });
    made.answers.set('b', suspect([]));
    made.sources.set('opal', { state: 'suspect', by: 'nothing', instanceId: 'i2' });
    expect(planTargets(made.input()).accepted).toEqual([]);
    made.answers.set('a', suspect(users(100)));
    expect(planTargets(made.input()).accepted).toHaveLength(1);
  });

  it('off still goes, and no answer is taken from elsewhere', () => {
    const made = world(suspect([]), suspect([]));
    made.edit('a', { environments: { production: { rule: 'a', state: 'off' } } });
    expect(outline(planTargets(made.input()))).toEqual([
      'off: placement a ld production off +0 -100',
      'blocked source suspect: b production',
    ]);
  });

  it('is compared over all targets, and other sources go on', () => {
    const made = new World(new TargetModel('ld'), new TargetModel('two', fullTarget));
    made.add('a', users(10));
    made.add('z', users(10), { environments: { production: { rule: 's2:z' } } });
    made.answers.set('s2:z', users(10));
    made.apply(planTargets(made.input()));
    made.now += 3_600_000;
    made.answers.set('a', suspect(users(7)));
    made.answers.set('s2:z', users(9));
    made.sources.set('opal', { state: 'suspect', by: 'nothing', instanceId: 'i2' });
    const plan = planTargets(made.input());
    expect(plan.blocked.map(({ reason, placements }) => [reason, placements.length])).toEqual([['suspect', 2]]);
    expect(plan.changes.map(({ toggle }) => toggle)).toEqual(['z', 'z']);
  });
});

it.each(['sentinels', 'system.opal'] as const)('a source that %s would show is never compared', by => {
  const plan = planTargets(world(suspect(users(100)), suspect(users(100)), by).input());
  expect(outline(plan)).toEqual(['held suspect: a production', 'held suspect: b production']);
});
