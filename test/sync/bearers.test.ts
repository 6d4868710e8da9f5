import { expect, test } from 'vitest';
import { callbackBearer, ownerOf } from '../../src/sync/bearers.ts';

test('each source of each instance has a bearer of its own, and only the whole of it fits', () => {
  const bearers = new Map(['a', 'b'].map(id => [id, callbackBearer('secret', 'prod', id)]));
  expect(ownerOf(bearers.get('a') ?? '', bearers)).toBe('a');
  expect(ownerOf(bearers.get('b') ?? '', bearers)).toBe('b');
  expect(ownerOf(callbackBearer('secret', 'test', 'a'), bearers)).toBeUndefined();
  expect(ownerOf(callbackBearer('other', 'prod', 'a'), bearers)).toBeUndefined();
  expect(ownerOf((bearers.get('a') ?? '').slice(1), bearers)).toBeUndefined();
  expect(ownerOf('', bearers)).toBeUndefined();
});
