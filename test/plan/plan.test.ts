import { describe, expect, it } from 'vitest';
import type { Plan, PlanInput, TargetView } from '../../src/domain/plan.ts';
import type { WayIn } from '../../src/domain/listing.ts';
import { planTargets } from '../../src/plan/plan.ts';
import { fullTarget, names, outline, plainTarget, TargetModel, World } from '../support/plan-model.ts';

/** A world in which `f` has alice and bob in production, applied. */
function settled(over: Partial<TargetView> = {}, can = fullTarget): World {
  const world = new World(new TargetModel('ld', can, ['production'], over));
  world.add('f', ['alice', 'bob', 'carol']);
  world.apply(planTargets(world.input()));
  world.now += 3_600_000;
  return world;
}

interface Row {
  readonly says: string;
  readonly world: () => World;
  readonly input?: Partial<PlanInput>;
  readonly plan: readonly string[];
}

const undefinedAnswer = { state: 'undefined' } as const;
const openRule: WayIn = { kind: 'rule', what: 'rule 2 serves true to 20 %', open: true };
const handList: WayIn = { kind: 'targets', what: 'targets of another variation', open: false };

function fresh(answer: Parameters<World['add']>[1], can = fullTarget, over: Parameters<World['add']>[2] = {}): World {
  const world = new World(new TargetModel('ld', can));
  world.add('f', answer, over);
  return world;
}

function rows(title: string, all: readonly Row[]): void {
  describe(title, () => {
    it.each(all)('$says', ({ world, input, plan }) => {
      expect(outline(planTargets(world().input(input)))).toEqual(plan);
    });
  });
}

rows('what counts as an answer', [
  {
    says: 'defined with members, not there yet: created off, then filled and turned on',
    world: () => fresh(['alice', 'bob']),
    plan: ['prepare: create f ld', 'grant: placement f ld production on +2 -0'],
  },
  {
    says: 'defined with members, there: the difference is granted and revoked in one write',
    world: () => changed(settled(), world => world.answers.set('f', ['alice', 'bob', 'dave'])),
    plan: ['replace: placement f ld production on +1 -1'],
  },
  {
    says: 'only revocations',
    world: () => changed(settled(), world => world.answers.set('f', ['alice', 'bob'])),
    plan: ['revoke: placement f ld production on +0 -1'],
  },
  {
    says: 'only grants',
    world: () => changed(settled(), world => world.answers.set('f', ['alice', 'bob', 'carol', 'dave'])),
    plan: ['grant: placement f ld production on +1 -0'],
  },
  {
    says: 'defined, empty, not there yet: created with nobody, and told so',
    world: () => fresh([]),
    plan: ['prepare: create f ld', 'grant: placement f ld production on +0 -0'],
  },
  {
    says: 'defined, empty, there: all revoked when its file lets it become empty',
    world: () =>
      changed(settled(), world => {
        world.answers.set('f', []);
        world.edit('f', { guard: { allowEmpty: true } });
      }),
    plan: ['revoke: placement f ld production on +0 -3'],
  },
  ...(['undefined', 'failed'] as const).flatMap((state): Row[] => [
    {
      says: `${state}, not there yet: created off with nobody, held`,
      world: () => fresh({ state }),
      plan: ['prepare: create f ld', `held ${state}: f production`],
    },
    {
      says: `${state}, there: users untouched, held`,
      world: () => changed(settled(), world => world.answers.set('f', { state })),
      plan: [`held ${state}: f production`],
    },
  ]),
  {
    says: 'source waiting: held',
    world: () =>
      changed(settled(), world => {
        world.answers.set('f', { state: 'not-ready' });
        world.sources.set('opal', { state: 'waiting', by: 'nothing', instanceId: null });
      }),
    plan: ['held waiting: f production'],
  },
  {
    says: 'source suspect by sentinels: held, its candidate is not compared',
    world: () =>
      changed(settled(), world => {
        world.answers.set('f', { state: 'suspect', candidate: ['alice', 'bob', 'carol'] });
        world.sources.set('opal', { state: 'suspect', by: 'sentinels', instanceId: 'i2' });
      }),
    plan: ['held suspect: f production'],
  },
  {
    says: 'an audience that nobody asked yet: held',
    world: () => changed(settled(), world => world.answers.clear()),
    plan: ['held waiting: f production'],
  },
  {
    says: 'state off, not there yet: created off',
    world: () => fresh(['alice'], fullTarget, off('f')),
    plan: ['prepare: create f ld'],
  },
  {
    says: 'state off, there: off at once, whatever the audience and without a guard',
    world: () =>
      changed(settled(), world => {
        world.answers.set('f', undefinedAnswer);
        world.edit('f', off('f'));
      }),
    plan: ['off: placement f ld production off +0 -3'],
  },
  {
    says: 'while off, revocations still go out where the target keeps the users',
    world: () => keptWhileOff(['alice', 'zoe']),
    plan: ['revoke: placement f ld production off +0 -2'],
  },
  {
    says: 'while off, nobody is granted',
    world: () => keptWhileOff(['alice', 'bob', 'carol', 'zoe']),
    plan: [],
  },
  {
    says: 'while off, an answer that is not defined changes nothing',
    world: () => changed(keptWhileOff([]), world => world.answers.set('f', undefinedAnswer)),
    plan: [],
  },
  {
    says: 'off → on grants nothing without a defined answer',
    world: () => changed(keptWhileOff([]), world => changed(world, () => backOn(world, undefinedAnswer))),
    plan: ['held undefined: f production'],
  },
  {
    says: 'off → on with a defined answer',
    world: () => changed(keptWhileOff([]), world => backOn(world, ['alice', 'bob', 'carol'])),
    plan: ['grant: placement f ld production on +0 -0'],
  },
  {
    says: 'state off in a target without on and off: no users',
    world: () => changed(settled({}, plainTarget), world => world.edit('f', off('f'))),
    plan: ['off: placement f ld production off +0 -3'],
  },
]);

rows('metadata', [
  {
    says: 'written alone where the target can, users or not',
    world: () => renamed(settled(), undefinedAnswer),
    plan: ['prepare: update f ld', 'held undefined: f production'],
  },
  {
    says: 'folded into the write of the users where it cannot',
    world: () => renamed(settled({}, plainTarget), ['alice', 'bob', 'carol', 'dave']),
    plan: ['grant: placement f ld production on +1 -0 metadata'],
  },
  {
    says: 'with equal users a write of its own',
    world: () => renamed(settled({}, plainTarget), ['alice', 'bob', 'carol']),
    plan: ['prepare: placement f ld production on +0 -0 metadata'],
  },
  {
    says: 'not written while the placement is held',
    world: () => renamed(settled({}, plainTarget), undefinedAnswer),
    plan: ['held undefined: f production'],
  },
  {
    says: 'not written while the placement is blocked',
    world: () => renamed(settled({}, plainTarget), []),
    plan: ['blocked audience becomes-empty: f production'],
  },
  {
    says: 'written with nobody while the toggle is off',
    world: () => {
      const world = changed(settled({}, plainTarget), one => one.edit('f', off('f')));
      world.apply(planTargets(world.input()));
      return renamed(world, undefinedAnswer);
    },
    plan: ['prepare: placement f ld production off +0 -0 metadata'],
  },
  {
    says: 'changed by hand: drift',
    world: () =>
      changed(settled(), world => Object.assign(world.target.listings.get('f') ?? {}, { metadata: { name: 'x' } })),
    plan: ['prepare: update f ld'],
  },
]);

rows('ownership', [
  {
    says: 'a foreign mark fails that toggle alone',
    world: () => changed(two(), world => world.target.plant('f', ['eve'], { owner: { mark: 'optoggles:other' } })),
    plan: ['prepare: create g ld', 'grant: placement g ld production on +1 -0', 'refused foreign-owner: f'],
  },
  {
    says: 'no mark fails it too',
    world: () => changed(fresh(['alice']), world => world.target.plant('f', ['eve'])),
    plan: ['refused no-owner-mark: f'],
  },
  {
    says: 'a foreign mark is not taken over, adopt or not',
    world: () =>
      changed(fresh(['alice'], fullTarget, { adopt: true }), world =>
        world.target.plant('f', [], { owner: { mark: 'x' } }),
      ),
    plan: ['refused foreign-owner: f'],
  },
  {
    says: 'adopt takes it over: the mark first, then revocations, all before grants',
    world: () => changed(fresh(['alice'], fullTarget, { adopt: true }), world => world.target.plant('f', ['eve'])),
    plan: ['revoke: adopt f ld', 'replace: placement f ld production on +1 -1'],
  },
  {
    says: 'adopt waits until there is an answer',
    world: () =>
      changed(fresh(undefinedAnswer, fullTarget, { adopt: true }), world => world.target.plant('f', ['eve'])),
    plan: ['held undefined: f production'],
  },
  {
    says: 'taking over a flag that is open is blocked',
    world: () =>
      changed(fresh(['alice'], fullTarget, { adopt: true }), world =>
        world.target.plant('f', [], { waysIn: [openRule] }),
      ),
    plan: ['blocked audience adoption: f production'],
  },
  {
    says: 'taking over a flag with lists only is not',
    world: () =>
      changed(fresh(['alice'], fullTarget, { adopt: true }), world =>
        world.target.plant('f', [], { waysIn: [handList] }),
      ),
    plan: ['revoke: adopt f ld', 'replace: placement f ld production on +1 -0 closes 1'],
  },
  {
    says: 'without marks what exists is ours',
    world: () =>
      changed(fresh(['alice'], plainTarget), world => world.target.plant('f', ['eve'], { metadata: { name: 'f' } })),
    plan: ['replace: placement f ld production on +1 -1'],
  },
  {
    says: 'archived and ours: restored',
    world: () => changed(settled(), world => Object.assign(world.target.listings.get('f') ?? {}, { archived: true })),
    plan: ['prepare: restore f ld'],
  },
  {
    says: 'archived and ours, open, without an answer: left, or former users would come in',
    world: () =>
      changed(settled(), world => {
        Object.assign(world.target.listings.get('f') ?? {}, { archived: true });
        world.answers.set('f', undefinedAnswer);
      }),
    plan: ['held undefined: f production'],
  },
  {
    says: 'an unreadable key is not written',
    world: () => changed(settled(), world => world.target.unreadable.add('f')),
    plan: ['held unreadable: f production'],
  },
  {
    says: 'a placement with a write under way waits for its result',
    world: () => {
      const world = settled();
      world.answers.set('f', ['alice']);
      const target = world.target;
      Object.assign(target.over, { inFlight: new Set([target.idOf('f', 'production')]) });
      return world;
    },
    plan: ['held in-flight: f production'],
  },
]);

rows('what the target holds', [
  {
    says: 'an unanswered write: whoever may be in is revoked, nobody counts as granted',
    world: () =>
      changed(settled(), world => {
        pending(world, ['alice', 'dave']);
        world.answers.set('f', ['alice', 'bob', 'carol']);
      }),
    plan: ['replace: placement f ld production on +2 -1'],
  },
  {
    says: 'an unanswered write is sent again even when it was right',
    world: () => changed(settled(), world => pending(world, ['alice', 'bob', 'carol'])),
    plan: ['prepare: placement f ld production on +0 -0'],
  },
  {
    says: 'unknown contents: written whole',
    world: () => changed(settled(), unknown),
    plan: ['replace: placement f ld production on +0 -0'],
  },
  {
    says: 'unknown contents and an empty answer of a source that nothing shows to be ready: blocked',
    world: () =>
      changed(fresh([]), world => {
        world.target.plant('f', ['x'], { owner: 'ours', seen: 'unknown', metadata: { name: 'f' } });
        world.sources.set('opal', { state: 'ready', by: 'nothing', instanceId: null });
      }),
    plan: ['blocked audience unknown-contents: f production'],
  },
  {
    says: 'the same when its sentinels hold: written',
    world: () =>
      changed(fresh([]), world => {
        world.target.plant('f', ['x'], { owner: 'ours', seen: 'unknown', metadata: { name: 'f' } });
        world.sources.set('opal', { state: 'ready', by: 'sentinels', instanceId: null });
      }),
    plan: ['revoke: placement f ld production on +0 -0'],
  },
  {
    says: 'a new environment is created closed and filled',
    world: () => {
      const world = new World(new TargetModel('ld', fullTarget, ['production', 'test']));
      world.add('f', ['alice'], { environments: { production: { rule: 'f' } } });
      world.apply(planTargets(world.input()));
      world.edit('f', { environments: { production: { rule: 'f' }, test: { rule: 'f' } } });
      return world;
    },
    plan: ['prepare: create f ld', 'grant: placement f ld test on +1 -0'],
  },
  {
    says: 'over the limit of the platform revocations go out and grants wait',
    world: () => {
      const world = new World(new TargetModel('ld', { ...fullTarget, mostMembers: 3 }));
      world.add('f', ['alice', 'bob', 'carol']);
      world.apply(planTargets(world.input()));
      world.answers.set('f', ['bob', 'carol', 'dave', 'eve']);
      return world;
    },
    plan: ['revoke: placement f ld production on +0 -1', 'held over-limit: f production'],
  },
]);

rows('drift', [
  {
    says: 'members added by hand are removed, however many',
    world: () => changed(settled(), world => put(world, { add: names('hand', 500) })),
    plan: ['revoke: placement f ld production on +0 -500'],
  },
  {
    says: 'members removed by hand come back, however many: they count as nobody new',
    world: () => {
      const world = new World();
      world.add('f', names('u', 300));
      world.apply(planTargets(world.input()));
      world.now += 3_600_000;
      put(world, { only: [] });
      return world;
    },
    plan: ['grant: placement f ld production on +300 -0'],
  },
  {
    says: 'a way in that is not ours is closed',
    world: () => changed(settled(), world => put(world, { waysIn: [openRule] })),
    plan: ['revoke: placement f ld production on +0 -0 closes 1'],
  },
  {
    says: 'it is closed while the placement is held',
    world: () =>
      changed(settled(), world => {
        put(world, { waysIn: [openRule] });
        world.answers.set('f', undefinedAnswer);
      }),
    plan: ['revoke: placement f ld production on +0 -0 closes 1', 'held undefined: f production'],
  },
  {
    says: 'and while it is blocked, the users untouched',
    world: () =>
      changed(settled(), world => {
        put(world, { waysIn: [openRule] });
        world.answers.set('f', []);
      }),
    plan: ['revoke: placement f ld production on +0 -0 closes 1', 'blocked audience becomes-empty: f production'],
  },
  {
    says: 'while off a way in is closed too',
    world: () => changed(keptWhileOff(['alice']), world => put(world, { waysIn: [openRule] })),
    plan: ['off: placement f ld production off +0 -3 closes 1'],
  },
  {
    says: 'switched off by hand: stays off and is reported',
    world: () => changed(settled(), world => put(world, { on: false })),
    plan: ['held switched-off-by-hand: f production'],
  },
  {
    says: 'switched off by hand: revocations still go out',
    world: () =>
      changed(settled(), world => {
        put(world, { on: false });
        world.answers.set('f', ['alice', 'bob', 'dave']);
      }),
    plan: ['revoke: placement f ld production off +0 -1', 'held switched-off-by-hand: f production'],
  },
  {
    says: 'switched off by hand, and a way in closed before there was an answer: stays off once there is one',
    world: () =>
      changed(settled(), world => {
        put(world, { on: false, waysIn: [openRule] });
        world.answers.set('f', undefinedAnswer);
        world.apply(planTargets(world.input()));
        world.answers.set('f', ['alice', 'bob', 'carol']);
      }),
    plan: ['held switched-off-by-hand: f production'],
  },
  {
    says: 'switched off by hand with reopen: opened again',
    world: () => changed(settled({ reopen: true }), world => put(world, { on: false })),
    plan: ['grant: placement f ld production on +0 -0'],
  },
  {
    says: 'switched off by hand, then off in its file: the file is written, so that on opens it again',
    world: () => changed(settled(), world => (put(world, { on: false }), world.edit('f', off('f')))),
    plan: ['off: placement f ld production off +0 -3'],
  },
]);

rows('files that left', [
  {
    says: 'removed: closed, then marked as removed',
    world: () => changed(settled(), world => (world.files = [])),
    plan: ['off: placement f ld production off +0 -3', 'tidy: retire f ld'],
  },
  {
    says: 'removed with archive: closed, marked, archived',
    world: () => changed(settled({ onRemoved: 'archive' }), world => (world.files = [])),
    plan: ['off: placement f ld production off +0 -3', 'tidy: retire f ld', 'tidy: archive f ld'],
  },
  {
    says: 'removed with keep: left',
    world: () => changed(settled({ onRemoved: 'keep' }), world => (world.files = [])),
    plan: [],
  },
  {
    says: 'upsert-only never closes removed toggles',
    world: () => changed(settled({ policy: 'upsert-only' }), world => (world.files = [])),
    plan: [],
  },
  {
    says: 'upsert-only: users are still revoked',
    world: () => changed(settled({ policy: 'upsert-only' }), world => world.answers.set('f', ['alice', 'bob'])),
    plan: ['revoke: placement f ld production on +0 -1'],
  },
  {
    says: 'not removed before two equal scans',
    world: () => changed(settled(), world => ((world.files = []), (world.confirmed = false))),
    plan: [],
  },
  {
    says: 'not removed with --only',
    world: () => changed(settled(), world => (world.files = [])),
    input: { only: new Set(['f']) },
    plan: [],
  },
  {
    says: 'a file that does not validate is no removal',
    world: () => changed(settled(), world => ((world.files = []), (world.invalid = ['f']))),
    plan: [],
  },
  {
    says: 'removal looks only at our marks',
    world: () => changed(settled(), world => ((world.files = []), world.target.plant('other', ['x']))),
    plan: ['off: placement f ld production off +0 -3', 'tidy: retire f ld'],
  },
  {
    says: 'a removed flag with our mark that the state does not know is closed too',
    world: () => changed(settled(), world => world.target.plant('lost', ['x'], { owner: 'ours' })),
    plan: ['off: placement lost ld production off +0 -1', 'tidy: retire lost ld'],
  },
  {
    says: 'removed while somebody has it archived: nothing to close',
    world: () =>
      changed(settled(), world => {
        world.files = [];
        Object.assign(world.target.listings.get('f') ?? {}, { archived: true });
      }),
    plan: [],
  },
  {
    says: 'removed and closed before: left alone',
    world: () => changed(settled(), world => ((world.files = []), world.apply(planTargets(world.input())))),
    plan: [],
  },
  {
    says: 'the file came back: restored and filled',
    world: () =>
      changed(settled(), world => {
        const [file] = world.files;
        world.files = [];
        world.apply(planTargets(world.input()));
        world.files = file ? [file] : [];
      }),
    plan: ['prepare: restore f ld', 'grant: placement f ld production on +3 -0'],
  },
  {
    says: 'the toggle no longer names the target: closed under the guard, not removed',
    world: () => {
      const world = new World();
      world.add('f', ['alice']);
      world.apply(planTargets(world.input()));
      world.edit('f', { targets: {} });
      return world;
    },
    plan: ['off: placement f ld production off +0 -1'],
  },
  {
    says: 'with more than one member that needs a decision',
    world: () => changed(settled(), world => world.edit('f', { targets: {} })),
    plan: ['blocked audience becomes-empty: f production'],
  },
]);

rows('moves to another key', [
  {
    says: 'the new one is filled and opened, then the old one closed',
    world: () => moved(['alice', 'bob', 'carol']),
    plan: [
      'prepare: create f ld',
      'grant: placement f ld production on +3 -0',
      'tidy: close f ld production f off +0 -0',
      'tidy: retire f ld f',
    ],
  },
  {
    says: 'who is out loses it at once',
    world: () => moved(['alice', 'bob', 'dave']),
    plan: [
      'revoke: placement f ld production f on +0 -1',
      'prepare: create f ld',
      'grant: placement f ld production on +3 -0',
      'tidy: close f ld production f off +0 -0',
      'tidy: retire f ld f',
    ],
  },
  {
    says: 'without an answer the old one stays as it is',
    world: () => moved(undefinedAnswer),
    plan: ['prepare: create f ld', 'held undefined: f production'],
  },
  {
    says: 'the guard judges old and new as one',
    world: () => moved([]),
    plan: ['prepare: create f ld', 'blocked audience becomes-empty: f production'],
  },
  {
    says: 'to a key that is not ours: nobody new, but revocations still go out',
    world: () => changed(moved(['alice', 'bob', 'dave']), world => world.target.plant('f2', [])),
    plan: ['revoke: placement f ld production f on +0 -1', 'refused no-owner-mark: f'],
  },
  {
    says: 'off while moving: the old one goes off at once',
    world: () => changed(moved(['alice']), world => world.edit('f', off('f'))),
    plan: ['off: placement f ld production f off +0 -3', 'prepare: create f ld', 'tidy: retire f ld f'],
  },
]);

describe('causes', () => {
  const cases: readonly (readonly [string, (world: World) => unknown, readonly string[]])[] = [
    ['data: another answer', world => world.answers.set('f', ['alice', 'bob']), ['data']],
    [
      'policy: another answer of another revision',
      world => ((world.revision = 'r2'), world.answers.set('f', ['alice', 'bob'])),
      ['policy'],
    ],
    [
      'definition: another policy in the file',
      world => (
        world.answers.set('g', ['alice', 'bob']), world.edit('f', { environments: { production: { rule: 'g' } } })
      ),
      ['definition'],
    ],
    ['definition: off', world => world.edit('f', off('f')), ['definition']],
    ['drift: somebody added', world => put(world, { add: ['eve'] }), ['drift']],
    [
      'data and drift',
      world => (put(world, { add: ['eve'] }), world.answers.set('f', ['alice', 'bob'])),
      ['data', 'drift'],
    ],
    [
      'source: a suspect answer that was accepted',
      world => {
        world.answers.set('f', { state: 'suspect', candidate: ['alice', 'bob'] });
        world.sources.set('opal', { state: 'suspect', by: 'nothing', instanceId: 'i2' });
      },
      ['data', 'source'],
    ],
  ];
  it('definition: the first fill of a toggle that was created before there was an answer, and only that', () => {
    const world = settled();
    world.add('g', undefinedAnswer);
    const causes = [undefinedAnswer, ['dave'], ['dave', 'eve']].map(answer => {
      world.answers.set('g', answer);
      const plan = planTargets(world.input());
      world.apply(plan);
      return plan.changes.map(change => `${change.kind} ${change.causes.join(' ')}`);
    });
    expect(causes).toEqual([['create definition'], ['placement definition'], ['placement data']]);
  });

  it.each(cases)('%s', (_says, change, causes) => {
    const world = settled();
    change(world);
    const [placement] = planTargets(world.input()).changes.filter(({ kind }) => kind === 'placement');
    expect(placement?.causes).toEqual(causes);
  });
});

describe('somebody added by hand', () => {
  it.each([
    ['goes', ['alice', 'bob', 'carol'], 1],
    ['stays while the toggle is held', undefinedAnswer, 0],
    ['stays while the toggle is blocked', [], 0],
  ])('%s', (_says, answer, changes) => {
    const world = settled();
    put(world, { add: ['eve'] });
    world.answers.set('f', answer);
    expect(planTargets(world.input()).changes).toHaveLength(changes);
    // Nor is anybody put back whom somebody takes out.
    put(world, { only: ['bob', 'carol'] });
    expect(planTargets(world.input()).changes).toHaveLength(changes);
  });
});

describe('the checksum', () => {
  function checksum(change: (world: World) => unknown): Plan {
    const world = settled();
    change(world);
    return planTargets(world.input());
  }
  const nothing = checksum(() => undefined);

  it('does not know who is in', () => {
    expect(checksum(world => world.answers.set('f', ['dave'])).checksum).toBe(nothing.checksum);
    expect(checksum(world => world.answers.set('f', undefinedAnswer)).checksum).toBe(nothing.checksum);
  });

  it.each([
    ['a new file', (world: World) => world.add('g', ['x'])],
    ['another name', (world: World) => world.edit('f', { name: 'other' })],
    ['another policy', (world: World) => world.edit('f', { environments: { production: { rule: 'g' } } })],
    ['another state', (world: World) => world.edit('f', off('f'))],
    ['another key', (world: World) => world.edit('f', { targets: { ld: 'f2' } })],
    ['a file that went', (world: World) => (world.files = [])],
  ])('changes with %s, the same whatever is answered', (_says, change) => {
    const plan = checksum(change);
    expect(plan.checksum).not.toBe(nothing.checksum);
    const other = checksum(world => (change(world), world.answers.set('f', undefinedAnswer)));
    expect(other.checksum).toBe(plan.checksum);
  });

  it('reviewed: what the commit causes is approved, what data causes is not', () => {
    const world = settled();
    world.add('data', names('u', 20));
    world.apply(planTargets(world.input()));
    world.now += 3_600_000;
    world.answers.set('empty', []);
    world.edit('f', { environments: { production: { rule: 'empty' } } });
    world.answers.set('data', []);
    const plan = planTargets(world.input({ definitionsReviewed: true }));
    expect(outline(plan)).toEqual([
      'revoke: placement f ld production on +0 -3',
      'blocked audience revocations: data production',
    ]);
    expect(plan.changes[0]).toMatchObject({ approval: 'checksum' });
  });
});

it('no error without a next step', () => {
  const world = two();
  world.target.plant('f', ['eve']);
  world.answers.set('g', { state: 'failed' });
  const plan = planTargets(world.input());
  const problems = [...plan.held, ...plan.refused].map(({ problem }) => problem).concat(plan.warnings);
  expect(problems.length).toBe(2);
  for (const { hint } of problems) expect(hint).toMatch(/\w/);
});

function two(): World {
  const world = fresh(['alice']);
  world.add('g', ['alice']);
  return world;
}

function changed(world: World, change: (world: World) => unknown): World {
  change(world);
  return world;
}

function off(rule: string) {
  return { environments: { production: { rule, state: 'off' as const } } };
}

/** Off in its file and in the target, which kept alice, bob and carol. */
function keptWhileOff(answer: readonly string[]): World {
  const world = settled();
  world.edit('f', off('f'));
  world.apply(planTargets(world.input()));
  world.now += 3_600_000;
  put(world, { add: ['alice', 'bob', 'carol'] });
  world.answers.set('f', answer);
  return world;
}

function backOn(world: World, answer: Parameters<World['add']>[1]): void {
  world.answers.set('f', answer);
  world.edit('f', { environments: { production: { rule: 'f' } } });
}

function renamed(world: World, answer: Parameters<World['add']>[1]): World {
  world.edit('f', { name: 'Another name' });
  world.answers.set('f', answer);
  return world;
}

function moved(answer: Parameters<World['add']>[1]): World {
  const world = settled();
  world.edit('f', { targets: { ld: 'f2' } });
  world.answers.set('f', answer);
  return world;
}

interface Put {
  readonly add?: readonly string[];
  readonly only?: readonly string[];
  readonly on?: boolean;
  readonly waysIn?: readonly WayIn[];
}

/** Somebody's hand in the target. */
function put(world: World, { add = [], only, on, waysIn }: Put): void {
  world.target.touch('f', only ?? [...world.target.placement('f').who.values(), ...add], { on, waysIn });
}

function pending(world: World, who: readonly string[]): void {
  world.target.leaveUnanswered('f', who, world.now);
}

function unknown(world: World): void {
  world.target.placement('f').seen = 'unknown';
}
