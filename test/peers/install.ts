import { spawn } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainEnvironment } from './process.ts';

const OPA_VERSION = '1.22.0';
const OPAL_VERSION = '0.9.9';
/** What OPAL was tried with: its own requirements are open, and a newer fastapi has broken it before. */
const CONSTRAINTS = fileURLToPath(new URL('opal-constraints.txt', import.meta.url));

/** Outside the checkout, so that a fresh clone need not build OPA again. */
export const cache =
  process.env['OPTOGGLES_PEERS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'optoggles-peers');
const venv = join(cache, 'opal');

/** Programs that `installPeers` has put there. */
export const peers = {
  opa: join(cache, 'bin', 'opa'),
  python: join(venv, 'bin', 'python'),
  opalServer: join(venv, 'bin', 'opal-server'),
  opalClient: join(venv, 'bin', 'opal-client'),
} as const;

/** Installs what is not there in the right version; reuses the rest. Throws with what is missing on this machine. */
export async function installPeers(say: (line: string) => void): Promise<void> {
  await mkdir(join(cache, 'bin'), { recursive: true });
  if ((await run('git', ['--version'])).code !== 0) throw new Error('git is missing: install git, then try again.');
  await installOpa(say);
  await installOpal(say);
}

async function installOpa(say: (line: string) => void): Promise<void> {
  if (await hasOpa()) return;
  if ((await run('go', ['version'])).code !== 0) {
    throw new Error(`OPA ${OPA_VERSION} is missing: put it at ${peers.opa}, or install Go so that it can be built.`);
  }
  say(`building OPA ${OPA_VERSION} (about two minutes)`);
  const building = join(cache, `bin.${process.pid}`);
  try {
    const built = await run('go', ['install', `github.com/open-policy-agent/opa@v${OPA_VERSION}`], { GOBIN: building });
    if (built.code !== 0) throw new Error(`OPA ${OPA_VERSION} could not be built:\n${built.output}`);
    await rename(join(building, 'opa'), peers.opa);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  if (!(await hasOpa())) throw new Error(`${peers.opa} is not OPA ${OPA_VERSION}: remove it, then try again.`);
}

async function hasOpa(): Promise<boolean> {
  const got = await run(peers.opa, ['version']);
  return got.code === 0 && got.output.includes(`Version: ${OPA_VERSION}\n`);
}

async function installOpal(say: (line: string) => void): Promise<void> {
  if (await hasOpal()) return;
  say(`installing OPAL ${OPAL_VERSION} (about two minutes)`);
  await oneAtATime(async () => {
    if (await hasOpal()) return;
    const made = await run('python3', ['-m', 'venv', '--clear', venv]);
    if (made.code !== 0) {
      throw new Error(`OPAL needs python3 (3.9 to 3.12) with venv: install them, then try again.\n${made.output}`);
    }
    const wanted = [`opal-server==${OPAL_VERSION}`, `opal-client==${OPAL_VERSION}`];
    const got = await run(peers.python, ['-m', 'pip', 'install', '--quiet', '-c', CONSTRAINTS, ...wanted]);
    if (got.code !== 0) throw new Error(`OPAL ${OPAL_VERSION} could not be installed:\n${got.output}`);
  });
  if (!(await hasOpal())) throw new Error(`${venv} does not hold OPAL ${OPAL_VERSION}: remove it, then try again.`);
}

async function hasOpal(): Promise<boolean> {
  const ask = 'import importlib.metadata as m; print(m.version("opal-server"), m.version("opal-client"))';
  const got = await run(peers.python, ['-c', ask]);
  const bins = await Promise.all([peers.opalServer, peers.opalClient].map(file => stat(file).catch(() => undefined)));
  return got.code === 0 && got.output.trim() === `${OPAL_VERSION} ${OPAL_VERSION}` && !bins.includes(undefined);
}

/** Two runs on one machine share the cache; a folder that a crash left counts for a quarter of an hour. */
export async function oneAtATime(act: () => Promise<void>): Promise<void> {
  const guard = join(cache, 'installing');
  for (;;) {
    const made = await mkdir(guard).then(
      () => true,
      () => false,
    );
    if (made) break;
    const age = Date.now() - ((await stat(guard).catch(() => undefined))?.mtimeMs ?? 0);
    if (age > 15 * 60_000) await rm(guard, { recursive: true, force: true });
    await new Promise(resolve => setTimeout(resolve, 500));
  }
  try {
    await act();
  } finally {
    await rm(guard, { recursive: true, force: true });
  }
}

/** Runs a program to its end; `code` null: it could not be started. `output` is stdout and stderr as they came. */
export function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  return new Promise(resolve => {
    let output = '';
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...plainEnvironment(), ...env },
    });
    child.stdout.on('data', chunk => (output += String(chunk)));
    child.stderr.on('data', chunk => (output += String(chunk)));
    child.once('error', error => resolve({ code: null, output: error.message }));
    child.once('close', code => resolve({ code, output }));
  });
}
