import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder, writeFiles } from './temp-folder.ts';

type Files = Readonly<Record<string, string | Uint8Array | null>>;

export interface PullRequestCheckout {
  /** What `actions/checkout` leaves: a merge of the head into the base, detached. */
  readonly workspace: string;
  readonly base: string;
  readonly head: string;
  git(...args: string[]): string;
}

/** A repository with a base commit, and a merge of a change to it checked out. `null` removes a file. */
export function pullRequest(base: Files, change: Files): PullRequestCheckout {
  const workspace = tempFolder();
  const git = gitIn(workspace);
  git('init', '-q', '-b', 'master');
  commit(workspace, base);
  const first = git('rev-parse', 'HEAD');
  git('checkout', '-q', '-b', 'change');
  commit(workspace, change);
  const head = git('rev-parse', 'HEAD');
  git('checkout', '-q', '--detach', first);
  git('merge', '-q', '--no-ff', '-m', `Merge ${head} into ${first}`, head);
  return { workspace, base: first, head, git };
}

/** A repository with one commit, checked out as after a push. */
export function pushed(files: Files): PullRequestCheckout {
  const workspace = tempFolder();
  const git = gitIn(workspace);
  git('init', '-q', '-b', 'master');
  commit(workspace, files);
  const head = git('rev-parse', 'HEAD');
  return { workspace, base: head, head, git };
}

/** A clone of what is checked out there, so many commits deep (`fetch-depth`). */
export function cloned({ workspace, ...pull }: PullRequestCheckout, depth: number): string {
  const folder = tempFolder();
  pull.git('clone', '-q', `--depth=${depth}`, `file://${workspace}`, folder);
  return folder;
}

function commit(workspace: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    rmSync(join(workspace, path), { force: true, recursive: true });
    if (text !== null) writeFiles(workspace, { [path]: text });
  }
  const git = gitIn(workspace);
  git('add', '-A');
  git('commit', '-q', '--allow-empty', '-m', 'a change');
}

function gitIn(folder: string) {
  return (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_NAME: 'A',
        GIT_AUTHOR_EMAIL: 'a@example.com',
        GIT_COMMITTER_NAME: 'A',
        GIT_COMMITTER_EMAIL: 'a@example.com',
        // The same commits on every run: snapshots show them.
        GIT_AUTHOR_DATE: '2026-11-01T00:00:00Z',
        GIT_COMMITTER_DATE: '2026-11-01T00:00:00Z',
      },
    }).trim();
}
