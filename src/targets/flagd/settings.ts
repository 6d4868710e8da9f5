import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import type { JsonObject } from '../../domain/json.ts';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import type { Finding, SettingsPlace } from '../../domain/settings-check.ts';
import type { ListingDraft } from '../../domain/target.ts';
import { pathInside } from '../../lib/inside.ts';
import { ownMetadata } from './flag.ts';
import { FlagStore, outside } from './store.ts';

const placeholder = '{environment}';
const scheme = 'flagd ';

/** An entry of `targets` of type `flagd`. */
export const settingsSchema = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      pattern: '\\.json$',
      description:
        'The flag file, below the configuration’s folder; {environment} stands for the name of the environment, and has to be there when there are several.',
      examples: ['out/{environment}.json'],
    }),
    environments: Type.Optional(
      Type.Array(Type.String({ minLength: 1, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }), {
        minItems: 1,
        uniqueItems: true,
        description: 'A flag file for each. Without it there is one file, for the only environment there is.',
      }),
    ),
  },
  { additionalProperties: false, description: 'Flag files as flagd and its providers read them.' },
);

/** What is wrong with where the files are to lie. */
export function pathFindings(
  settings: Readonly<Record<string, unknown>>,
  { id, folder }: SettingsPlace,
): readonly Finding[] {
  const { environments } = settings as Static<typeof settingsSchema>;
  try {
    openStores(settings, folder, id, environments);
    return [];
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return [{ path: ['path'], problem: error.problem }];
  }
}

/** What a flag file says to such a target. */
export const specSchema = Type.Object(
  {
    metadata: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
        description: 'Added to the flag’s metadata, which flagd hands to applications with each evaluation.',
      }),
    ),
  },
  { additionalProperties: false },
);

/** The name under which the only file of a target without environments is kept. */
export const onlyPlace = 'default';

/** The files by environment. Throws a ProblemError for a path that leads outside, or is the same for several. */
export function openStores(
  settings: Readonly<Record<string, unknown>>,
  folder: string,
  target: string,
  environments: readonly string[] | undefined,
): { readonly stores: ReadonlyMap<string, FlagStore>; readonly address: string } {
  const { path } = settings as Static<typeof settingsSchema>;
  const names = environments ?? [onlyPlace];
  if (!path.includes(placeholder) && names.length > 1) throw new ProblemError(onePathForAll(target, names.length));
  if (path.includes(placeholder) && environments === undefined) throw new ProblemError(noEnvironments(target));
  const stores = new Map<string, FlagStore>();
  for (const name of names) {
    const file = path.replaceAll(placeholder, () => name);
    const absolute = name.includes('/') || name.includes('\\') ? undefined : pathInside(folder, file);
    if (absolute === undefined) throw new ProblemError(outside(file));
    stores.set(name, new FlagStore(folder, absolute, file));
  }
  // Relative to the configuration: moving the whole folder moves no toggle.
  return { stores, address: `${scheme}${join('.', path).replaceAll('\\', '/')}` };
}

/** The path of such an address, relative to the configuration's folder; undefined for the address of another kind. */
export function pathIn(address: string): string | undefined {
  return address.startsWith(scheme) ? address.slice(scheme.length) : undefined;
}

const ours = ['toggle', 'name', 'description', 'owner', 'type'] as const;

/** The metadata of a flag of ours, or why the file's own cannot be used. */
export function metadataFor(draft: ListingDraft): { readonly metadata: JsonObject } | { readonly problem: Problem } {
  const { toggle, name, description, owner, type, spec } = draft;
  const own = (spec as Static<typeof specSchema>).metadata ?? {};
  const taken = [...ours, ...ownMetadata, 'differs'].find(key => Object.hasOwn(own, key));
  if (taken !== undefined) {
    return {
      problem: {
        code: 'flagd-metadata-taken',
        message: `toggle ${toggle}: ${taken} in the metadata for ${draft.target} is written by optoggles itself.`,
        hint: 'Use another name for it.',
      },
    };
  }
  const known = { toggle, name, description, owner, type };
  const given = Object.entries(known).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { metadata: { ...Object.fromEntries(given), ...own } };
}

function onePathForAll(target: string, count: number): Problem {
  return {
    code: 'flagd-path',
    message: `target ${target}: its ${count} environments would share one flag file.`,
    hint: `Put ${placeholder} into the path, such as out/${placeholder}.json.`,
  };
}

function noEnvironments(target: string): Problem {
  return {
    code: 'flagd-path',
    message: `target ${target}: its path holds ${placeholder}, but it lists no environments.`,
    hint: 'List them under environments, or give the file a plain name.',
  };
}
