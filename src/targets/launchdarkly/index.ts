import type { JsonObject } from '../../domain/json.ts';
import type { Capabilities } from '../../domain/listing.ts';
import { ProblemError } from '../../domain/problem.ts';
import type { Target } from '../../domain/target.ts';
import type { Bounds } from '../../lib/bounded.ts';
import { createHttpClient } from '../../lib/http.ts';
import type { TargetKind } from '../kind.ts';
import { environmentShape } from './answers.ts';
import { environmentGet } from './calls.ts';
import { createClient } from './client.ts';
import { launchDarklyEvaluator } from './evaluator.ts';
import { checkToken } from './doctor.ts';
import { existingIn } from './existing.ts';
import { limiterFor } from './limiter.ts';
import { metadataFor } from './metadata.ts';
import { namesFor } from './names.ts';
import { formerIn } from './put-back.ts';
import { asProblemError, readLive } from './read.ts';
import { Seen } from './seen.ts';
import { type AudienceAs, readSettings, settingsSchema, type Spec, specSchema } from './settings.ts';
import { writeBatch } from './write.ts';

/** behaviour.md §8: the answer of a target. */
const mostBytes = 64 * 1024 * 1024;

/** After so many ms a request without an answer holds up no other one. */
const patience = 2000;

const groupsAs: Readonly<Record<AudienceAs, Pick<Capabilities, 'groups' | 'mostMembers'>>> = {
  auto: { groups: { above: 1000, back: 500 }, mostMembers: 15_000 },
  segment: { groups: { above: 0, back: 0 }, mostMembers: 15_000 },
  targets: { groups: null, mostMembers: 10_000 },
};

/** LaunchDarkly, through its REST API: see README.md beside this file. */
export const launchdarklyTarget: TargetKind = {
  type: 'launchdarkly',
  settings: settingsSchema,
  environments({ environments }) {
    if (Array.isArray(environments))
      return environments.every(name => typeof name === 'string') ? environments : undefined;
    return typeof environments === 'object' && environments !== null ? Object.keys(environments) : undefined;
  },
  spec: specSchema,
  create(given, context): Target {
    const settings = readSettings(given, context.name, context.folder, context.environments);
    const { address, baseUrl, environments, token, projKey, sdk } = settings;
    const { clock, random, mark } = context;
    const target = `target ${context.name}`;
    const secrets = [token, ...Object.values(sdk.keys)];
    const http = createHttpClient({
      name: target,
      baseUrl,
      headers: { authorization: token },
      timeout: settings.timeout,
      maxBytes: mostBytes,
      tls: settings.tls,
      secrets,
      clock,
      network: context.network,
    });
    const limiter = limiterFor(token, baseUrl, { clock, random, concurrency: settings.concurrency });
    const client = createClient({ http, limiter, target, secrets, clock });
    const names = namesFor(context.instance, projKey);
    const ownProject = names.placeOf('').project;
    const seen = new Seen();
    const slots = settings.concurrency;
    const bounds: Bounds = { slots, patience, most: slots * 4, clock };
    const shared = { client, names, seen, bounds, target, address, mark, baseUrl, environments };
    const theirs = (environment: string) => environments.get(environment) ?? environment;

    async function sdkKeyOf(environment: string, project: string, signal: AbortSignal): Promise<string> {
      const known = project === ownProject ? sdk.keys[environment] : undefined;
      if (known !== undefined) return known;
      const found = await client
        .find(environmentGet(project, theirs(environment)), environmentShape, signal)
        .catch((error: unknown) => {
          throw asProblemError(error, signal);
        });
      // Whoever may not see it is shown it with its middle blacked out.
      if (found?.apiKey === undefined || found.apiKey.includes('*')) {
        throw new ProblemError({
          code: 'launchdarkly-sdk-key',
          message: `${target}: the SDK key of ${theirs(environment)} in project ${project} cannot be read.`,
          hint: `Configure it under sdkKeys, or give the token's role viewSdkKey on proj/${project}:env/${theirs(environment)}.`,
        });
      }
      return found.apiKey;
    }

    return {
      name: context.name,
      type: 'launchdarkly',
      address,
      can: {
        environments: 'many',
        marks: true,
        conditions: false,
        contextKinds: 'any',
        metadataAlone: true,
        onOff: true,
        archive: true,
        atomic: 'placement',
        ...groupsAs[settings.audienceAs],
      },
      environments: [...environments.keys()],
      remoteEnvironment: theirs,
      remoteKey: (key, spec) => names.remoteKey(key, (spec as Spec).projKey),
      async read(want, signal, onlyThese = false) {
        try {
          return await readLive({ ...shared, ownProject: projKey }, want, onlyThese, signal);
        } catch (error) {
          throw asProblemError(error, signal);
        }
      },
      shape(draft) {
        const { toggle, target: name, key, contextKind, adopt } = draft;
        const made = metadataFor(draft, names.placeOf(key).key);
        if ('problem' in made) return { refused: { toggle, target: name, key, problem: made.problem } };
        const metadata = made.metadata as unknown as JsonObject;
        seen.wanted.set(key, { metadata, contextKind });
        const placements = draft.placements.map(placement => ({
          ...placement,
          groups: names.groupsFor(placement.audience, key),
        }));
        return { listing: { toggle, target: name, key, contextKind, adopt, placements, metadata } };
      },
      apply: (batch, signal, mayStart) => writeBatch(shared, batch, signal, mayStart),
      async evaluator(environment, signal) {
        const sdkKey = (project: string) => sdkKeyOf(environment, project, signal);
        return launchDarklyEvaluator({ target, names, sdkKey, baseUrl: sdk.baseUrl, streamUrl: sdk.streamUrl });
      },
      doctor: signal => checkToken({ client, target }, signal),
      former: formerIn({ client, names, mark, environments }),
      account: existingIn({ ...shared, ownProject }),
      close: () => http.close(),
    };
  },
};
