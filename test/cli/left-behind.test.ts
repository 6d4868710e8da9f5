import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { optoggles } from '../support/program.ts';
import { configText, flagText, project } from '../support/project.ts';

const policy = { source: 'lists', package: 'app.rbac', rule: 'beta' };

function flagd(name: string, more: Readonly<Record<string, unknown>> = {}): object {
  return { name, type: 'flagd', path: 'out/{environment}.json', environments: ['production', 'test'], ...more };
}

async function applied(): Promise<string> {
  const folder = project({ config: { targets: [flagd('local')] } });
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  return folder;
}

function served(folder: string, environment: string): string {
  return readFileSync(join(folder, `out/${environment}.json`), 'utf8');
}

function configure(folder: string, ...targets: readonly object[]): void {
  writeFileSync(join(folder, 'optoggles.yaml'), configText({ targets }));
}

describe('what the configuration does not name any more', () => {
  it('a target under another name is the same one', async () => {
    const folder = await applied();
    configure(folder, flagd('lokal'));
    expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0, stdout: 'Nothing to do\n' });
  });

  it('a target that is dropped is left alone, with a warning', async () => {
    const folder = await applied();
    const before = served(folder, 'production');
    configure(folder, flagd('other', { path: 'elsewhere/{environment}.json' }));
    const { code, stderr } = await optoggles(folder, ['apply']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/target-dropped.*out\/\{environment\}\.json \(target local\)/);
    expect(served(folder, 'production')).toBe(before);
  });

  it('so is an environment of a target', async () => {
    const folder = await applied();
    const before = served(folder, 'test');
    configure(folder, flagd('local', { environments: ['production'] }));
    const { code, stdout, stderr } = await optoggles(folder, ['apply']);
    expect(code).toBe(0);
    expect(stdout + stderr).toContain('beta was applied in local test, which the target does not list any more');
    expect(served(folder, 'test')).toBe(before);
  });

  it('an environment that a file drops is closed, once somebody says so where it would become empty', async () => {
    const folder = await applied();
    writeFileSync(join(folder, 'flags/beta.yaml'), flagText('beta', { environments: { production: {} } }));
    const blocked = await optoggles(folder, ['apply']);
    expect(blocked.code).toBe(3);
    expect(served(folder, 'test')).toContain('alice');
    const id = /optoggles approve (\S+)/.exec(blocked.stdout)?.[1] ?? '';
    expect((await optoggles(folder, ['apply', '--approve', id])).code).toBe(0);
    expect(served(folder, 'test')).not.toContain('alice');
    expect(served(folder, 'production')).toContain('alice');
  });

  it('without a state, what carries our mark and has no file is closed all the same', async () => {
    const folder = await applied();
    rmSync(join(folder, '.optoggles'), { recursive: true });
    writeFileSync(join(folder, 'flags/gamma.yaml'), flagText('gamma', { usersPolicy: policy }));
    rmSync(join(folder, 'flags/beta.yaml'));
    expect((await optoggles(folder, ['plan'])).stdout).toMatch(/^beta .* close/m);
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    const flags = (JSON.parse(served(folder, 'test')) as { flags: Record<string, unknown> }).flags;
    expect(JSON.stringify(flags.beta)).toContain('"defaultVariant":"off"');
    expect(flags.beta).not.toHaveProperty('targeting');
    expect(flags.gamma).toHaveProperty('targeting');
  });

  it('the flags of another instance are not ours', async () => {
    const folder = await applied();
    const before = served(folder, 'production');
    writeFileSync(
      join(folder, 'optoggles.yaml'),
      configText({ instance: 'other', stateDir: 'state-of-other', targets: [flagd('local')] }),
    );
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(1);
    expect(stdout).toContain('belongs to optoggles:acme');
    expect(served(folder, 'production')).toBe(before);
  });
});
