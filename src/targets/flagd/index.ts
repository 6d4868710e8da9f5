import type { Capabilities } from '../../domain/listing.ts';
import type { Target } from '../../domain/target.ts';
import { ProblemError } from '../../domain/problem.ts';
import type { TargetContext, TargetKind } from '../kind.ts';
import { checkWritable } from './doctor.ts';
import { flagdEvaluator } from './evaluator.ts';
import { Groups } from './groups.ts';
import { readLive } from './read.ts';
import { formerIn } from './put-back.ts';
import { metadataFor, onlyPlace, openStores, pathFindings, pathIn, settingsSchema, specSchema } from './settings.ts';
import type { FlagStore } from './store.ts';
import { writeBatch } from './write.ts';

const capabilities: Capabilities = {
  environments: 'many',
  marks: true,
  groups: null,
  conditions: false,
  // flagd knows one key of whoever asks, the targetingKey: of which kind it is, the application decides.
  contextKinds: 'none',
  mostMembers: null,
  metadataAlone: true,
  onOff: true,
  archive: false,
  atomic: 'environment',
};

/** Flag files for flagd and its in-process providers: see README.md beside this file. */
export const flagdTarget: TargetKind = {
  type: 'flagd',
  settings: settingsSchema,
  environments: ({ environments }) =>
    Array.isArray(environments) && environments.every(name => typeof name === 'string') ? environments : undefined,
  spec: specSchema,
  check: pathFindings,
  create,
  at(address, settings, context) {
    const path = pathIn(address);
    try {
      return path === undefined ? undefined : create({ ...settings, path }, context);
    } catch (error) {
      // It leads outside now, or cannot be for these environments.
      if (error instanceof ProblemError) return undefined;
      throw error;
    }
  },
};

function create(settings: Readonly<Record<string, unknown>>, context: TargetContext): Target {
  const { stores, address } = openStores(settings, context.folder, context.name, context.environments);
  const groups = new Groups();
  const adopted = new Map<FlagStore, Map<string, string>>();
  const place = (environment: string) => (context.environments === undefined ? onlyPlace : environment);
  const shared = { mark: context.mark, groups };
  const writing = {
    ...shared,
    store: (environment: string) => stores.get(place(environment)),
    adopted(store: FlagStore) {
      const known = adopted.get(store) ?? new Map<string, string>();
      adopted.set(store, known);
      return known;
    },
  };
  return {
    name: context.name,
    type: 'flagd',
    address,
    can: context.environments === undefined ? { ...capabilities, environments: 'one' } : capabilities,
    environments: context.environments ?? [],
    remoteEnvironment: place,
    place: environment => stores.get(place(environment))?.place ?? '',
    read(want, signal) {
      signal.throwIfAborted();
      return readLive({ ...shared, address, stores, place }, want);
    },
    shape(draft) {
      const { toggle, target, key, contextKind, adopt, placements } = draft;
      const made = metadataFor(draft);
      if ('problem' in made) return { refused: { toggle, target, key, problem: made.problem } };
      return { listing: { toggle, target, key, contextKind, adopt, placements, metadata: made.metadata } };
    },
    apply: (batch, signal, mayStart) => writeBatch(writing, batch, signal, mayStart),
    async evaluator(environment) {
      const store = stores.get(place(environment));
      if (store === undefined) throw new RangeError(`${context.name} has no environment ${environment}`);
      return flagdEvaluator(store);
    },
    former: formerIn(stores),
    doctor: () => checkWritable([...stores.values()]),
    async close() {},
  };
}
