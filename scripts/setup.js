// Installs what this checkout needs before `npm start` and `npm test`. Runs on the host's Node, so: plain JavaScript
// that Node 20 understands, and nothing but Node itself. Quiet when there is nothing to do.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
const LEAST_TO_INSTALL = 20;
const HEARTBEAT_MS = 1_000;
const STALE_AFTER_MS = 60_000;
const WAIT_AT_MOST_MS = 15 * 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.optoggles-setup');
const lockFile = join(root, '.cache', 'setup.lock');
const privateNode = join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');

try {
  await main();
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}

async function main() {
  const wanted = stampOf(fs.readFileSync(join(root, 'package-lock.json')));
  if (isInstalled(wanted)) return checkNode();
  if (major(process.versions.node) < LEAST_TO_INSTALL) {
    fail(`Node ${LEAST_TO_INSTALL} or newer needed to install, Node ${NEEDED} to run; this is ${process.version}.`);
  }
  const release = await lock();
  try {
    if (!isInstalled(wanted)) {
      await install();
      dropNodeThatDoesNotRun();
      fs.writeFileSync(stampFile, wanted);
    }
  } finally {
    release();
  }
  checkNode();
}

/** The platform belongs to it: a checkout shared with a container holds the other one's binaries. */
function stampOf(lockfile) {
  return `${createHash('sha256').update(lockfile).digest('hex')} ${process.platform}-${process.arch}\n`;
}

function isInstalled(wanted) {
  try {
    return fs.readFileSync(stampFile, 'utf8') === wanted;
  } catch {
    return false;
  }
}

/** `npm ci` with the npm that called us, on the Node that runs it: ours may be one that is about to be replaced. */
async function install() {
  say('Installing packages (npm ci) …');
  const cli = process.env.npm_execpath ?? '';
  const byNpm = /npm-cli\.c?js$/.test(cli);
  const command = byNpm ? (process.env.npm_node_execpath ?? process.execPath) : 'npm';
  // Development and platform packages are needed whatever NODE_ENV or the user's npmrc say.
  const args = [...(byNpm ? [cli] : []), 'ci', '--include=dev', '--include=optional', '--loglevel=error'];
  const started = Date.now();
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: !byNpm && process.platform === 'win32',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => child.kill(signal));
  const ended = await new Promise((resolve, reject) => {
    child.once('error', () => reject(new Error('npm was not found. Install npm, then try again.')));
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  if (ended !== 0) {
    throw new Error(
      `npm ci failed (${ended}), see above. Check the network and npm's registry setting, then try again.`,
    );
  }
  say(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

/** The private Node is built for glibc: where it does not start (Alpine), the host's Node must not be hidden by it. */
function dropNodeThatDoesNotRun() {
  if (!fs.existsSync(privateNode)) return;
  const got = spawnSync(privateNode, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' });
  if (got.status !== 0 || major(got.stdout) < NEEDED) fs.rmSync(privateNode, { force: true });
}

/** npm puts node_modules/.bin first on the PATH, so the private Node is the one that will run when it is there. */
function checkNode() {
  if (major(process.versions.node) >= NEEDED || fs.existsSync(privateNode)) return;
  const host = hostNode();
  if (major(host) >= NEEDED) return;
  fail(
    `Node ${NEEDED} or newer needed; this is ${host.trim() || process.version}, and the one that comes with this ` +
      `checkout is not there for ${process.platform}-${process.arch}. Install Node ${NEEDED}, then try again.`,
  );
}

function hostNode() {
  const path = (process.env.PATH ?? '').split(delimiter).filter(folder => !folder.includes('node_modules'));
  const env = { ...process.env, PATH: path.join(delimiter) };
  return spawnSync('node', ['--version'], { encoding: 'utf8', env }).stdout ?? '';
}

/** Waits for the one setup that may run. Resolves to what gives the lock back. */
async function lock() {
  fs.mkdirSync(join(root, '.cache'), { recursive: true });
  const mine = `${lockFile}.${process.pid}`;
  const until = Date.now() + WAIT_AT_MOST_MS;
  let told = false;
  fs.writeFileSync(mine, String(process.pid));
  try {
    for (;;) {
      // A link appears whole or not at all: nobody reads a lock without its pid.
      if (tried(() => fs.linkSync(mine, lockFile), 'EEXIST')) break;
      const holder = readHolder();
      if (holder === undefined) continue;
      if (holder.stale) {
        takeAway(holder.pid);
        continue;
      }
      if (Date.now() > until) throw new Error(`Process ${holder.pid} holds .cache/setup.lock. End it, then try again.`);
      if (!told) say(`Another setup is at work (process ${holder.pid}): waiting for it.`);
      told = true;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  } finally {
    fs.rmSync(mine, { force: true });
  }
  const beat = setInterval(() => {
    const now = new Date();
    tried(() => fs.utimesSync(lockFile, now, now), 'ENOENT');
  }, HEARTBEAT_MS);
  const release = () => {
    clearInterval(beat);
    fs.rmSync(lockFile, { force: true });
  };
  process.once('exit', release);
  return () => {
    process.off('exit', release);
    release();
  };
}

function readHolder() {
  try {
    const pid = Number(fs.readFileSync(lockFile, 'utf8'));
    // The heartbeat tells a pid that was given to another program from a setup that is at work.
    const silent = Date.now() - fs.statSync(lockFile).mtimeMs > STALE_AFTER_MS;
    return { pid, stale: silent || !isAlive(pid) };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** One at a time takes a stale lock away, and looks again first: the one seen may have been replaced by a live one. */
function takeAway(pid) {
  const guard = `${lockFile}.takeover`;
  if (!tried(() => fs.mkdirSync(guard), 'EEXIST')) {
    const made = fs.statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > STALE_AFTER_MS) fs.rmSync(guard, { recursive: true, force: true });
    return;
  }
  try {
    const holder = readHolder();
    if (holder?.stale && holder.pid === pid) fs.rmSync(lockFile, { force: true });
  } finally {
    fs.rmSync(guard, { recursive: true, force: true });
  }
}

/** False when `act` ended with the error `code`. */
function tried(act, code) {
  try {
    act();
    return true;
  } catch (error) {
    if (error.code === code) return false;
    throw error;
  }
}

function major(version) {
  return Number.parseInt(String(version).replace(/^v/, ''), 10) || 0;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}
