import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { optoggles } from '../support/program.ts';
import { listsText, project } from '../support/project.ts';

const two = [{ name: 'local', type: 'flagd', path: 'out/{environment}.json', environments: ['production', 'test'] }];

async function applied(): Promise<string> {
  const folder = project({
    config: { targets: two },
    flags: { beta: {}, closed: { state: 'off', usersPolicy: { source: 'lists', package: 'app.rbac', rule: 'beta' } } },
  });
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  return folder;
}

async function explained(folder: string, ...more: string[]) {
  const { code, stdout } = await optoggles(folder, ['explain', ...more, '--json', '-']);
  const { placements } = JSON.parse(stdout) as { placements: Record<string, unknown>[] };
  return { code, placements };
}

describe('explain', () => {
  it('tells what policy answers, what the target holds and serves, and since when', async () => {
    const folder = await applied();
    const { code, stdout } = await optoggles(folder, ['explain', 'beta', 'alice', '--environment', 'production']);
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'beta for "alice" (flags/beta.yaml)',
      '',
      'local production: has it, as policy says',
    ]);
    expect(stdout).toMatch(/^ {2}policy {4}yes: app\.rbac\.beta of lists, revision \w+, 2 users$/m);
    expect(stdout).toMatch(/^ {2}holds {5}on; on its list$/m);
    expect(stdout).toMatch(/^ {2}serves {4}true: TARGETING_MATCH, variant on$/m);
    expect(stdout).toMatch(/^ {2}since {5}let in since \d{4}-.*Z by revision \w+$/m);
    expect(stdout).not.toContain('local test');
  });

  it('since when: the write that let somebody in or put somebody out, with its revision', async () => {
    const folder = await applied();
    const before = Date.now();
    const answers: readonly (readonly string[])[] = [
      ['alice', 'bob', 'zoe'],
      ['alice', 'zoe'],
      ['alice', 'yan', 'zoe'],
    ];
    for (const members of answers) {
      writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': members }));
      await optoggles(folder, ['apply']);
    }
    const since = async (name: string) => {
      const { placements } = await explained(folder, 'beta', name, '--environment', 'test');
      return placements[0]?.since as { in: boolean; at: string | null; exact: boolean; revision: string | null };
    };
    const at = async (name: string) => Date.parse((await since(name)).at ?? '');
    expect(await since('alice')).toMatchObject({ in: true, exact: true });
    expect(await since('zoe')).toMatchObject({ in: true, exact: true, revision: expect.stringMatching(/\w/) });
    expect(await since('bob')).toMatchObject({ in: false, exact: true });
    expect(await since('eve')).toEqual({ in: false, at: null, exact: false, revision: null });
    expect(await at('alice')).toBeLessThan(before);
    expect(await at('zoe')).toBeGreaterThanOrEqual(before);
    expect(await at('bob')).toBeGreaterThan(await at('zoe'));
    expect(await at('yan')).toBeGreaterThan(await at('bob'));
  });

  it('what is against policy is an answer too, with what to do', async () => {
    const folder = await applied();
    const path = join(folder, 'out/production.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"alice",', '"alice","mallory",'));
    const { code, placements } = await explained(folder, 'beta', 'mallory');
    expect(code).toBe(0);
    expect(placements).toMatchObject([
      {
        environment: 'production',
        verdict: 'differs',
        expected: false,
        holds: { listed: true },
        served: { answer: true },
      },
      { environment: 'test', verdict: 'agrees', expected: false, served: { answer: false } },
    ]);
    expect(placements[0]?.problems).toMatchObject([{ code: 'change-to-come', hint: /apply/ }]);
  });

  it('a toggle that is off, and one without an answer', async () => {
    const folder = await applied();
    const off = await explained(folder, 'closed', 'alice', '--environment', 'production');
    expect(off.code).toBe(0);
    expect(off.placements).toMatchObject([
      { state: 'off', expected: false, verdict: 'agrees', policy: { member: true }, served: { answer: false } },
    ]);
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.other': [] }));
    const unknown = await explained(folder, 'beta', 'alice', '--environment', 'production');
    expect(unknown.code).toBe(4);
    expect(unknown.placements).toMatchObject([
      {
        expected: null,
        verdict: 'unknown',
        policy: { state: 'undefined' },
        problems: [{ code: 'audience-undefined' }],
      },
    ]);
  });

  it('writes nothing, and needs no state', async () => {
    const folder = project();
    const { code, placements } = await explained(folder, 'beta', 'alice');
    expect(code).toBe(0);
    expect(placements).toMatchObject([
      { verdict: 'differs', holds: { there: false }, served: { answer: 'not-served' }, since: null },
    ]);
    expect(() => readFileSync(join(folder, 'out/production.json'))).toThrow(/ENOENT/);
  });

  it.each([
    [['explain', 'beta']],
    [['explain', 'bta', 'alice'], /no toggle "bta". Did you mean "beta"/],
    [['explain', 'beta', 'alice', '--environment', 'prod'], /"prod".*(production|test)/],
    [['verify', '--seed', 'x'], /--seed: "x" is no whole number/],
    [['verify', '--strangers', '-1']],
    [['verify', '--strangers', '1e3']],
    [['verify', '--only', 'bta'], /Did you mean "beta"/],
  ])('wrong use: %j', async (args, says = /\S/) => {
    const folder = project({ config: { targets: two } });
    const { code, stdout, stderr } = await optoggles(folder, args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(says);
  });

  it('a name cannot break out of its line', async () => {
    const { stdout } = await optoggles(await applied(), ['explain', 'beta', 'x\n::error::\u001b[31m']);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toMatch(/^::error/m);
  });
});
