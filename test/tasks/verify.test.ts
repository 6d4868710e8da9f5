import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Evaluator } from '../../src/domain/target.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import { type VerifyJson, verifySchema } from '../../src/report/verify-schema.ts';
import { verify, verifyExitCode } from '../../src/tasks/verify.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { optoggles } from '../support/program.ts';
import { configText, listsText, project } from '../support/project.ts';
import { createWorld, toggleOf, type World } from '../support/world.ts';

const args = ['verify', '--json', '-', '--strangers', '40', '--timeout', '10s'];

async function rest(config: Readonly<Record<string, unknown>> = {}) {
  const api = await openFakeRestApi();
  onTestFinished(() => api.close());
  const target = {
    name: 'rest',
    type: 'restapi',
    endpointUrl: api.url,
    environment: 'production',
    read: true,
    ...config,
  };
  const folder = project({
    config: { targets: [target] },
    flags: { beta: {}, gamma: {} },
    lists: { 'app.rbac.beta': ['alice', 'bob'], 'app.rbac.gamma': ['carol'] },
  });
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  return { api, folder };
}

async function verified(folder: string, ...more: string[]) {
  const { code, stdout, stderr } = await optoggles(folder, [...args, ...more]);
  return { code, stderr, found: JSON.parse(stdout) as VerifyJson };
}

const summary = (found: VerifyJson) =>
  found.placements.map(({ toggle, verdict, mismatches }) => {
    return [toggle, verdict, ...mismatches.map(({ kind, count }) => `${count} ${kind}`)].join(' ');
  });

describe('verify restapi', () => {
  it('agrees where its GET shows exactly the members, and writes nothing', async () => {
    const { api, folder } = await rest();
    const before = api.writes.length;
    const { code, found } = await verified(folder);
    expect([code, summary(found)]).toEqual([0, ['beta agrees', 'gamma agrees']]);
    expect(api.writes).toHaveLength(before);
    const validate = new Ajv2020({ strict: false }).compile(verifySchema);
    validate(found);
    expect(validate.errors ?? []).toEqual([]);
  });

  it.each([
    ['somebody added by hand', { users: ['alice', 'bob', 'eve'] }, 1, 'beta differs 1 let-in'],
    ['somebody missing', { users: ['alice'] }, 1, 'beta differs 1 kept-out'],
    ['another case', { users: ['Alice', 'bob'] }, 1, 'beta differs 1 let-in 1 kept-out'],
    ['no users at all', { users: undefined }, 1, 'beta failed'],
    ['a text of users', { users: 'alice,bob' }, 1, 'beta failed'],
    ['gone', undefined, 1, 'beta differs 42 not-served'],
  ])('finds %s', async (_name, change, expected, line) => {
    const { api, folder } = await rest();
    if (change === undefined) api.toggles.delete('beta');
    else api.toggles.set('beta', { ...api.toggles.get('beta'), ...change });
    const { code, found } = await verified(folder);
    expect([code, summary(found)]).toEqual([expected, [line, 'gamma agrees']]);
  });

  it('cannot be verified where it is not read: unknown, never agreed', async () => {
    const { folder } = await rest({ read: false });
    const { code, found } = await verified(folder);
    expect([code, summary(found)]).toEqual([4, ['beta unknown', 'gamma unknown']]);
    expect(found.placements[0]?.problems).toMatchObject([{ code: 'not-verifiable', hint: /set read: true/ }]);
  });

  it('that does not answer fails with its name, within the time', async () => {
    const { api, folder } = await rest();
    await api.close();
    const { code, found, stderr } = await verified(folder, '--timeout', '500ms');
    expect(code).toBe(1);
    expect(summary(found)).toEqual(['beta failed', 'gamma failed']);
    expect(stderr).toMatch(/target rest: .*127\.0\.0\.1/);
  });
});

describe('what verify asks of policy', () => {
  it('a rule without an answer is unknown, and the others are verified', async () => {
    const { folder } = await rest();
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['alice', 'bob'] }));
    const { code, found } = await verified(folder);
    expect([code, summary(found)]).toEqual([4, ['beta agrees', 'gamma unknown']]);
    expect(found.placements[1]?.problems).toMatchObject([{ code: 'audience-undefined' }]);
  });

  it('a mismatch counts for more than what is unknown', async () => {
    const { folder, api } = await rest();
    api.toggles.set('beta', { ...api.toggles.get('beta'), users: [] });
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['alice', 'bob'] }));
    const { code, found } = await verified(folder);
    expect([code, summary(found)]).toEqual([1, ['beta differs 2 kept-out', 'gamma unknown']]);
  });

  it('a source that is not reached fails', async () => {
    const { folder } = await rest();
    const sources = [{ id: 'lists', type: 'opa', url: 'http://127.0.0.1:1' }];
    const { targets } = JSON.parse(readFileSync(join(folder, 'optoggles.yaml'), 'utf8')) as { targets: unknown };
    writeFileSync(join(folder, 'optoggles.yaml'), configText({ sources, targets }));
    const { code, found, stderr } = await verified(folder, '--timeout', '500ms');
    expect([code, summary(found)]).toEqual([1, ['beta unknown', 'gamma unknown']]);
    expect(stderr).toMatch(/source lists: .*127\.0\.0\.1:1/);
  });

  it('--only looks at these toggles alone', async () => {
    const { folder, api } = await rest();
    api.toggles.set('gamma', { ...api.toggles.get('gamma'), users: [] });
    const { code, found } = await verified(folder, '--only', 'beta');
    expect([code, summary(found)]).toEqual([0, ['beta agrees']]);
  });

  it('shows no names without --show-users', async () => {
    const { folder, api } = await rest();
    api.toggles.set('beta', { ...api.toggles.get('beta'), users: ['mallory'] });
    for (const form of [['verify'], args]) {
      const { stdout, stderr } = await optoggles(folder, form);
      expect(stdout + stderr).not.toMatch(/alice|bob|carol|mallory/);
    }
    const { stdout } = await optoggles(folder, ['verify', '--show-users', '--strangers', '0']);
    expect(stdout).toMatch(/mallory/);
    expect(stdout).toMatch(/alice, bob/);
  });
});

/** A fake target that serves what it holds, but for what a test makes of it. */
function serving(world: World, twist: (person: string, answer: boolean) => boolean = (_, answer) => answer): void {
  const { target } = world;
  const evaluator: Evaluator = {
    async evaluate(key, _kind, member) {
      const members = target.members(key, 'production');
      if (members === undefined) throw new ProblemError({ code: 'fake-not-served', message: 'gone' });
      return twist(member, members.includes(member));
    },
    async close() {},
  };
  Object.assign(target, { evaluator: async () => evaluator });
}

describe('verify beside the line', () => {
  async function applied(): Promise<World> {
    const world = createWorld({ toggles: [toggleOf('beta')] });
    world.policy('beta', ['alice', 'bob']);
    await world.start();
    await world.line.stop();
    await world.start('preview');
    return world;
  }

  const options = (world: World) => ({
    line: world.line,
    clock: world.clock,
    timeout: 60_000,
    signal: new AbortController().signal,
    seed: 1,
    strangers: 100,
  });

  it('an answer that depends on how it is asked is refused', async () => {
    const world = await applied();
    serving(world);
    const found = await verify(options(world));
    expect([found.placements.map(one => one.verdict), verifyExitCode(found)]).toEqual([['agrees'], 0]);
    let announced: readonly string[] = [];
    const twisted = await world.target.evaluator?.('production', AbortSignal.timeout(1000));
    if (twisted === undefined) throw new Error('no evaluator');
    const odd: Evaluator = {
      ...twisted,
      evaluate: async (_key, _kind, member) => announced.includes(member),
      about: members => {
        announced = members;
      },
    };
    Object.assign(world.target, { evaluator: async () => odd });
    const other = await verify(options(world));
    expect(other.placements).toMatchObject([{ verdict: 'failed', problems: [{ code: 'evaluator-disagrees' }] }]);
  });

  it('somebody who is let in past the list is found', async () => {
    const world = await applied();
    serving(world, (person, answer) => answer || person.toLowerCase() === 'alice');
    const found = await verify(options(world));
    expect(found.placements).toMatchObject([
      {
        verdict: 'differs',
        mismatches: [{ kind: 'let-in', cause: 'not its list' }],
        problems: [{ code: 'nothing-to-write' }],
      },
    ]);
    const [mismatch] = found.placements[0]?.mismatches ?? [];
    expect([...(mismatch?.members.values() ?? [])]).toEqual(['ALICE', 'Alice']);
  });

  it('a target without an evaluation of its own is unknown', async () => {
    const found = await verify(options(await applied()));
    expect(found.placements).toMatchObject([{ verdict: 'unknown', problems: [{ code: 'not-verifiable' }] }]);
    expect(verifyExitCode(found)).toBe(4);
  });

  it('a block of the guard is named, with what lets it through', async () => {
    const world = createWorld({ toggles: [toggleOf('beta')] });
    const members = Array.from({ length: 40 }, (_, index) => `user-${index}`);
    world.policy('beta', members);
    await world.start();
    await world.line.stop();
    serving(world);
    world.policy('beta', members.slice(0, 10));
    await world.start('preview');
    const found = await verify(options(world));
    expect(found.placements).toMatchObject([
      { verdict: 'differs', mismatches: [{ kind: 'let-in' }], problems: [{ code: 'blocked' }] },
    ]);
    expect(found.placements[0]?.mismatches[0]?.members.size).toBe(30);
    expect(found.placements[0]?.problems[0]?.hint).toMatch(/optoggles approve \w+/);
  });

  it('ends when it is stopped', async () => {
    const world = await applied();
    serving(world);
    const found = await verify({ ...options(world), signal: AbortSignal.abort(new Error('SIGINT')) });
    expect(found.placements).toMatchObject([{ verdict: 'unknown', problems: [{ code: 'stopped' }] }]);
    expect(verifyExitCode(found)).toBe(1);
  });
});
