/**
 * The package as a user gets it: built, packed, installed with npm in an empty folder and started. Prints a line for each
 * check and exits 1 when one failed. Needs the registry for the runtime dependencies.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'optoggles-package-'));
const home = join(work, 'home');
/** What the repository's own start uses: configuration, toggles, policy. */
const EXAMPLE = ['optoggles.yaml', 'flags', 'examples'];
const ALLOWED = /^(package\.json|LICENSE|README\.md|CHANGELOG\.md|dist\/.+|schemas\/.+\.json)$/;
const REQUIRED = ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/cli/main.js', 'schemas/flag.schema.json'];

// The Node that runs this is the one that users need; the host's may be older.
const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` };
const bin = join(work, 'elsewhere', 'node_modules', '.bin', 'optoggles');
let failures = 0;

try {
  await check('builds', () => run(process.execPath, ['scripts/build.ts'], root));
  const tarball = await check('packs only what users need', pack);
  if (tarball !== undefined) {
    await check('installs elsewhere, without development packages', () => install(tarball));
    await check('tells its version', tellsVersion);
    await check('validates the example', () => run(bin, ['validate'], home));
    await check('applies the example, and a second time finds nothing to do', appliesTwice);
    await check('runs, answers, and ends on SIGTERM', runs);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;

async function check<T>(name: string, act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    const got = await act();
    console.log(`ok   package ${name}`);
    return got;
  } catch (error) {
    failures += 1;
    console.log(`FAIL package ${name}\n${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function pack(): string {
  const printed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root);
  const described: unknown = JSON.parse(printed);
  const first: unknown = Array.isArray(described) ? described[0] : Object.values(described as object)[0];
  const { filename, files } = first as { filename: string; files: { path: string }[] };
  const paths = files.map(file => file.path);
  const strange = paths.filter(path => !ALLOWED.test(path) || /\.(test|spec)\.|\.ts$(?<!\.d\.ts)/.test(path));
  if (strange.length > 0) throw new Error(`it holds what it should not: ${strange.join(', ')}`);
  const missing = REQUIRED.filter(path => !paths.includes(path));
  if (missing.length > 0) throw new Error(`it lacks ${missing.join(', ')}`);
  return join(work, filename);
}

function install(tarball: string): void {
  const elsewhere = join(work, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'package.json'), '{"private":true}\n');
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], elsewhere);
  const there = readdirSync(join(elsewhere, 'node_modules'));
  const strange = there.filter(name => /^(node-(linux|darwin|win)|vitest|typescript|oxlint|@biomejs)/.test(name));
  if (strange.length > 0) throw new Error(`it brings development packages: ${strange.join(', ')}`);
  mkdirSync(home);
  for (const path of EXAMPLE) {
    if (!existsSync(join(root, path))) throw new Error(`the example needs ${path}`);
    cpSync(join(root, path), join(home, path), { recursive: true });
  }
}

function tellsVersion(): void {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const told = run(bin, ['--version'], work).trim();
  if (told !== version) throw new Error(`it says ${told}, package.json says ${version}`);
}

function appliesTwice(): void {
  run(bin, ['apply'], home);
  const folder = join(home, 'out');
  const first = readdirSync(folder).map(name => `${name} ${readFileSync(join(folder, name), 'utf8')}`);
  if (first.length === 0) throw new Error('apply wrote nothing to out/');
  run(bin, ['plan', '--detailed-exitcode'], home);
  const second = readdirSync(folder).map(name => `${name} ${readFileSync(join(folder, name), 'utf8')}`);
  if (first.join('\n') !== second.join('\n')) throw new Error('the second look changed out/');
}

async function runs(): Promise<void> {
  const config = join(home, 'optoggles.yaml');
  const port = 20_000 + (process.pid % 20_000);
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, `${text.replace(/^bind:.*$/m, '')}\nbind: "127.0.0.1:${port}"\n`);
  const child = spawn(bin, ['run'], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', chunk => (said += String(chunk)));
  child.stderr.on('data', chunk => (said += String(chunk)));
  const ended = new Promise<number | null>(resolve => child.once('close', resolve));
  try {
    await waitFor(`http://127.0.0.1:${port}/health/started`, child);
    const page = await fetch(`http://127.0.0.1:${port}/`);
    if (!page.ok || !(await page.text()).includes('<html')) throw new Error(`/ answered ${page.status}, no page`);
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 25_000);
    const code = await ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`after SIGTERM it exited with ${code}`);
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`, { cause: error });
  }
}

async function waitFor(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200 && child.exitCode === null; tries += 1) {
    const ok = await fetch(url).then(
      response => response.ok,
      () => false,
    );
    if (ok) return;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error(`${url} did not become ready`);
}

/** stdout; throws with everything it said when it does not exit 0. */
function run(command: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  if (done.status === 0) return done.stdout;
  const how = done.error?.message ?? `exited with ${done.status ?? done.signal}`;
  throw new Error(`${command} ${args.join(' ')} ${how}\n${done.stdout ?? ''}${done.stderr ?? ''}`);
}
