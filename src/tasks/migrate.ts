import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import type { Config } from '../domain/config.ts';
import { type Problem, ProblemError } from '../domain/problem.ts';
import type { Toggle } from '../domain/toggle.ts';
import { loadConfig } from '../load/config.ts';
import { type NewNames, newConfigFile, newFlagFile, newNames } from '../load/migration.ts';
import type { KindSchemas } from '../load/kinds.ts';
import { saving } from './saving.ts';

export interface MigrateOptions {
  /** OPToggles' own `config.yaml`. */
  readonly configFile: string;
  readonly kinds: KindSchemas;
  /** Where `optoggles.yaml` and `flags/` go. */
  readonly outDir: string;
  /** `2026-11-01` */
  readonly today: string;
}

export interface Migration {
  /** What was written, relative to `outDir`. */
  readonly files: readonly string[];
  /** Names of the environment variables that stand for the secrets that stood in clear. */
  readonly secrets: readonly string[];
  readonly warnings: readonly Problem[];
}

/**
 * Writes the new form of OPToggles' old configuration: the same sources, target, toggles and instance, so that nobody
 * gains or loses a toggle. Nothing that exists is written over. Throws a ProblemError or ProblemsError.
 */
export async function migrate(options: MigrateOptions): Promise<Migration> {
  const { configFile, kinds, outDir, today } = options;
  const loaded = await loadConfig(configFile, { kinds, env: {}, secrets: 'check' });
  const { config } = loaded;
  const toggles = config.legacy?.toggles;
  if (toggles === undefined) {
    throw new ProblemError({
      code: 'not-old-form',
      message: `${config.file} is in the new form already.`,
      hint: 'Name the old configuration with --config.',
    });
  }
  const names = newNames(config, toggles);
  const main = newConfigFile(config, names, kinds);
  const flags = toggles.map(toggle => ({
    path: join('flags', `${names.toggles.get(toggle.key) ?? toggle.key}.yaml`),
    text: stringify(newFlagFile(toggle, names, today), { lineWidth: 0 }),
  }));
  await refuseToOverwrite(outDir);
  // The configuration comes last: a migration that stops in between leaves nothing that could be run.
  const files = [...flags, { path: 'optoggles.yaml', text: stringify(main.file, { lineWidth: 0 }) }];
  await saving(relative('.', outDir) || '.', async () => {
    await mkdir(join(outDir, 'flags'), { recursive: true });
    for (const { path, text } of files) await writeFile(join(outDir, path), text, { flag: 'wx' });
  });
  return {
    files: files.map(({ path }) => path),
    secrets: main.secrets,
    warnings: [...loaded.warnings, ...warningsOf(config, toggles, names, outDir)],
  };
}

async function refuseToOverwrite(outDir: string): Promise<void> {
  const config = await stat(join(outDir, 'optoggles.yaml')).catch(() => undefined);
  const flags = await readdir(join(outDir, 'flags')).catch(() => []);
  const there = [...(config === undefined ? [] : ['optoggles.yaml']), ...(flags.length === 0 ? [] : ['flags/'])];
  if (there.length === 0) return;
  throw new ProblemError({
    code: 'would-overwrite',
    message: `There is already ${there.join(' and ')} in ${relative('.', outDir) || '.'}.`,
    hint: 'Move it away, or name an empty folder with --out.',
  });
}

function warningsOf(config: Config, toggles: readonly Toggle[], names: NewNames, outDir: string): Problem[] {
  const warnings: Problem[] = [];
  for (const [old, now] of [...names.toggles, ...names.sources]) {
    if (old === now) continue;
    warnings.push({
      code: 'renamed',
      message: `${JSON.stringify(old)} is called ${now} here, because it is no name that files can have.`,
      hint: 'The key in the target stays as it was.',
    });
  }
  if (toggles.length > 0) {
    warnings.push({
      code: 'owner-unknown',
      message: `The old form names no owners: ${toggles.length} flag files say "owner: unknown" or what their spec said.`,
      hint: 'Write who answers for each.',
    });
  }
  if (outDir !== config.folder) {
    warnings.push({
      code: 'state-elsewhere',
      message: 'What was last applied is kept beside the old configuration.',
      hint: 'Move its state folder along, or set stateDir to it.',
    });
  }
  return warnings;
}
