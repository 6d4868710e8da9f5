import type { Problem } from '../domain/problem.ts';
import type { KeyFolder } from './legacy-keys.ts';
import type { LegacyFile, LegacyToggle } from './legacy-schema.ts';
import { quoted } from './problems.ts';

// What OPToggles read of a toggle's spec for LaunchDarkly. Its configuration came through viper, which knows no case, into
// a struct of these three fields; the others are ours.
const known = ['name', 'projKey', 'environments', 'tags', 'temporary', 'maintainer', 'clientSideAvailability'];

/** True where the target is LaunchDarkly. */
export function isLaunchDarkly({ target }: LegacyFile): boolean {
  return target.targetType.toLowerCase() === 'launchdarkly';
}

/**
 * The file with the specs of its toggles in one form: keys in our case, `environments` a list of names. A toggle that names
 * none is a problem: it would be in all environments that others name.
 */
export function foldLaunchDarklySpecs(file: LegacyFile, folder: KeyFolder, problems: Problem[]): LegacyFile {
  return { ...file, toggles: file.toggles.map((toggle, index) => foldToggle(toggle, index, folder, problems)) };
}

function foldToggle(toggle: LegacyToggle, index: number, folder: KeyFolder, problems: Problem[]): LegacyToggle {
  const path = ['toggles', index, 'spec'];
  const spec: Record<string, unknown> = {};
  const written = new Map<string, string>();
  const entries = Object.entries(toggle.spec as Record<string, unknown>).map(([key, value]) => {
    // Before anything is called otherwise: of two that are the same, this is still the second one.
    return { key, value, at: folder.place([...path, key], 'key') };
  });
  for (const { key, value, at } of entries) {
    const name = known.find(candidate => candidate.toLowerCase() === key.toLowerCase()) ?? key;
    const before = written.get(name);
    if (before !== undefined) {
      const message = `${quoted(key)} is already given as ${quoted(before)}.`;
      problems.push({ code: 'yaml-duplicate-key', message, hint: 'Keep one.', at });
      continue;
    }
    written.set(name, key);
    if (name !== key) folder.writtenAs([...path, name], key);
    spec[name] = value;
  }
  const environments = namesIn(spec.environments);
  if (environments !== undefined) return { ...toggle, spec: { ...spec, environments } };
  problems.push({
    code: 'legacy-environments',
    message: `The toggle ${quoted(toggle.key)} names no environments of LaunchDarkly.`,
    hint: 'Name them in its spec: environments: [production].',
    at: folder.place(written.has('environments') ? [...path, 'environments'] : path, 'value'),
  });
  return { ...toggle, spec };
}

/** A list of names, or one text with commas between them. Undefined: there is none. */
function namesIn(value: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  const isText = (one: unknown) => typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean';
  const names = list.map(one => (isText(one) ? String(one).trim() : ''));
  return names.length > 0 && names.every(name => name !== '') ? [...new Set(names)] : undefined;
}
