import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sourceKinds, targetKinds } from '../src/kinds.ts';
import { snapshotSchema } from '../src/load/snapshot-schema.ts';
import { planSchema } from '../src/report/plan-schema.ts';
import { verifySchema } from '../src/report/verify-schema.ts';
import { actionPage } from './generated/action-page.ts';
import { starterWorkflows } from '../src/tasks/starter-workflows.ts';
import { configurationPage } from './generated/configuration-page.ts';
import { configEditorSchema, flagEditorSchema } from './generated/editor-schemas.ts';

const root = join(import.meta.dirname, '..');
const kinds = { sources: sourceKinds, targets: targetKinds };

/** The action of the checkout itself, with the bundle that is committed: what is released is what is tried here. */
const workflows = starterWorkflows({ action: './', branch: 'main' });

/** Every generated file: its path from the root and what makes it. */
const files: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(Object.entries(workflows).map(([path, text]) => [path, () => text])),
  'schemas/flag.schema.json': () => json(flagEditorSchema(kinds)),
  'schemas/config.schema.json': () => json(configEditorSchema(kinds)),
  'schemas/plan.schema.json': () => json(planSchema),
  'schemas/snapshot.schema.json': () => json(snapshotSchema),
  'schemas/verify.schema.json': () => json(verifySchema),
  'docs/configuration.md': () => configurationPage(kinds),
  'docs/github-action.md': () => actionPage(readFileSync(join(root, 'action.yml'), 'utf8')),
};

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The generated files that are not as they should be. */
export async function stale(): Promise<string[]> {
  const found: string[] = [];
  for (const [path, make] of Object.entries(files)) {
    const text = await readFile(join(root, path), 'utf8').catch(() => undefined);
    if (text !== make()) found.push(path);
  }
  return found;
}

async function writeAll(): Promise<void> {
  for (const path of await stale()) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), files[path]?.() ?? '');
    console.log(`written: ${path}`);
  }
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const found = await stale();
    for (const path of found) console.error(`stale: ${path}. Run npm run generate.`);
    process.exitCode = found.length > 0 ? 1 : 0;
  } else {
    await writeAll();
  }
}
