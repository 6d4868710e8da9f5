import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { optoggles } from '../support/program.ts';
import { configText, flagText, project } from '../support/project.ts';

const broken = 'key: beta\nname: [\n';

/** Two toggles, applied. */
async function applied(): Promise<string> {
  const folder = project({
    flags: { beta: {}, gamma: {} },
    lists: { 'app.rbac.beta': ['alice'], 'app.rbac.gamma': ['bob'] },
  });
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  return folder;
}

function served(folder: string): string {
  return readFileSync(join(folder, 'out/production.json'), 'utf8');
}

describe('a file that does not validate', () => {
  it('its last good definition stays in force, also in a new process: policy is followed', async () => {
    const folder = await applied();
    writeFileSync(join(folder, 'flags/beta.yaml'), broken);
    writeFileSync(join(folder, 'audiences.yaml'), JSON.stringify({ 'app.rbac.beta': ['carol'], 'app.rbac.gamma': [] }));
    const { code } = await optoggles(folder, ['apply']);
    expect(code).toBe(1);
    expect(served(folder)).toContain('carol');
    expect(served(folder)).not.toContain('alice');
    expect(served(folder)).not.toContain('bob');
  });

  it('without a last good definition (the state was lost) the toggle is left as the target has it', async () => {
    const folder = await applied();
    rmSync(join(folder, '.optoggles'), { recursive: true });
    writeFileSync(join(folder, 'flags/beta.yaml'), broken);
    const before = served(folder);
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(1);
    expect(stdout).not.toContain('beta');
    expect(served(folder)).toBe(before);
  });

  it('a last good definition that does not fit the configuration any more leaves the toggle as it is', async () => {
    const folder = await applied();
    writeFileSync(join(folder, 'flags/beta.yaml'), broken);
    expect((await optoggles(folder, ['apply'])).code).toBe(1);
    // The source has another name now: what beta said of it means nothing any more.
    const sources = [{ id: 'files', type: 'static', path: 'audiences.yaml' }];
    writeFileSync(join(folder, 'optoggles.yaml'), configText({ sources }));
    const usersPolicy = { source: 'files', package: 'app.rbac', rule: 'gamma' };
    writeFileSync(join(folder, 'flags/gamma.yaml'), flagText('gamma', { usersPolicy }));
    const { code } = await optoggles(folder, ['apply']);
    expect(code).toBe(1);
    expect(served(folder)).toContain('alice');
    expect(served(folder)).toContain('bob');
  });
});

describe('a tree that cannot be trusted changes nothing', () => {
  it.each<[string, (flags: string) => void]>([
    ['no file left', flags => ['beta', 'gamma'].forEach(key => rmSync(join(flags, `${key}.yaml`)))],
    ['no folder', flags => renameSync(flags, `${flags}-away`)],
    [
      'a file in its place',
      flags => {
        renameSync(flags, `${flags}-away`);
        writeFileSync(flags, '');
      },
    ],
    [
      'only other files',
      flags => {
        renameSync(flags, `${flags}-away`);
        mkdirSync(flags);
        writeFileSync(join(flags, 'README.md'), '');
      },
    ],
  ])('%s', async (_, damage) => {
    const folder = await applied();
    const before = served(folder);
    damage(join(folder, 'flags'));
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(1);
    expect(stdout).not.toMatch(/beta|gamma/);
    expect(served(folder)).toBe(before);
  });

  it.skipIf(process.getuid?.() === 0)('a folder that cannot be read', async () => {
    const folder = await applied();
    const before = served(folder);
    chmodSync(join(folder, 'flags'), 0o000);
    const { code } = await optoggles(folder, ['apply']);
    chmodSync(join(folder, 'flags'), 0o700);
    expect(code).toBe(1);
    expect(served(folder)).toBe(before);
  });
});
