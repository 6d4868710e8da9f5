import { expect, it } from 'vitest';
import { dataPath, parseRef, rulePath } from '../../src/audience/ref.ts';

it.each<[string, readonly string[] | undefined]>([
  ['data.example.users', ['example', 'users']],
  ['app.rbac.ready', ['app', 'rbac', 'ready']],
  ['data', ['data']],
  ['data["my-pkg"].v1', ['my-pkg', 'v1']],
  ['app["my.pkg"]["a\\"b"].v1', ['app', 'my.pkg', 'a"b', 'v1']],
  ['app.my-pkg.v1', ['app', 'my-pkg', 'v1']],
  ['app[""].v1', ['app', '', 'v1']],
  ['', undefined],
  ['.a', undefined],
  ['a..b', undefined],
  ['a.', undefined],
  ['a b', undefined],
  ['["a"]', undefined],
  ['a["b"', undefined],
  ['a["b"]c', undefined],
  ['a[0]', undefined],
  ['a["\\x"]', undefined],
])('%j is %j', (text, segments) => {
  expect(parseRef(text)).toEqual(segments);
});

it.each<[string[], string]>([
  [['app', 'my-pkg', 'v1'], '/v1/data/app/my-pkg/v1'],
  [['app', 'my.pkg/a b%é'], '/v1/data/app/my.pkg%2Fa%20b%25%C3%A9'],
  [['app', '..', '.', 'x'], '/v1/data/app/%2E%2E/%2E/x'],
  [['a?b', 'c#d'], '/v1/data/a%3Fb/c%23d'],
  [['\ud800'], '/v1/data/%EF%BF%BD'],
])('%j is asked at %s', (segments, path) => {
  expect(dataPath(segments)).toBe(`${path}?strict-builtin-errors=true`);
  const policy = { source: 's', package: segments.slice(0, -1), rule: segments.at(-1) ?? '' };
  expect(rulePath(policy)).toBe(dataPath(segments));
});
