import * as fc from 'fast-check';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Members, membersOf } from '../../src/domain/members.ts';
import type { StateStore } from '../../src/domain/state.ts';
import type { Outcome } from '../../src/domain/target.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address, became, list, write } from '../support/state-changes.ts';
import { createModel, type ModelOp } from '../support/state-model.ts';
import { tempFolder } from '../support/temp-folder.ts';

const key = fc.constantFrom('alpha', 'beta');
const who = fc.subarray('abcdefgh'.split('')).map(letters => letters.join(''));
const on = fc.boolean();
const result = fc.constantFrom<Outcome['result']>(
  'done',
  'done',
  'done',
  'failed',
  'conflict',
  'late',
  'unanswered',
  'pending',
);

const op: fc.Arbitrary<ModelOp> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('retire' as const, 'restore' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('forget' as const, 'reopen' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('intend' as const), key, who, on }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('write' as const), key, who, on, result, approved: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('observe' as const), key, who, on }) },
);

const letters = (members: Members): string => [...members.values()].join('');

function viewOf(store: StateStore) {
  return [...store.applied(address).values()].map(listing => {
    const placement = listing.placements[0];
    const intent = placement?.intent;
    return {
      key: listing.key,
      known: listing.metadata !== undefined,
      removed: listing.removed,
      placement: placement && {
        who: letters(placement.who),
        on: placement.on,
        filledAt: placement.firstFilledAt,
        open: intent && { who: letters(intent.who), on: intent.on },
      },
    };
  });
}

it('the store shows what the plainest model of it shows, whatever was done to both, also after a restart', () => {
  const root = tempFolder();
  const clock = createFakeClock();
  let runs = 0;
  fc.assert(
    fc.property(fc.array(op, { minLength: 1, maxLength: 40 }), ops => {
      const folder = join(root, `${runs++}`);
      const open = () => openState({ folder, instance: 'test', clock, log: silentLog, access: 'own' });
      const model = createModel();
      let store = open();
      try {
        for (const [index, one] of ops.entries()) {
          const at = index + 1;
          const { key } = one;
          // Found as remembered; of what is not, nobody knows.
          const before = model.before(key);
          const change =
            'who' in one &&
            write({
              key,
              before: before === undefined ? undefined : before.split(''),
              after: one.who.split(''),
              on: one.on,
            });
          if (one.do === 'create') {
            store.record(address, [became(list('create', key))], at);
            model.create(key, at);
          } else if (one.do === 'retire' || one.do === 'restore') {
            store.record(address, [became(list(one.do, key))], at);
            model.remove(key, one.do === 'retire');
          } else if (one.do === 'forget') {
            store.forget(address, key);
            model.forget(key);
          } else if (one.do === 'reopen') {
            store.close();
            store = open();
          } else if (one.do === 'observe') {
            store.observed(address, `${key}/production`, { on: one.on, who: membersOf(one.who.split('')) }, at);
            model.observe(key, one, at);
          } else if (change) {
            store.intend(address, [change], at);
            model.intend(key, one);
            if (one.do === 'write') {
              store.record(address, [{ ...became(change, one.result), ...(one.approved && { approval: 'k1' }) }], at);
              model.write(key, one, one.result, one.approved, at, true);
            }
          }
          expect(viewOf(store), `after ${index} ${one.do}`).toEqual(model.view());
          for (const since of [0, at - 5, at - 1]) {
            const baseline = store.baseline(`${key}/production`, since);
            expect(
              baseline && {
                members: letters(baseline.members),
                granted: letters(baseline.approvedGranted),
                revoked: letters(baseline.approvedRevoked),
              },
            ).toEqual(model.baseline(key, since));
          }
        }
      } finally {
        store.close();
      }
    }),
    { numRuns: 60 },
  );
});
