import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { optoggles } from '../support/program.ts';
import { flagText, listsText, project } from '../support/project.ts';

const many = Array.from({ length: 20 }, (_, index) => `user-${index}`);

/** Applied for alice and bob, then for alice and carol, then off. */
async function used(config: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = project({ config });
  const apply = async () => expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0 });
  await apply();
  writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['alice', 'carol'] }));
  await apply();
  writeFileSync(join(folder, 'flags/beta.yaml'), flagText('beta', { state: 'off' }));
  await apply();
  return folder;
}

interface Shown {
  readonly lines: readonly Readonly<Record<string, unknown>>[];
}

async function shown(folder: string, ...args: string[]): Promise<Shown> {
  const { code, stdout } = await optoggles(folder, ['history', ...args, '--json', '-']);
  expect(code).toBe(0);
  return JSON.parse(stdout) as Shown;
}

describe('history of a toggle', () => {
  it('tells every write, with counts, cause and revision, and no name', async () => {
    const folder = await used();
    const { lines } = await shown(folder, 'beta');
    const placed = lines.filter(line => line.environment === 'production');
    expect(placed.map(({ what, granted, revoked, on, causes }) => ({ what, granted, revoked, on, causes }))).toEqual([
      { what: 'written', granted: 2, revoked: 0, on: true, causes: ['definition'] },
      { what: 'written', granted: 1, revoked: 1, on: undefined, causes: ['policy'] },
      { what: 'written', granted: 0, revoked: 2, on: false, causes: ['definition'] },
    ]);
    expect(placed[0]?.revision).toEqual(expect.stringMatching(/\w/));
    const { stdout } = await optoggles(folder, ['history', 'beta']);
    expect(stdout).toMatch(/^time +what +target +environment +granted +revoked +because of/);
    expect(stdout).toContain('closed');
    expect(stdout).not.toMatch(/alice|bob|carol/);
  });

  it('tells of one member when it was let in and taken out', async () => {
    const folder = await used();
    const effects = async (user: string) => (await shown(folder, 'beta', user)).lines.map(line => line.effect);
    expect(await effects('alice')).toEqual(['granted', 'revoked']);
    expect(await effects('bob')).toEqual(['granted', 'revoked']);
    expect(await effects('carol')).toEqual(['granted', 'revoked']);
    expect(await effects('dave')).toEqual([]);
    const { stdout } = await optoggles(folder, ['history', 'beta', 'bob']);
    expect(stdout.split('\n').map(line => line.split(/ +/)[1])).toEqual(['what', 'granted', 'revoked', undefined]);
    expect((await optoggles(folder, ['history', 'beta', 'dave'])).stdout).toBe(
      'The audit log has nothing about beta and this member.\n',
    );
  });

  it('knows that a block would have taken somebody out, and by whose word it did', async () => {
    const folder = project({ lists: { 'app.rbac.beta': many } });
    await optoggles(folder, ['apply']);
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': many.slice(0, 10) }));
    expect((await optoggles(folder, ['apply'])).code).toBe(3);
    const { stdout } = await optoggles(folder, ['plan', '--json', '-']);
    const { blocked } = JSON.parse(stdout) as { blocked: readonly { id: string }[] };
    const id = blocked[0]?.id ?? '';
    await optoggles(folder, ['approve', id, '--by', 'oncall']);
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    const { lines } = await shown(folder, 'beta', 'user-19');
    expect(lines.map(({ what, effect, approval, by }) => ({ what, effect, approval, by }))).toEqual([
      { what: 'written', effect: 'granted', approval: undefined, by: undefined },
      { what: 'blocked', effect: 'revoked', approval: id, by: undefined },
      { what: 'approved', effect: 'revoked', approval: id, by: 'oncall' },
      { what: 'written', effect: 'revoked', approval: id, by: 'oncall' },
    ]);
  });

  it('begins where it is told to', async () => {
    const folder = await used();
    expect((await shown(folder, 'beta', '--since', '1h')).lines.length).toBeGreaterThan(0);
    expect((await shown(folder, 'beta', '--since', '2100-01-01')).lines).toEqual([]);
    const wrong = await optoggles(folder, ['history', 'beta', '--since', 'yesterday']);
    expect(wrong).toMatchObject({ code: 64, stderr: expect.stringContaining('24h or 7d') });
  });
});

describe('the audit log', () => {
  it('is exported as JSON lines with keyed hashes, and nothing else of the members', async () => {
    const folder = await used();
    const { stdout } = await optoggles(folder, ['history', '--export', '-']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(line => line.id)).toEqual(lines.map((_, index) => index + 1));
    expect(lines.every(line => line.version === 1 && !Number.isNaN(Date.parse(String(line.time))))).toBe(true);
    const [first, second] = lines.filter(line => line.environment === 'production');
    const hash = expect.stringMatching(/^h:[0-9a-f]{16}$/);
    expect(first?.members).toEqual({ granted: [hash, hash] });
    expect(second?.members).toEqual({ granted: [hash], revoked: [hash] });
    expect(stdout).not.toMatch(/alice|bob|carol/);
  });

  it('has names where the configuration says so', async () => {
    const folder = await used({ audit: { users: true } });
    const { stdout } = await optoggles(folder, ['history', 'beta', '--export', '-']);
    expect(stdout).toContain('{"granted":["carol"],"revoked":["bob"]}');
    const { lines } = await shown(folder, 'beta', 'bob');
    expect(lines.map(line => line.effect)).toEqual(['granted', 'revoked']);
  });

  it('goes into a file that only its owner may read', async () => {
    const folder = await used();
    expect(await optoggles(folder, ['history', '--export', 'audit.jsonl'])).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(join(folder, 'audit.jsonl'), 'utf8')).toContain('"what":"written"');
    expect(statSync(join(folder, 'audit.jsonl')).mode & 0o777).toBe(0o600);
  });

  it('needs a toggle, or a place to go to', async () => {
    const folder = project();
    expect(await optoggles(folder, ['history'])).toMatchObject({ code: 64 });
    expect(await optoggles(folder, ['history', 'beta'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no state'),
    });
  });
});
