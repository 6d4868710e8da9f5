/** Builds `dist/`: what `npm pack` ships. JavaScript by tsc, and beside it the files that are no TypeScript. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const dist = join(root, 'dist');
const SHEBANG = '#!/usr/bin/env node\n';
/** Pages for those who read the sources. */
const NOT_SHIPPED = new Set(['.ts', '.md']);

rmSync(dist, { recursive: true, force: true });
compile();
copyAssets();
makeExecutable(join(dist, 'cli', 'main.js'));

function compile(): void {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const done = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(1);
}

function copyAssets(): void {
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || NOT_SHIPPED.has(extname(entry.name))) continue;
    const from = join(entry.parentPath, entry.name);
    const to = join(dist, relative(source, from));
    cpSync(from, to, { recursive: true });
  }
}

function makeExecutable(file: string): void {
  if (!existsSync(file)) {
    console.error(
      `${relative(root, file)} was not built: package.json names it as the command. Look at ${dirname(file)}.`,
    );
    process.exit(1);
  }
  const text = readFileSync(file, 'utf8');
  if (!text.startsWith('#!')) writeFileSync(file, SHEBANG + text);
  chmodSync(file, 0o755);
}
