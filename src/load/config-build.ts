import { isAbsolute, join, resolve } from 'node:path';
import type { Config, FlagsPlace, GitFlags, NamedToken, SourceEntry, TargetEntry } from '../domain/config.ts';
import type { Problem } from '../domain/problem.ts';
import type { Purpose } from '../domain/settings-check.ts';
import { parseDays, parseDuration } from '../lib/duration.ts';
import { pathInside } from '../lib/inside.ts';
import { parseBind } from './bind.ts';
import { check, type Placer } from './check.ts';
import { type ConfigFile, configSchema, defaults, reservedKeys } from './config-schema.ts';
import { checkSource, checkTarget, placeFindings } from './entries.ts';
import { readGitFlags } from './git-settings.ts';
import type { KindSchemas } from './kinds.ts';
import { quoted } from './problems.ts';
import { pathKey, substitute } from './references.ts';
import { worthHiding } from './secrets.ts';
import type { YamlDocument } from './yaml.ts';
import type { Path } from './yaml-reader.ts';

export interface BuildInput {
  /** Its name in the folder. */
  readonly file: string;
  /** Absolute. */
  readonly folder: string;
  readonly kinds: KindSchemas;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secrets: 'substitute' | 'check';
  /** Default: `look`. */
  readonly purpose?: Purpose;
  readonly unneeded?: Unneeded | undefined;
}

/** Whether nobody will use what stands at a path of this file, so that its secrets may be missing. */
export type Unneeded = (path: Path, root: unknown) => boolean;

export interface Built {
  readonly config: Config | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Absolute: the files that `${file:…}` named. */
  readonly secretFiles?: readonly string[];
}

/** `optoggles.yaml` as a Config. `config` is undefined where the problems leave none to speak of. */
export function buildConfig(document: YamlDocument, input: BuildInput): Built {
  const problems: Problem[] = [...document.problems];
  const failed = (): Built => ({ config: undefined, problems, warnings: [] });
  if (document.value === undefined) return failed();
  const root = document.value;
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    const what = root === null ? 'The file is empty.' : 'The file is no mapping of keys to values.';
    const hint = 'Start with "version: 1"; see the configuration reference.';
    problems.push({ code: 'file-empty', message: what, hint, at: document.place([]) });
    return failed();
  }
  const place: Placer = (path, part) => document.place(path, part);
  const unneeded = input.unneeded && ((path: Path) => input.unneeded?.(path, root) ?? false);
  const options = { mode: input.secrets, env: input.env, folder: input.folder, place, unneeded };
  const { value, unknown, ...references } = substitute(root, options);
  problems.push(...references.problems);
  const raw = value as Record<string, unknown>;
  problems.push(...takeUnavailable(raw, place));
  const standIns = (path: Path) => unknown.has(pathKey(path));
  // Checked by itself: a schema inside a choice fills in no defaults.
  const fromGit = isMapping(raw.flags) ? readGitFlags(raw.flags, { place, standIns }) : undefined;
  if (fromGit !== undefined) raw.flags = defaults.flags;
  const general = check(configSchema, raw, place, { standIns });
  problems.push(...general, ...(fromGit?.problems ?? []));
  const entries = new Entries(place, input, standIns);
  const sources = listOf(raw.sources).map((entry, index) => entries.source(entry, index));
  const targets = listOf(raw.targets).map((entry, index) => entries.target(entry, index, raw.policy));
  problems.push(...entries.problems);
  if (general.length > 0) return failed();
  const file = raw as unknown as ConfigFile;
  const say = (path: Path, code: string, message: string, hint: string) =>
    problems.push({ code, message, hint, at: place(path, 'value') });

  const bind = parseBind(file.bind);
  if (bind === undefined && !standIns(['bind'])) {
    say(['bind'], 'bad-bind', '"bind" is no address to listen on.', 'Write host:port, :port or [::1]:port.');
  }
  const flags = pathInside(input.folder, typeof file.flags === 'string' ? file.flags : defaults.flags);
  if (flags === undefined) {
    say(['flags'], 'outside-folder', `"flags" leads out of the configuration’s folder.`, 'Name a folder inside it.');
  }
  const stateText = standIns(['stateDir']) ? defaults.stateDir : file.stateDir;
  const stateDir = isAbsolute(stateText) ? resolve(stateText) : pathInside(input.folder, stateText);
  if (stateDir === undefined) {
    const hint = 'Name a folder inside it, or give an absolute path.';
    say(['stateDir'], 'outside-folder', '"stateDir" leads out of the configuration’s folder.', hint);
  }
  for (const [index, { url }] of file.notify.entries()) {
    if (standIns(['notify', index, 'url']) || isWebAddress(url)) continue;
    const hint = 'Write the whole address, with https://.';
    say(['notify', index, 'url'], 'bad-notify-url', `The "url" of notify ${index + 1} is no address.`, hint);
  }
  for (const key of ['adminTokens', 'readTokens'] as const) {
    for (const index of doubles(file[key].map(({ name }) => name))) {
      const message = `${key} has two tokens called ${quoted(file[key][index]?.name ?? '')}.`;
      say([key, index, 'name'], 'duplicate-name', message, 'Give each its own name.');
    }
  }
  if (problems.length > 0 || flags === undefined || stateDir === undefined) return failed();
  const duration = (text: string, path: Path) => parseDuration(standIns(path) ? defaults.driftInterval : text);
  const config: Config = {
    file: input.file,
    folder: input.folder,
    instance: file.instance,
    bind: bind ?? { host: '127.0.0.1', port: 8080 },
    flags: fromGit?.git === undefined ? { folder: flags } : placeInClone(stateDir, fromGit.git),
    legacy: undefined,
    stateDir,
    sources: sources.filter(entry => entry !== undefined),
    targets: targets.filter(entry => entry !== undefined),
    onRemoved: file.onRemoved,
    drift: { interval: duration(file.drift.interval, ['drift', 'interval']), reopen: file.drift.reopen },
    guard: { ...file.guard, window: parseDuration(file.guard.window) },
    ...(file.maxHold !== undefined && { maxHold: parseDuration(file.maxHold) }),
    callbackSecret: file.callbackSecret === '' ? undefined : file.callbackSecret,
    adminTokens: file.adminTokens.filter(configured),
    readTokens: file.readTokens.filter(configured),
    publicStatus: file.publicStatus,
    audit: { ...file.audit, keep: parseDays(standIns(['audit', 'keep']) ? defaults.auditKeep : file.audit.keep) },
    notify: file.notify,
    secrets: worthHiding(references.values),
  };
  return { config, problems, warnings: entries.warnings, secretFiles: references.files };
}

function configured({ token }: NamedToken): boolean {
  return token !== '';
}

function isWebAddress(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '');
}

/** Takes keys of later versions out of the raw file and says so, before they are called unknown. */
function takeUnavailable(raw: Record<string, unknown>, place: Placer): Problem[] {
  const problems: Problem[] = [];
  for (const key of reservedKeys) {
    if (!Object.hasOwn(raw, key)) continue;
    delete raw[key];
    const message = `"${key}" is reserved for a later version.`;
    problems.push({ code: 'reserved-key', message, hint: 'Remove it.', at: place([key], 'key') });
  }
  return problems;
}

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function placeInClone(stateDir: string, git: GitFlags): FlagsPlace {
  return { folder: join(stateDir, 'flags', 'tree', git.path), git };
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Indexes of entries that repeat an earlier one. */
function doubles(names: readonly string[]): number[] {
  const seen = new Set<string>();
  return [...names.entries()].filter(([, name]) => seen.size === seen.add(name).size).map(([index]) => index);
}

/** Checks the entries of `sources` and `targets` and keeps track of their names. */
class Entries {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly #place: Placer;
  readonly #input: Pick<BuildInput, 'kinds' | 'folder' | 'purpose'>;
  readonly #standIns: (path: Path) => boolean;
  readonly #names = new Map<string, Path>();

  constructor(
    place: Placer,
    input: Pick<BuildInput, 'kinds' | 'folder' | 'purpose'>,
    standIns: (path: Path) => boolean,
  ) {
    this.#place = place;
    this.#input = input;
    this.#standIns = standIns;
  }

  source(raw: unknown, index: number): SourceEntry | undefined {
    if (typeof raw !== 'object' || raw === null) return undefined;
    const entry = raw as Record<string, unknown>;
    const base = ['sources', index];
    const { kind, problems } = checkSource(entry, this.#input.kinds, this.#options(base));
    this.problems.push(...problems);
    this.#unique('source', entry.id, [...base, 'id']);
    if (kind === undefined || problems.length > 0) return undefined;
    const { id, type, ...settings } = entry;
    this.#judge(kind, settings, id as string, base);
    return { id: id as string, type: type as string, settings };
  }

  target(raw: unknown, index: number, policy: unknown): TargetEntry | undefined {
    if (typeof raw !== 'object' || raw === null) return undefined;
    const entry = raw as Record<string, unknown>;
    const base = ['targets', index];
    const { kind, problems } = checkTarget(entry, this.#input.kinds, this.#options(base));
    this.problems.push(...problems);
    this.#unique('target', entry.name, [...base, 'name']);
    if (kind === undefined || problems.length > 0) return undefined;
    const { name, type, policy: own, ...settings } = entry;
    this.#judge(kind, settings, name as string, base);
    return {
      name: name as string,
      type: type as string,
      policy: (own ?? policy) as TargetEntry['policy'],
      environments: kind.environments(entry),
      settings,
    };
  }

  /** What the kind itself finds wrong with settings that passed its schema. */
  #judge(
    kind: KindSchemas['sources' | 'targets'][string],
    settings: Readonly<Record<string, unknown>>,
    id: string,
    base: Path,
  ): void {
    const { folder, purpose = 'look' } = this.#input;
    const { problems, warnings } = placeFindings(
      kind.check?.(settings, { id, folder, purpose }) ?? [],
      this.#options(base),
    );
    this.problems.push(...problems);
    this.warnings.push(...warnings);
  }

  #options(base: Path) {
    return { base, place: this.#place, standIns: this.#standIns };
  }

  #unique(what: 'source' | 'target', name: unknown, path: Path): void {
    if (typeof name !== 'string') return;
    const before = this.#names.get(`${what} ${name}`);
    if (before === undefined) {
      this.#names.set(`${what} ${name}`, path);
      return;
    }
    const { line, column } = this.#place(before, 'value');
    this.problems.push({
      code: `duplicate-${what}`,
      message: `There is already a ${what} called ${quoted(name)} at ${line}:${column}.`,
      hint: 'Give each its own name.',
      at: this.#place(path, 'value'),
    });
  }
}
