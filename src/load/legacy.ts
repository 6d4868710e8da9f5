import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Config, SourceEntry, TargetEntry } from '../domain/config.ts';
import { canonicalJson } from '../domain/json.ts';
import type { Problem } from '../domain/problem.ts';
import { parseDuration } from '../lib/duration.ts';
import { parseBind } from './bind.ts';
import { check } from './check.ts';
import type { BuildInput, Built } from './config-build.ts';
import { defaults, guardSchema } from './config-schema.ts';
import { KeyFolder } from './legacy-keys.ts';
import { foldLaunchDarklySpecs, isLaunchDarkly } from './legacy-launchdarkly.ts';
import { type LegacyFile, legacySchema } from './legacy-schema.ts';
import { readLegacyTarget } from './legacy-target.ts';
import { readLegacyToggles } from './legacy-toggles.ts';
import { quoted } from './problems.ts';
import type { YamlDocument } from './yaml.ts';

/** True for OPToggles' old form: `target` or `toggles`, in any case, and no `version`. */
export function isLegacy(document: YamlDocument): boolean {
  const keys = new Set(document.keys.map(key => key.toLowerCase()));
  return !keys.has('version') && (keys.has('target') || keys.has('toggles'));
}

/** OPToggles' own `config.yaml` as a Config: behaviour.md §2. Nothing is substituted in it. */
export function legacyConfig(document: YamlDocument, input: BuildInput): Built {
  const folder = new KeyFolder((path, part) => document.place(path, part));
  if (document.value === undefined) return { config: undefined, problems: document.problems, warnings: [] };
  const { place } = folder;
  const raw = folder.fold(legacySchema, document.value, []);
  const problems: Problem[] = [...document.problems, ...folder.problems, ...check(legacySchema, raw, place)];
  const { warnings } = folder;
  if (problems.length > 0) return { config: undefined, problems, warnings };
  const read = raw as LegacyFile;
  const file = isLaunchDarkly(read) ? foldLaunchDarklySpecs(read, folder, problems) : read;

  const bind = parseBind(file.bind);
  if (bind === undefined) {
    const hint = 'Write host:port, :port or [::1]:port.';
    problems.push({
      code: 'bad-bind',
      message: '"bind" is no address to listen on.',
      hint,
      at: place(['bind'], 'value'),
    });
  }
  const sources = readSources(file, input, folder, problems);
  const target = readLegacyTarget(file, input.kinds, folder, problems);
  const toggles = readLegacyToggles(file, {
    target,
    folder,
    problems,
    source: input.file,
    kinds: input.kinds,
  });
  if (problems.length > 0 || bind === undefined || target === undefined) {
    return { config: undefined, problems, warnings };
  }
  const admin = input.env.OPTOGGLES_ADMIN_TOKEN ?? '';
  const config: Config = {
    file: input.file,
    folder: input.folder,
    instance: legacyInstance(sources, target),
    bind,
    flags: undefined,
    legacy: { toggles },
    stateDir: join(input.folder, defaults.stateDir),
    sources,
    targets: [target],
    onRemoved: 'disable',
    drift: { interval: parseDuration(defaults.driftInterval), reopen: true },
    guard: defaultGuard(),
    callbackSecret: undefined,
    adminTokens: input.secrets === 'substitute' && admin !== '' ? [{ name: 'environment', token: admin }] : [],
    readTokens: [],
    publicStatus: false,
    secrets: [],
  };
  return { config, problems, warnings };
}

function readSources(file: LegacyFile, input: BuildInput, folder: KeyFolder, problems: Problem[]): SourceEntry[] {
  const { place } = folder;
  const kind = Object.hasOwn(input.kinds.sources, 'opal') ? input.kinds.sources.opal : undefined;
  const seen = new Set<string>();
  return file.sources.map(({ id, url, token, advertisedAddress }, index) => {
    const path = ['sources', index];
    if (seen.has(id)) {
      const message = `There is already a source called ${quoted(id)}.`;
      const at = place([...path, 'id'], 'value');
      problems.push({ code: 'duplicate-source', message, hint: 'Give each its own id.', at });
    }
    seen.add(id);
    const settings = { url, ...(token !== '' && { token }), ...(advertisedAddress !== '' && { advertisedAddress }) };
    if (kind !== undefined) problems.push(...check(kind.settings, settings, place, { base: path }));
    return { id, type: 'opal', settings };
  });
}

function defaultGuard(): Config['guard'] {
  const guard: Record<string, unknown> = {};
  check(guardSchema, guard, () => ({ file: '', line: 1, column: 1 }));
  return { ...(guard as Omit<Config['guard'], 'window'>), window: parseDuration(String(guard.window)) };
}

/** The same sources and target always give the same instance, whatever their tokens are. */
function legacyInstance(sources: readonly SourceEntry[], target: TargetEntry): string {
  const parts = {
    sources: sources
      .map(({ id, settings }) => ({ id, url: withoutCredentials(settings.url) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    target: { type: target.type, url: withoutCredentials(target.settings.endpointUrl ?? target.settings.baseUrl) },
  };
  return `legacy-${createHash('sha256').update(canonicalJson(parts)).digest('hex').slice(0, 12)}`;
}

function withoutCredentials(address: unknown): string {
  if (typeof address !== 'string') return '';
  const url = URL.parse(address);
  return url === null ? '' : `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
