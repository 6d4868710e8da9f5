import { stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import type { Config } from '../domain/config.ts';
import { type Problem, ProblemError, ProblemsError } from '../domain/problem.ts';
import type { Purpose } from '../domain/settings-check.ts';
import { buildConfig, type Built, type Unneeded } from './config-build.ts';
import type { KindSchemas } from './kinds.ts';
import { isLegacy, legacyConfig } from './legacy.ts';
import { compare, sortProblems } from './problems.ts';
import { addressSecrets, secretsIn } from './secrets.ts';
import { configLimit, readTextFile } from './text-file.ts';
import { parseYaml, type YamlDocument } from './yaml.ts';

export interface LoadOptions {
  readonly kinds: KindSchemas;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `check` looks at the form of references only and needs no secret. */
  readonly secrets: 'substitute' | 'check';
  /** What it is loaded for; default `look`: files of sources may be missing. */
  readonly purpose?: Purpose;
  /** Of the new form only. */
  readonly unneeded?: Unneeded | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly Problem[];
  /** Absolute: the files that `${file:…}` names. */
  readonly secretFiles: readonly string[];
  /**
   * The same configuration, as it was read, with what those files hold by now. Throws a ProblemsError, as when one of
   * them is missing or empty.
   */
  readonly renewed: () => Config;
}

/** The default places, in order: behaviour.md §2. */
const places = ['optoggles.yaml', 'config.yaml', '/etc/optoggles/config.yaml'];
const legacyAliases = 100;

/**
 * The first configuration among the default places, as a path relative to `cwd` where it is in it. Throws a
 * ProblemError (`config-not-found`) when there is none.
 */
export async function findConfig(cwd: string): Promise<string> {
  for (const place of places) {
    const found = await stat(resolve(cwd, place)).catch(() => undefined);
    if (found?.isFile()) return place;
  }
  throw new ProblemError({
    code: 'config-not-found',
    message: `There is no configuration: looked for ${places.map(place => (isAbsolute(place) ? place : `./${place}`)).join(', ')}.`,
    hint: 'Create optoggles.yaml, or name a file with --config.',
  });
}

/**
 * Loads and checks a configuration, new or OPToggles' old form; `file` is relative to the working folder or absolute.
 * Throws a ProblemsError with everything that is wrong, sorted; each problem has a place.
 */
export async function loadConfig(file: string, options: LoadOptions): Promise<LoadedConfig> {
  const path = resolve(file);
  const name = basename(path);
  const text = await readConfig(path, file);
  // The old form may use aliases, so which one it is has to be known before they are judged.
  const document = parseYaml(text, name, { aliases: legacyAliases, mergeKeys: true });
  const old = isLegacy(document);
  const folder = dirname(path);
  const input = { file: name, folder, ...options };
  const yaml = old ? document : withoutAliases(document, text);
  const build = () => sound(old ? legacyConfig(yaml, input) : buildConfig(yaml, input));
  const { config, warnings, secretFiles = [] } = build();
  return { config, warnings: sortProblems(warnings), secretFiles, renewed: () => build().config };
}

function sound({ config, problems, ...rest }: Built): Omit<Built, 'config' | 'problems'> & { readonly config: Config } {
  const errors = sortProblems(problems);
  if (config === undefined || errors.length > 0) throw new ProblemsError(errors);
  return { config, ...rest };
}

function withoutAliases(document: YamlDocument, text: string): YamlDocument {
  return document.firstAlias === undefined && document.problems.length === 0 && !text.includes('<<')
    ? document
    : parseYaml(text, document.file, { aliases: 0 });
}

async function readConfig(path: string, file: string): Promise<string> {
  try {
    return await readTextFile(path, basename(path), configLimit);
  } catch (error) {
    if (error instanceof ProblemError) throw new ProblemsError([error.problem]);
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new ProblemsError([
      {
        code: missing ? 'config-not-found' : 'config-unreadable',
        message: missing
          ? `The configuration ${file} does not exist.`
          : `The configuration ${file} cannot be read (${code}).`,
        hint: missing ? 'Create it, or name another with --config.' : 'Let this process read it.',
      },
    ]);
  }
}

/**
 * Every value of a configuration that must not be shown: tokens, header values, passwords in addresses, and whatever
 * came in through a reference. Without empty ones and doubles; the longest first.
 */
export function secretsOf(config: Config): string[] {
  const tokens = [...config.adminTokens, ...config.readTokens].map(({ token }) => token);
  const settings = [...config.sources, ...config.targets].flatMap(entry => secretsIn(entry.settings));
  const { token = '', webhookSecret = '' } = config.flags?.git ?? {};
  const receivers = (config.notify ?? []).flatMap(({ url }) => addressSecrets(url));
  const own = [config.callbackSecret ?? '', token, webhookSecret, ...receivers];
  const all = new Set([...(config.secrets ?? []), ...own, ...tokens, ...settings]);
  all.delete('');
  return [...all].sort((a, b) => b.length - a.length || compare(a, b));
}
