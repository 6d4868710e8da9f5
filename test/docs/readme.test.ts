import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { optoggles, startOptoggles } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

interface Fence {
  /** The word behind ```. */
  readonly kind: string;
  /** What follows it on the line. */
  readonly about: string;
  readonly text: string;
}

const fences: readonly Fence[] = [...readme.matchAll(/^```(\w+) ?(.*)\n([^]*?)^```$/gm)].map(
  ([, kind = '', about = '', text = '']) => ({ kind, about, text }),
);
const program = 'npm run --silent optoggles -- ';

/** What the README says the program is given, in a fresh folder, with OPA where one answers. */
function filesOf(opa: string): string {
  const files = fences.filter(({ kind }) => kind === 'yaml').map(({ about, text }) => [about, text]);
  expect(fences.find(({ about }) => about === 'my/optoggles.yaml')?.text).toContain('http://127.0.0.1:8181');
  const moved = { 'http://127.0.0.1:8181': opa, '127.0.0.1:8081': '127.0.0.1:0' };
  const all = Object.fromEntries(
    files.map(([path, text = '']) => [
      path,
      Object.entries(moved).reduce((now, [from, to]) => now.replace(from, to), text),
    ]),
  ) as Record<string, string>;
  return tempFolder(all);
}

async function openOpa(): Promise<string> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const answers: Readonly<Record<string, unknown>> = {
      '/v1/config': { result: { labels: { id: 'opa-1' } } },
      '/v1/data/app/rbac/us_users': { result: ['alice', 'bob'] },
      '/v1/data/app/rbac': { result: { us_users: ['alice', 'bob'] } },
    };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answers[pathname] ?? {}));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('every command does what the README says, on the files that it shows', async () => {
  const folder = filesOf(await openOpa());
  const commands = fences.filter(({ kind }) => kind === 'sh').flatMap(({ text }) => text.trim().split('\n'));
  // `npm start` is started by the tests of the example, and by CI in a fresh clone.
  const ours = commands.filter(line => line !== 'npm start');
  expect(ours.map(line => line.startsWith(program))).toEqual(ours.map(() => true));
  const said: string[] = [];
  for (const line of ours) {
    const args = line.slice(program.length).split(' ');
    if (args[0] === 'run') {
      const running = startOptoggles(folder, args);
      await running.url;
      running.kill();
      expect((await running.ended).code).toBe(0);
      said.push(running.stdout);
    } else {
      const { code, stdout } = await optoggles(folder, args);
      expect({ line, code }).toEqual({ line, code: 0 });
      said.push(stdout);
    }
  }
  expect(said).toHaveLength(3);
  expect(said[0]).toBe('1 file, 1 toggle, 0 errors\n');
  expect(said[1]).toMatch(/^us-feature\s+local\s+production\s+turn on\s+0 → 2/m);
  expect(readFileSync(join(folder, 'my/out/production.json'), 'utf8')).toContain('"alice","bob"');
});

it('what it shows of verify is what verify says', async () => {
  const folder = filesOf(await openOpa());
  const config = ['--config', 'my/optoggles.yaml', '--timeout', '30s'];
  expect((await optoggles(folder, ['apply', ...config])).code).toBe(0);
  const { code, stdout } = await optoggles(folder, ['verify', ...config]);
  expect(code).toBe(0);
  expect(stdout).toBe(fences.find(({ about }) => about === 'optoggles verify')?.text);
});

it('every configuration that it shows is valid', async () => {
  const folder = filesOf('http://127.0.0.1:8181');
  const configs = fences.filter(({ about }) => about.endsWith('optoggles.yaml')).map(({ about }) => about);
  expect(configs.length).toBeGreaterThan(1);
  for (const config of configs) {
    const { code, stderr, stdout } = await optoggles(folder, ['validate', '--config', config]);
    expect({ config, code, stderr, stdout }).toEqual({
      config,
      code: 0,
      stderr: '',
      stdout: '1 file, 1 toggle, 0 errors\n',
    });
  }
});

it('what it shows of npm start is what npm start says', async () => {
  const folder = tempFolder();
  for (const path of ['flags', 'examples/policy']) cpSync(join(root, path), join(folder, path), { recursive: true });
  const config = readFileSync(join(root, 'optoggles.yaml'), 'utf8').replace(':8080"', ':0"');
  writeFileSync(join(folder, 'optoggles.yaml'), config);
  const running = startOptoggles(folder, ['run']);
  await running.url;
  const masked = (text: string) => text.replace(/\d{4}-\S+Z/g, 'TIME').replace(/:\d+$/m, ':PORT');
  const real = masked(running.stdout).split('\n');
  const shown = masked(fences.find(({ about }) => about === 'npm start')?.text ?? '').trimEnd();
  expect(shown.length).toBeGreaterThan(1_000);
  for (const line of shown.split('\n').filter(line => line !== '…')) expect(real).toContain(line);
});

it('every link of the pages leads somewhere', () => {
  const docs = readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md'));
  const pages = ['README.md', ...docs.map(name => `docs/${name}`), 'src/targets/launchdarkly/README.md'];
  for (const page of pages) {
    const links = readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g);
    for (const [, link = ''] of links) {
      expect(existsSync(join(root, dirname(page), link)), `${link} in ${page}`).toBe(true);
    }
  }
});
