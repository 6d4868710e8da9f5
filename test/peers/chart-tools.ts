import { execFile } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { cache, oneAtATime, run } from './install.ts';

const HELM_VERSION = '3.22.0';
const PYTHON_PACKAGES = ['kubernetes-validate==1.37.0', 'promql-parser==0.12.0'];

/** The name holds the version: a Helm that was built by `go install` tells only a part of its own. */
const helm = join(cache, 'bin', `helm-${HELM_VERSION}`);
const venv = join(cache, 'charts');
const python = join(venv, 'bin', 'python');
const CHECK = fileURLToPath(new URL('chart_check.py', import.meta.url));

/** The chart of this repository. */
export const CHART = fileURLToPath(new URL('../../charts/optoggles', import.meta.url));
/** Without a cluster Helm has to be told which Kubernetes it writes for. */
export const KUBERNETES = '1.37.0';

/** Installs Helm, Kubernetes' schemas and a parser of PromQL where they are missing. Throws with what could not be had. */
export async function installChartTools(say: (line: string) => void): Promise<void> {
  await mkdir(join(cache, 'bin'), { recursive: true });
  await oneAtATime(async () => {
    if ((await run(helm, ['version'])).code !== 0) await installHelm(say);
    if (!(await hasPackages())) await installPackages(say);
  });
}

async function installHelm(say: (line: string) => void): Promise<void> {
  say(`building Helm ${HELM_VERSION} (about a minute)`);
  const building = join(cache, `helm.${process.pid}`);
  try {
    const built = await run('go', ['install', `helm.sh/helm/v3/cmd/helm@v${HELM_VERSION}`], { GOBIN: building });
    if (built.code !== 0) {
      throw new Error(`Helm ${HELM_VERSION} is missing: put it at ${helm}, or let Go build it.\n${built.output}`);
    }
    await rename(join(building, 'helm'), helm);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

async function hasPackages(): Promise<boolean> {
  const ask = 'import importlib.metadata as m, sys; print(*[n + "==" + m.version(n) for n in sys.argv[1:]])';
  const got = await run(python, ['-c', ask, ...PYTHON_PACKAGES.map(one => one.split('==')[0] ?? '')]);
  return got.code === 0 && got.output.trim() === PYTHON_PACKAGES.join(' ');
}

async function installPackages(say: (line: string) => void): Promise<void> {
  say('installing the schemas of Kubernetes');
  const made = await run('python3', ['-m', 'venv', '--clear', venv]);
  if (made.code !== 0) throw new Error(`The chart's checks need python3 with venv: install them.\n${made.output}`);
  const got = await run(python, ['-m', 'pip', 'install', '--quiet', ...PYTHON_PACKAGES]);
  if (got.code !== 0) throw new Error(`${PYTHON_PACKAGES.join(', ')} could not be installed:\n${got.output}`);
}

/** A rendered object of Kubernetes, as far as every one looks the same. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

/** Runs Helm on the chart with more arguments: how it ended and what it said. */
export function runHelm(command: 'lint' | 'template', args: readonly string[]): ReturnType<typeof run> {
  const name = command === 'template' ? ['rel', CHART, '--namespace', 'flags'] : [CHART, '--strict'];
  return run(helm, [command, ...name, '--kube-version', KUBERNETES, ...args]);
}

/** What the chart renders to with these arguments. Throws with what Helm said. */
export async function render(args: readonly string[]): Promise<Manifest[]> {
  const { code, output } = await runHelm('template', args);
  if (code !== 0) throw new Error(output);
  return parseAllDocuments(output)
    .map(document => {
      if (document.errors.length > 0) throw document.errors[0] as Error;
      return document.toJS() as Manifest | null;
    })
    .filter(manifest => manifest !== null);
}

/** One selector of an expression: its metric, the labels it asks for with the values (null: any), and those grouped by. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly name: string; readonly op: string; readonly value: string }[];
  readonly by: readonly string[];
}

export interface Checked {
  /** What the schemas of Kubernetes have against each manifest, in order; `unknown` where they do not know its kind. */
  readonly manifests: readonly (string | null)[];
  /** The selectors of each expression, or what is wrong with it. */
  readonly expressions: readonly (readonly Selector[] | string)[];
}

/** Asks the schemas of Kubernetes (strict: an unknown field is an error) and a real parser of PromQL. */
export async function check(asked: {
  readonly kubernetes: string;
  readonly manifests?: readonly unknown[];
  readonly expressions?: readonly string[];
}): Promise<Checked> {
  const child = promisify(execFile)(python, [CHECK], { maxBuffer: 64 * 2 ** 20 });
  child.child.stdin?.end(JSON.stringify({ manifests: [], expressions: [], ...asked }));
  return JSON.parse((await child).stdout) as Checked;
}
