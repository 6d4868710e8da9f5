import type { Capabilities } from '../../domain/listing.ts';
import { ProblemError } from '../../domain/problem.ts';
import type { Target } from '../../domain/target.ts';
import { bounded, type Bounds } from '../../lib/bounded.ts';
import { createHttpClient } from '../../lib/http.ts';
import type { TargetContext, TargetKind } from '../kind.ts';
import { checkReachable } from './doctor.ts';
import { notVerifiable, restEvaluator } from './evaluator.ts';
import { onlyEnvironment, readLive } from './read.ts';
import { endpointAt, readSettings, settingsFindings, settingsSchema, specSchema } from './settings.ts';
import { shownMetadata } from './shown.ts';
import { metadataOf, objection } from './wire.ts';
import { batchWriter } from './write.ts';

const capabilities: Capabilities = {
  environments: 'one',
  marks: false,
  groups: null,
  conditions: false,
  contextKinds: 'none',
  mostMembers: null,
  metadataAlone: false,
  onOff: false,
  archive: false,
  atomic: 'placement',
};

/** behaviour.md §8: the answer of a target. */
const mostBytes = 64 * 1024 * 1024;

/** After so many ms a request without an answer holds up no other one. */
const patience = 2000;

/** Any service that speaks OPToggles' wire: see README.md beside this file. */
export const restapiTarget: TargetKind = {
  type: 'restapi',
  settings: settingsSchema,
  environments: entry => (typeof entry.environment === 'string' ? [entry.environment] : undefined),
  spec: specSchema,
  check: settingsFindings,
  create,
  at(address, given, context) {
    const endpointUrl = endpointAt(address, readSettings(given, context.name, context.folder).endpointUrl);
    return endpointUrl === undefined ? undefined : create({ ...given, endpointUrl }, context);
  },
};

function create(given: Readonly<Record<string, unknown>>, context: TargetContext): Target {
  const settings = readSettings(given, context.name, context.folder);
  const { address, timeout } = settings;
  const client = createHttpClient({
    name: `target ${context.name}`,
    baseUrl: settings.endpointUrl,
    headers: settings.headers,
    timeout,
    maxBytes: mostBytes,
    tls: settings.tls,
    secrets: Object.values(settings.headers),
    clock: context.clock,
    network: context.network,
  });
  const bounds: Bounds = {
    slots: settings.concurrency,
    patience,
    most: settings.concurrency * 4,
    clock: context.clock,
  };
  const shown = shownMetadata();
  const reader = { client, target: context.name, address, bounds, metadata: shown };
  const writer = {
    client,
    target: context.name,
    timeout,
    standing: { welcome: false },
    written: (key: string) => shown.written(key),
  };

  return {
    name: context.name,
    type: 'restapi',
    address,
    can: capabilities,
    environments: context.environments ?? [],
    // The wire has no environments: renaming ours must not make another placement of the same toggle.
    remoteEnvironment: () => onlyEnvironment,
    ...(settings.read && { read: (want, signal) => readLive(reader, want, signal) }),
    shape(draft) {
      const { toggle, target, key } = draft;
      const problem = objection(draft);
      if (problem !== undefined) return { refused: { toggle, target, key, problem } };
      const metadata = metadataOf(draft);
      shown.want(key, metadata);
      const { contextKind, adopt, placements } = draft;
      return { listing: { toggle, target, key, contextKind, adopt, placements, metadata } };
    },
    apply(batch, signal, mayStart) {
      return bounded(batch, batchWriter(writer, signal, mayStart), bounds);
    },
    async evaluator(_environment, signal) {
      if (!settings.read) throw new ProblemError(notVerifiable(context.name));
      return restEvaluator(reader, signal);
    },
    ...(!settings.read && { doctor: (signal: AbortSignal) => checkReachable(client, signal) }),
    close: () => client.close(),
  };
}
