import { describe, expect, it } from 'vitest';
import type { Plan, PlacementChange } from '../../src/domain/plan.ts';
import { membersOf } from '../../src/domain/members.ts';
import { noOverrides } from '../../src/plan/overrides.ts';
import { planTargets } from '../../src/plan/plan.ts';
import { groupTarget, guardDefaults, names, TargetModel, World } from '../support/plan-model.ts';

const shared = ['s', 't', 'u'] as const;
const generous = { ...guardDefaults, alwaysAllowedRevocations: 1_000, alwaysAllowedGrants: 1_000 };

/** Three toggles that follow the rule `all`, in a target whose lists end at 4 and begin again at 2. */
function worldOf(members: readonly string[], over: Partial<TargetModel['over']> = {}): World {
  const world = new World(new TargetModel('ld', groupTarget, ['production'], over));
  world.guard = generous;
  world.answers.set('all', members);
  for (const toggle of shared) world.files.push({ toggle, environments: { production: { rule: 'all' } } });
  world.apply(planTargets(world.input()));
  world.now += 3_600_000;
  return world;
}

/** The placements of a plan: toggle, phase, users before → after, form before → after. */
function forms({ changes }: Plan): readonly string[] {
  return changes.flatMap(change => (change.kind === 'placement' ? [line(change.toggle, change.phase, change)] : []));
}

function line(toggle: string, phase: string, { before, after, unfinished }: PlacementChange): string {
  const size = (who: PlacementChange['after']['who']) => (who.kind === 'members' ? who.members.size : -1);
  const form = (group: string | undefined) =>
    group === undefined ? 'list' : group.startsWith('own') ? 'own' : 'shared';
  const rest = unfinished ? ' …' : '';
  return `${toggle} ${phase} ${size(before.who)} ${form(before.group)} → ${size(after.who)} ${form(after.group)}${rest}`;
}

function next(world: World): Plan {
  const plan = planTargets(world.input());
  world.apply(plan);
  return plan;
}

describe('groups', () => {
  it('hold who is too many for a list, and toggles with one policy share one', () => {
    const world = worldOf(names('u', 5));
    expect(world.target.groups.size).toBe(1);
    expect(shared.map(toggle => world.target.open(toggle).length)).toEqual([5, 5, 5]);
    expect(planTargets(world.input()).changes).toEqual([]);
  });

  it('are written in one phase for all who share them', () => {
    const world = worldOf(names('u', 6));
    world.answers.set('all', [...names('u', 5), 'v']);
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} replace 6 shared → 6 shared`));
    world.answers.set('all', names('u', 5));
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} revoke 6 shared → 5 shared`));
    expect(planTargets(world.input()).changes).toEqual([]);
  });

  it('become lists at the lower limit: who loses it loses it at once, the form follows', () => {
    const world = worldOf(names('u', 6));
    world.answers.set('all', names('u', 3));
    next(world);
    expect(planTargets(world.input()).changes).toEqual([]);
    world.answers.set('all', names('u', 2));
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} revoke 3 shared → 2 shared …`));
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} tidy 2 shared → 2 list`));
    world.answers.set('all', names('u', 4));
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} grant 2 list → 4 list`));
    world.answers.set('all', names('u', 5));
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} grant 4 list → 5 shared`));
  });

  it('are left by who must not have what the others get', () => {
    const world = worldOf(names('u', 6));
    world.edit('t', { environments: { production: { rule: 'none' } } });
    world.answers.set('none', { state: 'undefined' });
    world.answers.set('all', names('u', 7));
    const plan = next(world);
    expect(forms(plan)).toEqual([
      't grant 6 shared → 6 own',
      's grant 6 shared → 7 shared',
      'u grant 6 shared → 7 shared',
    ]);
    expect(plan.changes.map(({ needs }) => needs)).toEqual([
      [],
      ['placement t ld production'],
      ['placement t ld production'],
    ]);
    expect(world.target.open('t')).toEqual(names('u', 6));
    expect(forms(next(world))).toEqual([]);
  });

  it('do not make revocations wait for those who only lose too', () => {
    const world = worldOf(names('u', 6));
    world.edit('t', { guard: { maxUsers: 5 } });
    world.answers.set('all', [...names('u', 4), ...names('v', 3)]);
    const first = next(world);
    expect(forms(first)).toEqual([
      's revoke 6 shared → 4 shared …',
      't revoke 6 shared → 4 own',
      'u revoke 6 shared → 4 shared …',
    ]);
    expect(first.changes.every(({ needs }) => needs.length === 0)).toBe(true);
    expect(forms(next(world))).toEqual(['s grant 4 shared → 7 shared', 'u grant 4 shared → 7 shared']);
    expect(world.target.open('t')).toEqual(names('u', 4));
  });

  it.each([
    { why: 'failed', over: { isFailing: (id: string) => id === 'placement t ld production' } },
    { why: 'is under way', over: (target: TargetModel) => ({ inFlight: new Set([target.idOf('t', 'production')]) }) },
  ])('hold nobody up for one that has to leave and whose write $why', ({ over }) => {
    const world = worldOf(names('u', 6));
    world.edit('t', { environments: { production: { rule: 'none' } } });
    world.answers.set('none', { state: 'undefined' });
    world.answers.set('all', [...names('u', 4), ...names('v', 3)]);
    expect(forms(planTargets(world.input()))[0]).toBe('t replace 6 shared → 6 own');

    Object.assign(world.target.over, typeof over === 'function' ? over(world.target) : over);
    const plan = next(world);
    expect(forms(plan)).toEqual(['s replace 6 shared → 7 own …', 'u replace 6 shared → 7 own …']);
    expect(plan.changes.every(({ needs }) => needs.length === 0)).toBe(true);
    expect(world.target.open('t')).toEqual(names('u', 6));
    expect(forms(next(world))).toEqual([]);
  });

  it('take back who left them, when they agree again', () => {
    const world = worldOf(names('u', 6));
    world.edit('t', { environments: { production: { rule: 'other' } } });
    world.answers.set('other', names('u', 5));
    next(world);
    world.edit('t', { environments: { production: { rule: 'all' } } });
    expect(forms(next(world))).toEqual(['t grant 5 shared → 6 shared']);
    expect(planTargets(world.input()).changes).toEqual([]);
  });

  it('are not written where a placement of theirs is not looked at', () => {
    const world = worldOf(names('u', 6));
    world.answers.set('all', names('u', 7));
    const plan = planTargets(world.input({ only: new Set(['s']) }));
    expect(forms(plan)).toEqual(['s grant 6 shared → 7 own …']);
    world.apply(plan);
    expect(world.target.open('t')).toEqual(names('u', 6));
    const following = next(world);
    expect(forms(following)).toEqual([
      't grant 6 shared → 7 shared',
      'u grant 6 shared → 7 shared',
      's tidy 7 own → 7 shared',
    ]);
    // What the others get is for them to write, by an answer that is new enough.
    expect(following.changes[2]?.needs).toEqual(['placement t ld production', 'placement u ld production']);
  });

  it('lose who was added by hand to one of them, there alone', () => {
    const world = worldOf(names('u', 6));
    world.target.touch('s', ['stranger']);
    expect(forms(next(world))).toEqual(['s revoke 7 shared → 6 shared']);
    expect(world.target.open('s')).toEqual(names('u', 6));
  });

  it('are emptied in one write, and switching off is none of theirs', () => {
    const world = worldOf(names('u', 6));
    world.guard = { ...generous };
    for (const toggle of shared) world.edit(toggle, { guard: { allowEmpty: true } });
    world.answers.set('all', []);
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} revoke 6 shared → 0 shared …`));
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} tidy 0 shared → 0 list`));
  });

  it('a toggle that is switched off leaves them', () => {
    const world = worldOf(names('u', 6));
    world.edit('t', { environments: { production: { rule: 'all', state: 'off' } } });
    expect(forms(next(world))).toEqual(['t off 6 shared → 0 list']);
    expect(world.target.open('s')).toHaveLength(6);
  });

  it('a toggle that moves to another key takes its place among them', () => {
    const world = worldOf(names('u', 6));
    world.edit('t', { targets: { ld: 'later' } });
    const plan = next(world);
    expect(forms(plan)).toEqual(['t grant 0 list → 6 shared', 't tidy 6 shared → 0 list']);
    expect(world.target.open('later')).toHaveLength(6);
    expect(world.target.open('t')).toEqual([]);
    expect(world.target.open('s')).toHaveLength(6);
  });

  it('are written once for all when a user is denied while their policy has no answer', () => {
    const world = worldOf(names('u', 8));
    world.answers.set('all', { state: 'failed' });
    world.overrides = { ...noOverrides, denied: membersOf(['u0003']) };
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} revoke 8 shared → 7 shared`));
    expect(world.target.groups.size).toBe(1);
    expect(shared.map(toggle => world.target.open(toggle).includes('u0003'))).toEqual([false, false, false]);
    expect(planTargets(world.input()).changes).toEqual([]);
  });

  describe('that something may be in which cannot be read', () => {
    const more = [...names('u', 6), 'v'];

    it('are not written where it is of another policy by now', () => {
      const world = worldOf(names('u', 6));
      world.edit('t', { environments: { production: { rule: 'none' } } });
      world.answers.set('none', names('w', 2));
      world.answers.set('all', more);
      world.target.unreadable.add('t');
      expect(forms(next(world))).toEqual(['s grant 6 shared → 7 own …', 'u grant 6 shared → 7 own …']);
      world.answers.set('all', names('u', 5));
      next(world);
      expect(world.target.open('t')).toEqual(names('u', 6));
    });

    it('are not written, not even to take from somebody, where its own policy may still name them', () => {
      const world = worldOf(names('u', 6));
      world.edit('t', { environments: { production: { rule: 'none' } } });
      world.answers.set('none', names('u', 6));
      world.answers.set('all', names('u', 5));
      world.target.unreadable.add('t');
      expect(forms(next(world))).toEqual(['s revoke 6 shared → 5 own …', 'u revoke 6 shared → 5 own …']);
      expect(world.target.open('t')).toEqual(names('u', 6));
    });

    it('are not written where its file is gone', () => {
      const world = worldOf(names('u', 6));
      world.guard = { ...generous, maxRemovedToggles: 1 };
      world.files = world.files.filter(({ toggle }) => toggle !== 't');
      world.answers.set('all', more);
      world.target.unreadable.add('t');
      expect(forms(next(world))).toEqual(['s grant 6 shared → 7 own …', 'u grant 6 shared → 7 own …']);
      expect(world.target.open('t')).toEqual(names('u', 6));
    });

    it('are not written where nothing is said about it at all', () => {
      const world = worldOf(names('u', 6), { onRemoved: 'keep' });
      world.files = world.files.filter(({ toggle }) => toggle !== 't');
      world.answers.set('all', more);
      world.target.unreadable.add('t');
      next(world);
      expect(world.target.open('t')).toEqual(names('u', 6));
      expect(world.target.open('s')).toEqual(more);
    });

    it('are written where it follows the same policy under the same limits: it may have what the others get', () => {
      const world = worldOf(names('u', 6));
      world.answers.set('all', more);
      world.target.unreadable.add('t');
      expect(forms(next(world))).toEqual(['s grant 6 shared → 7 shared', 'u grant 6 shared → 7 shared']);
      expect(world.target.open('t')).toEqual(more);
    });

    it('are not written for a change of form alone: that gives by no answer', () => {
      const world = worldOf(names('u', 6));
      world.answers.set('all', more);
      for (const toggle of ['s', 'u']) world.apply(planTargets(world.input({ only: new Set([toggle]) })));
      expect(world.target.open('u')).toEqual(more);
      world.target.unreadable.add('t');
      expect(forms(next(world))).toEqual([]);
      expect(world.target.open('t')).toEqual(names('u', 6));
    });

    it('are not written where the guard would stop it there, if it could be seen', () => {
      const world = worldOf(names('u', 6));
      world.edit('t', { environments: { production: { rule: 'other' } } });
      world.answers.set('other', names('u', 8));
      next(world);
      world.now += 30 * 3_600_000;
      world.guard = { ...guardDefaults, alwaysAllowedRevocations: 1, maxRevokedShare: 0.4 };
      world.edit('t', { environments: { production: { rule: 'all' } } });
      next(world);
      expect(world.target.open('t')).toEqual(names('u', 6));
      // For the others 2 of 6; for `t` 4 of 8 within the window.
      world.answers.set('all', names('u', 4));
      world.target.unreadable.add('t');
      next(world);
      expect(world.target.open('s')).toEqual(names('u', 4));
      expect(world.target.open('t')).toEqual(names('u', 6));
    });

    it.each<[string, Parameters<World['edit']>[1]]>([
      ['under other limits', { guard: { maxUsers: 6 } }],
      ['and is switched off', { environments: { production: { rule: 'all', state: 'off' } } }],
    ])('are not written where it follows the same policy %s', (_, edit) => {
      const world = worldOf(names('u', 6));
      world.edit('t', edit);
      world.answers.set('all', more);
      world.target.unreadable.add('t');
      next(world);
      expect(world.target.open('t')).toEqual(names('u', 6));
      expect(world.target.open('s')).toEqual(more);
    });
  });

  describe('that something may have come into by a write that is not answered', () => {
    it.each<[string, (world: World, name: string) => void]>([
      [
        'under way',
        ({ target }, name) => {
          const id = target.idOf('x', 'production');
          Object.assign(target.over, { inFlight: new Set([id]), entering: new Map([[id, name]]) });
        },
      ],
      [
        'of which nothing is known',
        ({ target, now }, name) => {
          target.leaveUnanswered('x', names('u', 6), now);
          const placement = target.placement('x');
          if (placement.pending) placement.pending = { ...placement.pending, groups: [name] };
        },
      ],
    ])('are not written: %s', (_, happen) => {
      const world = worldOf(names('u', 6));
      world.files.push({ toggle: 'x', environments: { production: { rule: 'other' } } });
      world.answers.set('other', names('w', 3));
      next(world);
      happen(world, world.target.standing('s')[0]?.group ?? '');
      world.answers.set('all', [...names('u', 6), 'v']);
      const said = forms(planTargets(world.input())).filter(one => !one.startsWith('x '));
      expect(said).toEqual(shared.map(toggle => `${toggle} grant 6 shared → 7 own …`));
    });
  });

  it('are not written by what was known before where somebody is denied while a write of them is under way', () => {
    const world = worldOf(names('u', 8));
    world.files.push({ toggle: 'x', environments: { production: { rule: 'other' } } });
    world.answers.set('other', names('w', 3));
    next(world);
    const id = world.target.idOf('x', 'production');
    const name = world.target.standing('s')[0]?.group ?? '';
    Object.assign(world.target.over, { inFlight: new Set([id]), entering: new Map([[id, name]]) });
    world.answers.set('all', { state: 'failed' });
    world.overrides = { ...noOverrides, denied: membersOf(['u0003']) };
    expect(forms(next(world))).toEqual(shared.map(toggle => `${toggle} revoke 8 shared → 7 own`));
  });

  it('give the former key of a toggle nobody by a change of form alone', () => {
    const world = worldOf(names('u', 6));
    for (const toggle of ['s', 'u']) world.edit(toggle, { environments: { production: { rule: 'none' } } });
    world.answers.set('none', names('w', 5));
    next(world);
    next(world);
    // Its successor is filled, apart, while nothing can be written to it.
    world.edit('t', { targets: { ld: 'later' } });
    world.answers.set('all', [...names('u', 6), 'v']);
    world.target.unreadable.add('t');
    next(world);
    expect(world.target.open('later')).toContain('v');
    expect(world.target.open('t')).not.toContain('v');
    world.target.unreadable.clear();
    // It goes first; then nobody is left whom the group would lead.
    expect(forms(next(world))).toEqual(['t tidy 6 shared → 0 list']);
    expect(forms(next(world))).toEqual(['t tidy 7 own → 7 shared']);
    expect(forms(next(world))).toEqual([]);
  });
});
