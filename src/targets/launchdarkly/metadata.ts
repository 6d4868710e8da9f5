import type { JsonObject } from '../../domain/json.ts';
import type { Problem } from '../../domain/problem.ts';
import type { ListingDraft } from '../../domain/target.ts';
import type { FlagView } from './flag.ts';
import type { Instruction } from './instructions.ts';
import { removedTag } from './names.ts';
import type { Spec } from './settings.ts';

/**
 * What a flag shows besides who has it, as far as a flag file says so: what is absent is left as it is.
 * The shape of `DesiredListing.metadata` here.
 */
export interface Metadata {
  readonly name?: string;
  readonly description?: string;
  /** Sorted, without marks. */
  readonly tags?: readonly string[];
  readonly temporary?: boolean;
  readonly maintainer?: string;
  readonly clientSideAvailability?: { readonly usingEnvironmentId?: boolean; readonly usingMobileKey?: boolean };
}

/** Keys of flags: https://launchdarkly.com/docs/api/feature-flags/post-feature-flag. */
const flagKey = /^[A-Za-z0-9][A-Za-z0-9._-]{0,255}$/;
const reserved = /^optoggles[-.]/;
const shortLived = ['release', 'experiment'];

/** The metadata of a toggle, or why it cannot be a flag there. `key` is the flag's own key, without a project. */
export function metadataFor(
  draft: ListingDraft,
  key: string,
): { readonly metadata: Metadata } | { readonly problem: Problem } {
  const spec = draft.spec as Spec;
  // LaunchDarkly's SDK for Node keeps flags in plain objects: one called `constructor` ends its stream (9.13).
  if (!flagKey.test(key) || key in Object.prototype) {
    return {
      problem: {
        code: 'launchdarkly-key',
        message: `${draft.toggle}: its key in ${draft.target} is none that LaunchDarkly allows.`,
        hint: `Give it one of letters, digits, ".", "_" and "-": targets.${draft.target}.key.`,
      },
    };
  }
  const taken = spec.tags?.find(tag => reserved.test(tag));
  if (taken !== undefined) {
    return {
      problem: {
        code: 'launchdarkly-tag',
        message: `${draft.toggle}: the tag ${taken} for ${draft.target} is one that OPToggles writes itself.`,
        hint: 'Use another tag; those that begin with optoggles are marks.',
      },
    };
  }
  const name = spec.name ?? draft.name;
  const byType = draft.type === undefined ? undefined : shortLived.includes(draft.type);
  const temporary = spec.temporary === 'keep' ? undefined : (spec.temporary ?? byType);
  const sides = spec.clientSideAvailability;
  return {
    metadata: {
      ...(name !== undefined && { name }),
      ...(draft.description !== undefined && { description: draft.description }),
      ...(spec.tags !== undefined && { tags: [...spec.tags].sort() }),
      ...(temporary !== undefined && { temporary }),
      ...(spec.maintainer !== undefined && { maintainer: spec.maintainer }),
      ...(sides !== undefined && Object.keys(sides).length > 0 && { clientSideAvailability: sides }),
    },
  };
}

/** What a flag shows of the fields that are wanted; all of them where nobody wants it. */
export function shownMetadata(flag: FlagView, wanted: Metadata | undefined): Metadata {
  const tags = flag.tags.filter(tag => !reserved.test(tag)).sort();
  const sides = wanted === undefined ? flag.clientSide : wanted.clientSideAvailability;
  const has = (field: keyof Metadata) => wanted === undefined || wanted[field] !== undefined;
  return {
    ...(has('name') && { name: flag.name }),
    ...(has('description') && { description: flag.description }),
    ...(has('tags') && { tags }),
    ...(has('temporary') && { temporary: flag.temporary }),
    ...(has('maintainer') && { maintainer: flag.maintainer ?? '' }),
    ...(sides !== undefined && {
      clientSideAvailability: {
        ...(sides.usingEnvironmentId !== undefined && { usingEnvironmentId: flag.clientSide.usingEnvironmentId }),
        ...(sides.usingMobileKey !== undefined && { usingMobileKey: flag.clientSide.usingMobileKey }),
      },
    }),
  };
}

/** The body that makes a flag: closed, whichever variation a stranger would turn it on with. */
export function creationOf(key: string, metadata: JsonObject, tag: string) {
  const { name, description, tags, temporary, maintainer, clientSideAvailability: sides } = metadata as Metadata;
  return {
    key,
    name: name ?? key,
    ...(description !== undefined && { description }),
    tags: [tag, ...(tags ?? [])],
    temporary: temporary ?? false,
    ...(maintainer !== undefined &&
      (isMember(maintainer) ? { maintainerId: maintainer } : { maintainerTeamKey: maintainer })),
    ...(sides !== undefined && {
      clientSideAvailability: {
        usingEnvironmentId: sides.usingEnvironmentId ?? false,
        usingMobileKey: sides.usingMobileKey ?? false,
      },
    }),
    variations: [
      { value: true, name: 'on' },
      { value: false, name: 'off' },
    ],
    // Without these the first variation is served to everybody once the flag is on.
    defaults: { onVariation: 1, offVariation: 1 },
  };
}

/** What brings a flag's metadata to what is wanted, with our mark on it; empty: it is so. */
export function metadataPatch(flag: FlagView, metadata: JsonObject, tag: string, removed: boolean): Instruction[] {
  const { name, description, tags, temporary, maintainer, clientSideAvailability: sides } = metadata as Metadata;
  const patch: Instruction[] = [];
  if (name !== undefined && name !== flag.name) patch.push({ kind: 'updateName', value: name });
  if (description !== undefined && description !== flag.description) {
    patch.push({ kind: 'updateDescription', value: description });
  }
  const had = new Set(flag.tags);
  const added = [tag, ...(removed ? [removedTag] : []), ...(tags ?? [])].filter(one => !had.has(one));
  const kept = tags === undefined ? undefined : new Set(tags);
  const dropped = flag.tags.filter(one =>
    one === removedTag ? !removed : kept !== undefined && !reserved.test(one) && !kept.has(one),
  );
  if (dropped.length > 0) patch.push({ kind: 'removeTags', values: dropped });
  if (added.length > 0) patch.push({ kind: 'addTags', values: added });
  if (temporary !== undefined && temporary !== flag.temporary) {
    patch.push({ kind: temporary ? 'makeFlagTemporary' : 'makeFlagPermanent' });
  }
  if (maintainer !== undefined && maintainer !== flag.maintainer) {
    patch.push({ kind: isMember(maintainer) ? 'updateMaintainerMember' : 'updateMaintainerTeam', value: maintainer });
  }
  for (const side of ['usingEnvironmentId', 'usingMobileKey'] as const) {
    const wanted = sides?.[side];
    if (wanted === undefined || wanted === flag.clientSide[side]) continue;
    patch.push({ kind: wanted ? 'turnOnClientSideAvailability' : 'turnOffClientSideAvailability', value: side });
  }
  return patch;
}

function isMember(maintainer: string): boolean {
  return /^[0-9a-f]{24}$/.test(maintainer);
}
