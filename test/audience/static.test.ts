import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { staticSource } from '../../src/audience/static/index.ts';
import type { Source } from '../../src/domain/audience.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import { ask, resolveAll, saidBy, sourceContext } from '../support/source-context.ts';

const never = new AbortController().signal;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'optoggles-static-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function create(path = 'audiences.yaml'): Source {
  return staticSource.create({ path }, sourceContext({ folder }));
}

function write(text: string, path = 'audiences.yaml'): void {
  writeFileSync(join(folder, path), text);
}

it('answers what the file lists, and undefined for the rest', async () => {
  write(
    'app.rbac.us_users: [bob, alice, "on", 2026-01-01]\napp.rbac.nobody: []\napp["my-pkg"].v1.x: {zoe: true, max: false}\n',
  );
  const asks = [ask('app.rbac.us_users'), ask('app.rbac.nobody'), ask('app.my-pkg.v1.x'), ask('app.rbac.other')];
  const source = create();
  expect((await source.readiness(undefined, never)).readiness).toMatchObject({ state: 'ready', by: 'loaded' });
  expect((await resolveAll(source, asks)).map(saidBy)).toEqual([
    ['2026-01-01', 'alice', 'bob', 'on'],
    [],
    ['zoe'],
    'undefined',
  ]);
  expect((await resolveAll(source, asks)).map(saidBy)).toEqual(['unchanged', 'unchanged', 'unchanged', 'undefined']);
  write('app.rbac.us_users: [bob]\napp.rbac.nobody: [7]\n');
  expect((await resolveAll(source, asks)).map(saidBy)).toEqual([['bob'], 'failed', 'undefined', 'undefined']);
});

it('reads JSON too', async () => {
  write('{"app.rbac.x": ["b", "a"]}', 'a.json');
  expect((await resolveAll(create('a.json'), [ask('app.rbac.x')])).map(saidBy)).toEqual([['a', 'b']]);
});

it('an empty file lists nothing', async () => {
  write('# nothing yet\n');
  expect((await resolveAll(create(), [ask('a.b')])).map(saidBy)).toEqual(['undefined']);
});

it.each<[string, string, string, string | undefined]>([
  ['a.yaml', 'a.b: [canary\nc.d: [x]\n', 'bad-yaml', 'a.yaml:2'],
  ['a.yaml', 'a.b: [canary]\na.b: [y]\n', 'bad-yaml', 'a.yaml:2'],
  ['a.yaml', 'a.b: [canary]\ndata.a.b: [y]\n', 'bad-rule-name', 'a.yaml:2'],
  ['a.yaml', 'a.b: [x]\n"a..b": [canary]\n', 'bad-rule-name', 'a.yaml:2'],
  ['a.yaml', 'a.b: &x [canary]\nc.d: *x\n', 'bad-yaml', undefined],
  ['a.yaml', 'a.b: !!binary canary\n', 'answer-shape', undefined],
  ['a.yaml', '- canary\n', 'bad-lists', undefined],
  ['a.json', '{"a.b": ["canary",]}', 'bad-json', 'a.json:1'],
  ['a.json', '{"a.b": ["canary"],\n "a.b": []}', 'bad-json', 'a.json:2'],
  ['a.json', '["canary"]', 'bad-lists', undefined],
])('%s with %j is %s', async (path, text, code, place) => {
  write(text, path);
  const found: unknown = await resolveAll(create(path), [ask('a.b')]).then(
    ([item]) => (item && 'error' in item ? new ProblemError(item.error) : item),
    (error: unknown) => error,
  );
  if (!(found instanceof ProblemError)) throw new Error(`it was read: ${JSON.stringify(found)}`);
  const { problem } = found;
  expect(problem.code).toBe(code);
  if (place !== undefined) expect(`${problem.at?.file}:${problem.at?.line}`).toBe(place);
  expect(problem.hint).toBeTruthy();
  expect(JSON.stringify(problem)).not.toContain('canary');
});

it('no file is an error that says so, and stays one for later', async () => {
  const source = create('none.yaml');
  await expect(source.readiness(undefined, never)).rejects.toMatchObject({ problem: { code: 'file-unreadable' } });
  write('a.b: [x]\n', 'none.yaml');
  expect((await resolveAll(source, [ask('a.b')])).map(saidBy)).toEqual([['x']]);
});

it('a path out of the folder is refused, by name and by link', async () => {
  expect(() => create('../x.yaml')).toThrow(ProblemError);
  const outside = mkdtempSync(join(tmpdir(), 'optoggles-outside-'));
  writeFileSync(join(outside, 'secret.yaml'), 'a.b: [canary]\n');
  symlinkSync(join(outside, 'secret.yaml'), join(folder, 'link.yaml'));
  await expect(resolveAll(create('link.yaml'), [ask('a.b')])).rejects.toMatchObject({
    problem: { code: 'path-outside' },
  });
  mkdirSync(join(folder, 'inner'));
  write('a.b: [x]\n', 'inner/real.yaml');
  symlinkSync(join(folder, 'inner/real.yaml'), join(folder, 'good.yaml'));
  expect((await resolveAll(create('good.yaml'), [ask('a.b')])).map(saidBy)).toEqual([['x']]);
  rmSync(outside, { recursive: true });
});

it('tells of changes, also by rename, from the moment it is told to', async () => {
  write('a.b: [x]\n');
  const stop = new AbortController();
  const hints: string[] = [];
  const running = create().hints(hint => hints.push(hint.kind), stop.signal);
  write('a.b: [y]\n', 'new.yaml');
  renameSync(join(folder, 'new.yaml'), join(folder, 'audiences.yaml'));
  await vi.waitFor(() => expect(hints).toContain('changed'), { timeout: 5000 });
  stop.abort();
  await running;
});
