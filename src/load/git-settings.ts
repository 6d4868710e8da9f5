import { type Static, Type } from 'typebox';
import type { GitFlags } from '../domain/config.ts';
import type { Problem } from '../domain/problem.ts';
import { Duration, parseDuration } from '../lib/duration.ts';
import { check, type Placer } from './check.ts';
import type { Path } from './yaml-reader.ts';

/** `flags` where the flag files come from a repository. */
export const gitFlagsSchema = Type.Object(
  {
    git: Type.String({
      minLength: 1,
      maxLength: 2000,
      description:
        'The address of the repository: `https://host/path`; with `driver: cli` also `ssh://…` and `user@host:path`.',
    }),
    ref: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 250,
        // git-check-ref-format
        pattern: '^(?![-/.])(?!.*(\\.\\.|//|@\\{|\\.lock$|[/.]$))[^\\u0000-\\u0020~^:?*\\[\\\\\\u007f]+$',
        patternErrorMessage: 'the name of a branch or a tag, or a full ref such as refs/heads/main',
        description: 'The branch, tag or full ref that counts. Without it: the default branch of the repository.',
      }),
    ),
    path: Type.String({
      minLength: 1,
      maxLength: 1000,
      default: 'flags',
      description: 'The folder of the flag files in the repository; `.` for all of it.',
    }),
    token: Type.String({
      default: '',
      description: 'Sent to that server alone, and over https only, as the password of HTTP. Empty: none.',
    }),
    poll: Duration({ default: '30s', description: 'How often the repository is asked for news: `1s` to `1h`.' }),
    driver: Type.Enum(['isomorphic', 'cli'], {
      default: 'isomorphic',
      description: '`isomorphic`: https, nothing to install; `cli`: the installed git, for ssh and large repositories.',
    }),
    webhookSecret: Type.String({
      default: '',
      description: 'The secret of a webhook of pushes to `/webhooks/github`. Empty: no webhook is taken.',
    }),
    allowHttp: Type.Boolean({
      default: false,
      description: 'True: an address of another machine may be http, where others can read and change what comes.',
    }),
  },
  { additionalProperties: false, description: 'A git repository in place of a folder.' },
);

type GitFile = Static<typeof gitFlagsSchema>;

export interface GitInput {
  readonly place: Placer;
  readonly standIns: (path: Path) => boolean;
}

const shortestPoll = 1_000;
const longestPoll = 3_600_000;
const ssh = /^(?:(?:git\+)?ssh:\/\/|[^/@:\s]+@[^/@:\s]+:(?!\/\/))/;

/** Checks the mapping under `flags`. `git` is undefined where the problems leave none to speak of. */
export function readGitFlags(
  raw: unknown,
  input: GitInput,
): { readonly git: GitFlags | undefined; readonly problems: readonly Problem[] } {
  const { place, standIns } = input;
  const general = check(gitFlagsSchema, raw, place, { base: ['flags'], standIns });
  if (general.length > 0) return { git: undefined, problems: general };
  const file = raw as GitFile;
  const problems: Problem[] = [];
  const say = (key: string, code: string, message: string, hint: string) =>
    problems.push({ code, message, hint, at: place(['flags', key], 'value') });

  const hasToken = file.token !== '' || standIns(['flags', 'token']);
  const address = addressOf(file, hasToken, (code, message, hint) => say('git', code, message, hint));
  const path = folderOf(file.path);
  if (path === undefined) {
    say('path', 'outside-folder', '"flags.path" leads out of the repository.', 'Name a folder of it, without "..".');
  }
  const poll = parseDuration(file.poll);
  if (poll < shortestPoll || poll > longestPoll) {
    say('poll', 'out-of-range', '"flags.poll" must be between 1s and 1h.', 'A webhook brings news at once.');
  }
  if (problems.length > 0 || address === undefined || path === undefined) return { git: undefined, problems };
  const git: GitFlags = {
    ...address,
    ref: file.ref,
    path,
    token: file.token === '' ? undefined : file.token,
    poll,
    driver: file.driver,
    webhookSecret: file.webhookSecret === '' ? undefined : file.webhookSecret,
  };
  return { git, problems };
}

type Say = (code: string, message: string, hint: string) => void;

function addressOf(file: GitFile, hasToken: boolean, say: Say): Pick<GitFlags, 'url' | 'user'> | undefined {
  const { git, driver, allowHttp } = file;
  if (ssh.test(git) && !git.startsWith('-')) {
    if (driver !== 'cli') {
      const hint = 'Set "driver: cli" where git and ssh are installed, or use the https address with a token.';
      say('git-ssh', 'An ssh address needs an installed git.', hint);
    } else if (hasToken) {
      say('git-ssh', 'A token is of no use with an ssh address.', 'Take "token" out, or use the https address.');
    } else if (/^[^/]*:\/\/[^/@]*:[^/@]*@/.test(git)) say('git-url-secret', ...secretInAddress);
    return { url: git, user: undefined };
  }
  const url = URL.parse(git);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.search !== '' || url.hash !== '') {
    // The address itself is not shown: what is no address may be a secret in the wrong place.
    say('git-url', '"flags.git" is no address of a repository.', 'Write https://host/path, or ssh with "driver: cli".');
    return undefined;
  }
  if (url.password !== '') say('git-url-secret', ...secretInAddress);
  if (url.protocol === 'http:' && !allowHttp && !isLoopback(url.hostname)) {
    const hint = 'Use https; where nobody stands between, set "allowHttp: true".';
    say('git-http', 'Over http others can read the token and change the flags on their way.', hint);
  }
  const user = url.username === '' ? undefined : decodeURIComponent(url.username);
  url.username = '';
  url.password = '';
  return { url: url.href.replace(/\/+$/, ''), user };
}

const secretInAddress = [
  'The address of the repository holds a password.',
  'Put it in "flags.token", as a reference: token: "${GIT_TOKEN}".',
] as const;

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** With `/`, without one at its ends; `''` for all. Undefined: it leads out. */
function folderOf(path: string): string | undefined {
  const parts = path.split('/').filter(part => part !== '' && part !== '.');
  const isBad = path.startsWith('/') || path.includes('\\') || parts.some(part => part === '..');
  return isBad ? undefined : parts.join('/');
}
