import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { plainEnvironment } from './process.ts';

const run = promisify(execFile);

export interface PolicyRepo {
  /** `file://` address, branch `main`. */
  readonly url: string;
  readonly folder: string;
  /** Writes the files (path → text; null removes) and commits. Resolves to the commit's hash. */
  commit(files: Readonly<Record<string, string | null>>, message?: string): Promise<string>;
  remove(): Promise<void>;
}

/** A local git repository that OPAL follows for policy, with `files` in its first commit. */
export async function createPolicyRepo(files: Readonly<Record<string, string>>): Promise<PolicyRepo> {
  const folder = await mkdtemp(join(tmpdir(), 'optoggles-policy-'));
  const git = async (...args: string[]) => {
    const who = ['-c', 'user.name=policy', '-c', 'user.email=policy@example.com', '-c', 'commit.gpgsign=false'];
    const env = { ...plainEnvironment(), GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
    return (await run('git', ['-C', folder, ...who, ...args], { env })).stdout.trim();
  };
  await git('init', '--quiet', '--initial-branch=main');
  const repo: PolicyRepo = {
    url: `file://${folder}`,
    folder,
    async commit(changed, message = 'policy') {
      for (const [path, text] of Object.entries(changed)) {
        const file = join(folder, path);
        if (text === null) {
          await rm(file);
          continue;
        }
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
      await git('add', '--all');
      await git('commit', '--quiet', '--message', message);
      return git('rev-parse', 'HEAD');
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  await repo.commit(files, 'first');
  return repo;
}
