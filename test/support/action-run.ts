import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, vi } from 'vitest';
import { writeAction } from '../../scripts/build-action.ts';
import { tempFolder } from './temp-folder.ts';

/** What a step of a workflow gets. */
export interface StepOptions {
  readonly workspace: string;
  /** `pull_request`, `push`, … */
  readonly event: string;
  readonly payload: object;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly apiUrl?: string;
  readonly ref?: string;
  /** `owner/name` */
  readonly repository?: string;
}

export interface StepResult {
  readonly code: number | null;
  /** What the runner would read commands from. */
  readonly log: string;
  /** The workflow commands of the log, without masks: `error`, its properties, its text. */
  readonly annotations: readonly { readonly level: string; readonly file: string | undefined; readonly text: string }[];
  readonly masks: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** The action as it is shipped, built once for a test file. Gives a function that runs it as a runner does. */
export function builtAction(): (options: StepOptions) => Promise<StepResult> {
  // Several processes a test, on machines that may have much else to do.
  vi.setConfig({ testTimeout: 90_000 });
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'optoggles-action-'));
    await writeAction(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return options => runStep(join(folder, 'main.js'), options);
}

async function runStep(main: string, options: StepOptions): Promise<StepResult> {
  const { workspace, event, payload, inputs = {}, env = {}, apiUrl = 'http://127.0.0.1:9' } = options;
  const files = tempFolder({ output: '', summary: '', 'event.json': JSON.stringify(payload) });
  const temp = tempFolder();
  const child = spawn(process.execPath, [main], {
    cwd: workspace,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: temp,
      GITHUB_ACTIONS: 'true',
      GITHUB_EVENT_NAME: event,
      GITHUB_EVENT_PATH: join(files, 'event.json'),
      GITHUB_OUTPUT: join(files, 'output'),
      GITHUB_STEP_SUMMARY: join(files, 'summary'),
      GITHUB_WORKSPACE: workspace,
      GITHUB_REPOSITORY: options.repository ?? 'Codertocat/Hello-World',
      GITHUB_REF: options.ref ?? '',
      GITHUB_RUN_ID: '42',
      GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_API_URL: apiUrl,
      RUNNER_TEMP: temp,
      ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (log += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return {
    code,
    log,
    ...commandsIn(log),
    outputs: outputsIn(readFileSync(join(files, 'output'), 'utf8')),
    summary: readFileSync(join(files, 'summary'), 'utf8'),
  };
}

/** As actions/runner reads a line: `::name key=value,…::text`. */
function commandsIn(log: string): Pick<StepResult, 'annotations' | 'masks'> {
  const annotations: { level: string; file: string | undefined; text: string }[] = [];
  const masks: string[] = [];
  for (const line of log.split('\n')) {
    const [, level, properties = '', text = ''] = /^\s*::([a-z-]+)(?: ([^:]*))?::(.*)$/.exec(line) ?? [];
    if (level === undefined) continue;
    if (level === 'add-mask') masks.push(unescaped(text));
    else {
      const [, file] = /(?:^|,)file=([^,]*)/.exec(properties) ?? [];
      const at = /(?:^|,)line=(\d+)/.exec(properties)?.[1];
      annotations.push({ level, file: file && `${unescaped(file)}:${at}`, text: unescaped(text) });
    }
  }
  return { annotations, masks };
}

function unescaped(text: string): string {
  return text
    .replaceAll('%0D', '\r')
    .replaceAll('%0A', '\n')
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',')
    .replaceAll('%25', '%');
}

/** `name<<delimiter`, lines, delimiter. */
function outputsIn(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name, , value] of text.matchAll(/^([^\n]+)<<([^\n]+)\n([\s\S]*?)\n\2$/gm))
    found[name ?? ''] = value ?? '';
  return found;
}

interface Example {
  readonly name: string;
  readonly examples: readonly Payload[];
}

type Payload = Readonly<Record<string, unknown>>;

/** A real payload of GitHub, the first of that event (and action). */
export function payloadOf(event: string, action?: string): Payload {
  const all = createRequire(import.meta.url)('@octokit/webhooks-examples') as readonly Example[];
  const found = all
    .find(({ name }) => name === event)
    ?.examples.find(example => action === undefined || example.action === action);
  if (found === undefined) throw new Error(`no payload of ${event} ${action ?? ''}`);
  return found;
}

/** The payload of a pull request, of these commits. */
export function pullPayload(
  { base, head }: { readonly base: string; readonly head: string },
  action = 'opened',
): Payload {
  const payload = payloadOf('pull_request', action);
  const pull = payload.pull_request as Readonly<Record<'base' | 'head', object>>;
  return {
    ...payload,
    pull_request: { ...pull, base: { ...pull.base, sha: base }, head: { ...pull.head, sha: head } },
  };
}
