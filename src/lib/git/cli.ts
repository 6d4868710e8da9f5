import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { createRedactor } from '../../lib/redact.ts';
import { type GitRan, runGit } from './cli-process.ts';
import { openCli } from './cli-reader.ts';
import { defaultLimits, diskLimit, type GitDriver, type GitLimits, type GitRemote, type Tip } from './driver.ts';
import { accessRefused, damaged, GitError, noRepository, shownAddress, tooLarge, tooSlow } from './git-error.ts';
import { authorization } from './isomorphic-http.ts';
import { candidates, resolveTip } from './refs.ts';
import { within } from './within.ts';

export interface CliOptions {
  readonly remote: GitRemote;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly limits?: GitLimits;
}

const seenRef = 'refs/optoggles/seen';
/** How often the disk is looked at while a fetch runs (ms). */
const lookEvery = 1_000;

/** Said with every command: nothing of the repository or of another user runs here, nothing is repacked behind us. */
const always = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['fetch.unpackLimit', '1'],
  ['fetch.fsckObjects', 'true'],
  ['http.followRedirects', 'false'],
  ['protocol.allow', 'never'],
  ['protocol.http.allow', 'always'],
  ['protocol.https.allow', 'always'],
  ['protocol.ssh.allow', 'always'],
].flatMap(([key, value]) => ['-c', `${key}=${value}`]);

/** Git by the installed one: ssh, large repositories, and only the contents that are wanted. */
export function createCliDriver({ remote, clock, env, limits = defaultLimits }: CliOptions): GitDriver {
  const { url } = remote;
  const redact = (text: string) => createRedactor(remote.token === undefined ? [] : [remote.token])(text);

  const run = (
    args: readonly string[],
    signal: AbortSignal,
    more: { readonly input?: string; readonly onData?: (chunk: Buffer) => void } = {},
  ) => runGit({ args: [...always, ...args], env: environment(env, remote), signal, ...more });

  /** A command that talks to the remote, within a time. */
  async function remotely(args: readonly string[], ms: number, signal: AbortSignal, input?: string): Promise<string> {
    const work = (own: AbortSignal) => run(args, own, input === undefined ? {} : { input });
    const ran = await within(work, ms, () => tooSlow(url, ms), { clock, signal });
    if (ran.code !== 0) throw failure(ran);
    return ran.stdout.toString('utf8');
  }

  function failure({ stderr, code }: GitRan): GitError {
    if (
      /\.lock': File exists|Unable to create .*\.lock|bad object|corrupt|loose object|not a git repository/i.test(
        stderr,
      )
    ) {
      return damaged('git says so');
    }
    if (/repository .*not found|does not appear to be a git repository|error: 404/i.test(stderr))
      return noRepository(url);
    if (
      /Authentication failed|could not read (Username|Password)|error: 40[13]|Permission denied|terminal prompts disabled|Host key verification failed/i.test(
        stderr,
      )
    ) {
      const isHost = /Host key verification failed/i.test(stderr);
      return isHost ? unknownHost(url) : accessRefused(url, /error: (40[13])/.exec(stderr)?.[1] ?? 'git says so');
    }
    if (/unable to update url base from redirection|error: 30\d/i.test(stderr)) return redirected(url);
    return new GitError('remote', {
      code: 'git-failed',
      message: `git ended with ${code} for ${shownAddress(url)}: ${lastLine(redact(stderr))}`,
      hint: 'It is tried again; run the same git command by hand to see more.',
    });
  }

  async function bring(folder: string, tip: Tip, more: readonly string[], signal: AbortSignal): Promise<Tip> {
    const watch = new AbortController();
    const both = AbortSignal.any([signal, watch.signal]);
    const over = watchDisk(folder, url, clock, watch);
    try {
      const flags = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--filter=blob:none'];
      const args = ['fetch', ...flags, ...more, '--', 'origin', `+${tip.ref}:${seenRef}`];
      await remotely(['--git-dir', folder, ...args], limits.fetch, both);
    } finally {
      over();
    }
    const { code, stdout } = await run(['--git-dir', folder, 'rev-parse', `${seenRef}^{commit}`], signal);
    if (code !== 0) throw damaged('what was fetched is not there');
    return { ref: tip.ref, commit: stdout.toString('latin1').trim() };
  }

  return {
    async tip(ref, signal) {
      const names = ref === undefined ? [] : candidates(ref).flatMap(name => [name, `${name}^{}`]);
      const text = await remotely(['ls-remote', '--symref', '--', url, 'HEAD', ...names], limits.ask, signal);
      return resolveTip(url, parseRefs(text), ref);
    },
    async clone(folder, tip, depth, signal) {
      for (const args of [
        ['init', '--quiet', '--bare', '--template=', '--', folder],
        ['--git-dir', folder, 'remote', 'add', '--', 'origin', url],
      ]) {
        const ran = await run(args, signal);
        if (ran.code !== 0) throw failure(ran);
      }
      return bring(folder, tip, depth === 'last' ? ['--depth=1'] : [], signal);
    },
    fetch: (folder, tip, signal) => bring(folder, tip, [], signal),
    open(folder) {
      return openCli({
        git: (args, signal, more) => run(['--git-dir', folder, ...args], signal, more),
        async fetchBlobs(ids, signal) {
          // What git itself does when contents of a partial clone are missing, but in one go.
          const flags = [
            '--quiet',
            '--no-tags',
            '--no-write-fetch-head',
            '--no-recurse-submodules',
            '--filter=blob:none',
          ];
          const args = [
            '-c',
            'fetch.negotiationAlgorithm=noop',
            '--git-dir',
            folder,
            'fetch',
            'origin',
            ...flags,
            '--stdin',
          ];
          await remotely(args, limits.fetch, signal, `${ids.join('\n')}\n`);
        },
      });
    },
    close: () => Promise.resolve(),
  };
}

/** The process's own environment without what would lead git elsewhere; the token in it, for its server alone. */
function environment(
  env: Readonly<Record<string, string | undefined>>,
  remote: GitRemote,
): Readonly<Record<string, string | undefined>> {
  const kept =
    /^GIT_(SSH|SSH_COMMAND|SSH_VARIANT|SSL_.*|PROXY_.*|CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM|EXEC_PATH)$/;
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('GIT_') || kept.test(name)));
  const secret = authorization(remote);
  return {
    ...own,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    SSH_ASKPASS_REQUIRE: 'never',
    ...(secret !== undefined && {
      // Arguments can be read by every user of the machine, the environment cannot.
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `http.${new URL(remote.url).origin}/.extraHeader`,
      GIT_CONFIG_VALUE_0: `Authorization: ${secret}`,
    }),
  };
}

/** `ref: refs/heads/main\tHEAD` and `<commit>\t<ref>`; of an annotated tag the line with `^{}` counts. */
function parseRefs(text: string): { commits: Map<string, string>; head: string | undefined } {
  const commits = new Map<string, string>();
  let head: string | undefined;
  for (const line of text.split('\n')) {
    const [left = '', ref = ''] = line.split('\t');
    if (left.startsWith('ref: ')) {
      if (ref === 'HEAD') head = left.slice(5);
    } else if (ref !== '') commits.set(ref.replace(/\^\{\}$/, ''), left);
  }
  const at = commits.get('HEAD');
  if (head !== undefined && at !== undefined && !commits.has(head)) commits.set(head, at);
  return { commits, head };
}

/** Ends a fetch that fills the disk. The result stops watching. */
function watchDisk(folder: string, url: string, clock: Clock, stop: AbortController): () => void {
  let cancel = () => {};
  let over = false;
  async function look(): Promise<void> {
    const pack = join(folder, 'objects', 'pack');
    const names = await readdir(pack).catch(() => []);
    let bytes = 0;
    for (const name of names) bytes += (await stat(join(pack, name)).catch(() => undefined))?.size ?? 0;
    if (over) return;
    if (bytes > diskLimit) stop.abort(tooLarge(url, `its clone takes more than ${diskLimit / 1024 ** 3} GB`));
    else cancel = clock.after(lookEvery, () => void look());
  }
  cancel = clock.after(lookEvery, () => void look());
  return () => {
    over = true;
    cancel();
  };
}

/** What git says last is why it ended. */
function lastLine(stderr: string): string {
  const lines = stderr.split('\n').filter(line => /^(fatal|error|remote|ssh)/.test(line));
  const line = lines.findLast(one => one.startsWith('fatal')) ?? lines.at(-1) ?? 'it does not say why.';
  return line.replace(/[\p{Cc}]/gu, ' ').slice(0, 200);
}

function unknownHost(url: string): GitError {
  return new GitError('access', {
    code: 'git-host-key',
    message: `The host key of ${shownAddress(url)} is not known.`,
    hint: 'Add it to the known_hosts of the user that runs this, after checking it.',
  });
}

function redirected(url: string): GitError {
  return new GitError('remote', {
    code: 'redirect-refused',
    message: `${shownAddress(url)} answers with a redirect, and redirects are not followed.`,
    hint: 'Configure the address that it leads to, if that is yours.',
  });
}
