import { expect, test } from 'vitest';
import { noMembers } from '../../src/domain/members.ts';
import type { Held, PlacementRef } from '../../src/domain/plan.ts';
import type { StoredBlock } from '../../src/domain/state.ts';
import { underWay } from '../../src/sync/unjudged-blocks.ts';

const at = (toggle: string, target = 'rest'): PlacementRef => ({ toggle, target, environment: 'production' });

function inFlight(toggle: string): Held {
  return { ...at(toggle), reason: 'in-flight', problem: { code: 'write-in-flight', message: 'on its way.' } };
}

test.each<[string, readonly PlacementRef[], readonly string[], boolean]>([
  ['all of its placements', [at('a'), at('b')], ['a', 'b', 'c'], true],
  ['some of them', [at('a'), at('b')], ['a'], false],
  ['all of them here, and it has others elsewhere', [at('a'), at('b', 'ld')], ['a'], true],
  ['none of them here', [at('a', 'ld')], ['a'], false],
  ['nothing that it is about', [], ['a'], false],
])('a write under way in %s', (_, placements, open, isKept) => {
  const block: StoredBlock = {
    id: '0123456789abcdef',
    scope: 'source',
    reason: 'revocations',
    source: 'opal',
    audience: null,
    placements,
    revoked: noMembers,
    granted: noMembers,
    of: 0,
    message: '',
    removals: [],
    instance: null,
    target: 'rest',
    since: 0,
  };
  expect(underWay([block], open.map(inFlight))).toEqual(isKept ? [block] : []);
});
