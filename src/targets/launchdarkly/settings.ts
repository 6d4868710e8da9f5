import { type Static, Type } from 'typebox';
import { ProblemError } from '../../domain/problem.ts';
import { Duration, parseDuration } from '../../lib/duration.ts';
import type { TlsFiles } from '../../lib/http-connections.ts';
import { pathInside } from '../../lib/inside.ts';

/** Keys of projects: https://launchdarkly.com/docs/home/account/project. */
const projectKey = '^[A-Za-z0-9][A-Za-z0-9._-]*$';

/** An entry of `targets` of type `launchdarkly`. */
export const settingsSchema = Type.Object(
  {
    token: Type.String({
      minLength: 1,
      description: 'An access token of LaunchDarkly; the target’s README lists the rights that it needs.',
      examples: ['${LAUNCHDARKLY_TOKEN}'],
    }),
    baseUrl: Type.Optional(
      Type.String({
        minLength: 1,
        default: 'https://app.launchdarkly.com',
        description: 'Of the API; https://app.eu.launchdarkly.com and https://app.launchdarkly.us are others.',
      }),
    ),
    projKey: Type.Optional(
      Type.String({
        minLength: 1,
        pattern: projectKey,
        description: 'The project of toggles that name none. Without it: `default`.',
      }),
    ),
    audienceAs: Type.Optional(
      Type.Enum(['auto', 'targets', 'segment'], {
        default: 'auto',
        description:
          'How users are kept: as individual targets of each flag, in a segment that toggles with the same policy share, or (auto) as targets up to 1,000 users and in a segment above.',
      }),
    ),
    timeout: Type.Optional(Duration({ default: '30s', description: 'For one request until its whole answer.' })),
    concurrency: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 16, default: 6, description: 'How many requests at once, for one token.' }),
    ),
    sdkKeys: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), Type.String({ minLength: 1 }), {
        description:
          'SDK keys by our names of environments, to ask LaunchDarkly’s own SDK what it serves. Without them they are read through the API.',
      }),
    ),
    sdkUrl: Type.Optional(Type.String({ minLength: 1, description: 'Where the SDK polls, if not at LaunchDarkly’s.' })),
    streamUrl: Type.Optional(
      Type.String({ minLength: 1, description: 'Where the SDK streams from, if not from LaunchDarkly’s.' }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of the authority to trust.' })),
          cert: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of the client certificate.' })),
          key: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of its key.' })),
        },
        { additionalProperties: false, description: 'Paths are relative to the configuration.' },
      ),
    ),
  },
  { additionalProperties: false, description: 'Flags of LaunchDarkly, through its REST API.' },
);

/** What a flag file says to such a target. */
export const specSchema = Type.Object(
  {
    projKey: Type.Optional(
      Type.String({ minLength: 1, pattern: projectKey, description: 'The project, if not the target’s.' }),
    ),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'The flag’s name there.' })),
    tags: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }), {
        uniqueItems: true,
        description: 'Exactly these, beside our mark. Without it tags are left as they are.',
      }),
    ),
    temporary: Type.Optional(
      Type.Union([Type.Boolean(), Type.Literal('keep')], {
        description:
          'Without it flags of type release and experiment are temporary, others permanent; `keep` leaves it as it is there.',
      }),
    ),
    maintainer: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description: 'The id of a member (24 hex digits) or the key of a team.',
      }),
    ),
    clientSideAvailability: Type.Optional(
      Type.Object(
        {
          usingEnvironmentId: Type.Optional(Type.Boolean({ description: 'For SDKs in browsers.' })),
          usingMobileKey: Type.Optional(Type.Boolean({ description: 'For SDKs in mobile apps.' })),
        },
        { additionalProperties: false, description: 'Which client-side SDKs see the flag.' },
      ),
    ),
  },
  { additionalProperties: false },
);

export type Spec = Static<typeof specSchema>;
export type AudienceAs = 'auto' | 'targets' | 'segment';

/** The settings of a target, checked. */
export interface LaunchDarklySettings {
  readonly token: string;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly projKey: string | undefined;
  readonly audienceAs: AudienceAs;
  /** ms */
  readonly timeout: number;
  readonly concurrency: number;
  readonly tls: TlsFiles | undefined;
  /** Theirs by ours, in order. */
  readonly environments: ReadonlyMap<string, string>;
  readonly sdk: {
    readonly keys: Readonly<Record<string, string>>;
    readonly baseUrl: string | undefined;
    readonly streamUrl: string | undefined;
  };
  readonly address: string;
}

/**
 * `settings` have passed the schema; `environments` are ours. Throws a ProblemError: `launchdarkly-address` for an address
 * that is none (not quoted: it may be a secret in the wrong place), `launchdarkly-environments` where none are named or
 * two have the same name there, `path-outside` for a certificate outside the configuration's folder.
 */
export function readSettings(
  settings: Readonly<Record<string, unknown>>,
  target: string,
  folder: string,
  environments: readonly string[] | undefined,
): LaunchDarklySettings {
  const given = settings as Static<typeof settingsSchema>;
  const baseUrl = addressOf(target, 'baseUrl', given.baseUrl ?? 'https://app.launchdarkly.com');
  return {
    token: given.token,
    baseUrl,
    projKey: given.projKey,
    audienceAs: given.audienceAs ?? 'auto',
    timeout: parseDuration(given.timeout ?? '30s'),
    concurrency: given.concurrency ?? 6,
    tls: given.tls && tlsFiles(given.tls, target, folder),
    environments: environmentsOf(settings['environments'], target, environments ?? []),
    sdk: {
      keys: given.sdkKeys ?? {},
      baseUrl: given.sdkUrl === undefined ? besides(baseUrl, 'sdk') : addressOf(target, 'sdkUrl', given.sdkUrl),
      streamUrl:
        given.streamUrl === undefined ? besides(baseUrl, 'stream') : addressOf(target, 'streamUrl', given.streamUrl),
    },
    address: ['launchdarkly', baseUrl, ...(given.projKey === undefined ? [] : [given.projKey])].join(' '),
  };
}

/**
 * Where the SDK of that instance of LaunchDarkly goes; undefined: where it goes by itself. An SDK key of one instance has
 * no business at another (https://launchdarkly.com/docs/sdk/features/service-endpoint-configuration).
 */
function besides(baseUrl: string, service: 'sdk' | 'stream'): string | undefined {
  const [, instance] = /^https:\/\/app\.(eu\.launchdarkly\.com|launchdarkly\.us)$/.exec(baseUrl) ?? [];
  return instance === undefined ? undefined : `https://${service}.${instance}`;
}

function addressOf(target: string, field: string, text: string): string {
  const url = URL.parse(text);
  const isPlain = url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '';
  if (!isPlain || url.search !== '' || url.hash !== '') {
    throw new ProblemError({
      code: 'launchdarkly-address',
      message: `target ${target}: ${field} is no plain http or https address.`,
      hint: 'Write it as https://app.launchdarkly.com, without user, query and fragment.',
    });
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function environmentsOf(given: unknown, target: string, ours: readonly string[]): ReadonlyMap<string, string> {
  const names = typeof given === 'object' && given !== null && !Array.isArray(given) ? given : {};
  const theirs = new Map<string, string>();
  const owners = new Map<string, string>();
  for (const name of ours) {
    const there = Object.hasOwn(names, name) ? String((names as Record<string, unknown>)[name]) : name;
    const owner = owners.get(there);
    if (owner !== undefined) {
      throw new ProblemError({
        code: 'launchdarkly-environments',
        message: `target ${target}: ${owner} and ${name} are the same environment ${there} there.`,
        hint: 'Name each environment of LaunchDarkly once.',
      });
    }
    owners.set(there, name);
    theirs.set(name, there);
  }
  if (theirs.size === 0) {
    throw new ProblemError({
      code: 'launchdarkly-environments',
      message: `target ${target} names no environments.`,
      hint: 'List them: environments: { production: prod } maps our name to LaunchDarkly’s.',
    });
  }
  return theirs;
}

function tlsFiles(given: TlsFiles, target: string, folder: string): TlsFiles {
  const files = Object.entries(given).map(([name, path]: [string, string]) => {
    const absolute = pathInside(folder, path);
    if (absolute === undefined) {
      throw new ProblemError({
        code: 'path-outside',
        message: `target ${target}: tls.${name} lies outside the folder of the configuration.`,
        hint: 'Put the file below that folder, or a link to it.',
      });
    }
    return [name, absolute] as const;
  });
  return Object.fromEntries(files);
}
