import { type FlagView, servesOnly, type Variations } from './flag.ts';

/** An operation of a JSON patch. */
export interface Operation {
  readonly op: 'replace';
  readonly path: string;
  readonly value: unknown;
}

/** The rights that it takes to bring a flag back closed. */
export const restoreActions: readonly string[] = [
  'updateFallthrough',
  'updateGlobalArchived',
  'updateOffVariation',
  'updateRules',
  'updateTags',
  'updateTargets',
];

/**
 * Brings an archived flag back with nobody in it in these environments (theirs): it is served from then on, and a semantic
 * patch, which is of one environment, would leave the others open as they were. Whether it is on stays as it is: off
 * would look like somebody's wish. Paths as the Terraform provider writes them
 * (terraform-provider-launchdarkly, resource_launchdarkly_feature_flag_environment.go).
 */
export function restoredClosed(
  view: FlagView,
  { false: no }: Variations,
  environments: readonly string[],
  tag: string,
): readonly Operation[] {
  const patch: Operation[] = [replace('/archived', false)];
  if (!view.tags.includes(tag)) patch.push(replace('/tags', [...view.tags, tag]));
  for (const name of environments) {
    const environment = view.environments.get(name);
    if (environment === undefined) continue;
    const within = (field: string) => `/environments/${pointer(name)}/${field}`;
    if (environment.offVariation !== no.index) patch.push(replace(within('offVariation'), no.index));
    if (!servesOnly(environment.fallthrough, no.index)) {
      patch.push(replace(within('fallthrough'), { variation: no.index }));
    }
    if (environment.rules.length > 0) patch.push(replace(within('rules'), []));
    const kinds = environment.lists.map(({ contextKind }) => contextKind);
    if (kinds.includes('user')) patch.push(replace(within('targets'), []));
    if (kinds.some(kind => kind !== 'user')) patch.push(replace(within('contextTargets'), []));
  }
  return patch;
}

function replace(path: string, value: unknown): Operation {
  return { op: 'replace', path, value };
}

/** RFC 6901. */
export function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
