/**
 * Builds `dist-action/`: the GitHub Action as files that need no `npm install`. The same sources and the same lockfile give
 * the same bytes. `--check` writes nothing and fails when what is committed differs; `--out FOLDER` writes elsewhere.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** The worker is found beside what starts it, by this name: `src/audience/bundle/host.ts`. */
const entries = { main: 'src/action/main.ts', worker: 'src/audience/bundle/worker.ts' };
/** Evaluators of platforms: only `verify` and `explain` load them. */
const never = [/^@openfeature\//, /^@launchdarkly\//];
const licenses = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'Zlib']);

/** `src/lib/version.ts` reads package.json, which lies elsewhere from here. */
const withVersion: Plugin = {
  name: 'version',
  load: id =>
    id.endsWith('/src/lib/version.ts') ? `export const version = ${JSON.stringify(manifest.version)};` : null,
};

/** Every file of the bundle, by name. Throws for a package whose license we may not pass on. */
export async function bundleAction(): Promise<ReadonlyMap<string, string>> {
  const bundle = await rolldown({
    cwd: root,
    input: entries,
    platform: 'node',
    external: never,
    plugins: [withVersion],
    onLog(level, log) {
      if (level === 'warn' && log.code !== 'EVAL') console.error(log.message);
    },
  });
  const { output } = await bundle.generate({
    format: 'esm',
    minify: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    comments: { legal: false },
    postBanner: '/* oxlint-disable */',
  });
  await bundle.close();
  const chunks = output.filter(file => file.type === 'chunk');
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
  return new Map([
    ...chunks.map(({ fileName, code }) => [fileName, code] as const),
    ['package.json', `${JSON.stringify({ private: true, type: 'module' }, null, 2)}\n`],
    ['LICENSES.txt', licenseText(modules)],
  ]);
}

/** The licenses of all packages that went in, each once. */
function licenseText(modules: readonly string[]): string {
  const folders = new Set(modules.flatMap(id => /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? []));
  return [...folders]
    .map(folder => {
      const described = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
      const { name, version, license } = described;
      const parts = String(license)
        .replace(/[()]/g, '')
        .split(/ AND | OR /);
      if (!parts.every(part => licenses.has(part)))
        throw new Error(`${String(name)}: may we pass on what is ${String(license)}?`);
      const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
      return `${String(name)} ${String(version)}: ${String(license)}\n${text}`;
    })
    .sort()
    .join('\n----\n\n');
}

/** Writes the bundle into an empty folder. */
export async function writeAction(folder: string): Promise<void> {
  const files = await bundleAction();
  rmSync(folder, { recursive: true, force: true });
  for (const [name, text] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** The files that are not as they would be built now. */
async function stale(folder: string): Promise<string[]> {
  const files = await bundleAction();
  const there = existsSync(folder) ? readdirSync(folder) : [];
  const strange = there.filter(name => !files.has(name));
  const differing = [...files].filter(([name, text]) => {
    return !there.includes(name) || readFileSync(join(folder, name), 'utf8') !== text;
  });
  return [...differing.map(([name]) => name), ...strange];
}

if (import.meta.main) {
  const at = process.argv.indexOf('--out');
  const folder = resolve(root, at < 0 ? 'dist-action' : (process.argv[at + 1] ?? 'dist-action'));
  const name = relative(root, folder);
  if (process.argv.includes('--check')) {
    const found = await stale(folder);
    console.log(
      found.length === 0 ? `${name} is fresh.` : `stale in ${name}: ${found.join(', ')}. Run npm run build:action.`,
    );
    process.exitCode = found.length === 0 ? 0 : 1;
  } else {
    await writeAction(folder);
    console.log(`${name} is built.`);
  }
}
