import { createHash } from 'node:crypto';
import type { GroupNames } from '../../domain/listing.ts';

/** Where a flag is. */
export interface FlagPlace {
  readonly project: string;
  readonly key: string;
}

/** The project of toggles for which nobody names one: every account begins with it. */
const firstProject = 'default';

/** What marks a flag as closed because its file went. No mark of an instance begins like that. */
export const removedTag = 'optoggles.removed';

const markStart = 'optoggles-';

/** The names that one target gives and finds. */
export interface Names {
  /** The tag that marks what is ours: `:` is not allowed in tags. */
  readonly tag: string;
  /** `Target.remoteKey`: with its project where that is not the target's own. */
  remoteKey(key: string, project: string | undefined): string;
  /** Where a remote key is. */
  placeOf(remoteKey: string): FlagPlace;
  /** The remote key of a flag found in a project. */
  keyOf(place: FlagPlace): string;
  /** The mark among a flag's tags: ours, that of somebody else, or none. */
  ownerOf(tags: readonly string[]): 'ours' | 'none' | { readonly mark: string };
  /** Segments for an audience: one for all who share it, one for a toggle alone. */
  groupsFor(audience: string, key: string): GroupNames;
  /** True for a segment's key that we could have given. */
  isGroup(segment: string): boolean;
}

/** `project` is the target's; undefined: every toggle's remote key carries its project. */
export function namesFor(instance: string, project: string | undefined): Names {
  const tag = `${markStart}${instance}`;
  const prefix = `${tag}-`;
  return {
    tag,
    remoteKey(key, named) {
      const own = named ?? project ?? firstProject;
      // A slash in the key itself must not look like a project: no flag has one, and so it is refused.
      return own === project && !key.includes('/') ? key : `${own}/${key}`;
    },
    placeOf(remoteKey) {
      const slash = remoteKey.indexOf('/');
      if (slash < 0) return { project: project ?? firstProject, key: remoteKey };
      return { project: remoteKey.slice(0, slash), key: remoteKey.slice(slash + 1) };
    },
    keyOf: place => (place.project === project ? place.key : `${place.project}/${place.key}`),
    ownerOf(tags) {
      const marks = tags.filter(one => one.startsWith(markStart));
      const foreign = marks.find(one => one !== tag);
      if (foreign !== undefined) return { mark: foreign };
      return marks.length > 0 ? 'ours' : 'none';
    },
    groupsFor(audience, key) {
      const shared = `${prefix}${audience.slice(0, 16)}`;
      return { shared, own: `${shared}-${createHash('sha256').update(key).digest('hex').slice(0, 8)}` };
    },
    isGroup: segment => segment.startsWith(prefix) && /^[^-]{1,16}(-[0-9a-f]{8})?$/.test(segment.slice(prefix.length)),
  };
}
