import { type Static, Type } from 'typebox';
import { ProblemError } from '../../domain/problem.ts';
import type { Finding, SettingsPlace } from '../../domain/settings-check.ts';
import { Duration, parseDuration } from '../../lib/duration.ts';
import type { TlsFiles } from '../../lib/http-connections.ts';
import { pathInside } from '../../lib/inside.ts';

const scheme = 'restapi ';

/** An entry of `targets` of type `restapi`. */
export const settingsSchema = Type.Object(
  {
    endpointUrl: Type.String({
      minLength: 1,
      description: 'Where toggles are created (POST); each is updated (PATCH) at this address, a slash and its key.',
      examples: ['https://flags.internal/toggles'],
    }),
    extraHeaders: Type.Optional(
      Type.Record(Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" }), Type.String(), {
        additionalProperties: false,
        description: 'Sent with every request; the place for the token.',
      }),
    ),
    environment: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Which of our environments it serves. Without it: the only one there is.',
      }),
    ),
    read: Type.Optional(
      Type.Boolean({ default: false, description: 'It answers GET of a toggle: real differences and drift are seen.' }),
    ),
    timeout: Type.Optional(
      Duration({
        default: '10s',
        description: 'For one request until its whole answer; a second more for each MB of the body, at most 60s.',
      }),
    ),
    concurrency: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 16, default: 8, description: 'How many requests at once.' }),
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
  { additionalProperties: false },
);

/** What a flag file says to such a target: free fields, sent as they are. `users` is not for a file to say. */
export const specSchema = Type.Object(
  {
    users: Type.Optional(
      Type.Unsafe<never>({ not: {}, description: 'Leave it out: OPToggles writes it, as usersPolicy says.' }),
    ),
  },
  { additionalProperties: true, description: 'Free fields, sent with every write. `key` and `users` are ours.' },
);

export interface RestApiSettings {
  readonly endpointUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly read: boolean;
  /** ms */
  readonly timeout: number;
  readonly concurrency: number;
  readonly tls: TlsFiles | undefined;
  /** Where it is, without what may be secret: user, password and query. */
  readonly address: string;
}

/**
 * Settings that passed the schema, with their defaults. Throws a ProblemError: `bad-endpoint-url` for an address that is
 * none (the message does not quote it, since what is no URL may be a secret in the wrong place), `path-outside` for a
 * certificate that does not lie below the configuration's folder.
 */
export function readSettings(
  settings: Readonly<Record<string, unknown>>,
  target: string,
  folder: string,
): RestApiSettings {
  const given = settings as Static<typeof settingsSchema>;
  const url = endpointOf(given.endpointUrl, target);
  return {
    endpointUrl: given.endpointUrl,
    headers: given.extraHeaders ?? {},
    read: given.read ?? false,
    timeout: parseDuration(given.timeout ?? '10s'),
    concurrency: given.concurrency ?? 8,
    tls: given.tls && tlsFiles(given.tls, target, folder),
    address: `${scheme}${url.origin}${url.pathname.replace(/\/+$/, '')}`,
  };
}

/**
 * The endpoint of an earlier address, with the user, password and query of the present one. Undefined where it is on
 * another host, port or scheme: the headers of today are not for it.
 */
export function endpointAt(address: string, present: string): string | undefined {
  const former = address.startsWith(scheme) ? URL.parse(address.slice(scheme.length)) : null;
  const url = new URL(present);
  if (former === null || former.origin !== url.origin) return undefined;
  url.pathname = former.pathname;
  return url.href;
}

/** What is wrong with settings that passed the schema. */
export function settingsFindings(
  settings: Readonly<Record<string, unknown>>,
  { id, folder }: SettingsPlace,
): readonly Finding[] {
  const { endpointUrl, tls } = settings as Static<typeof settingsSchema>;
  const findings: Finding[] = [];
  const look = (setting: string, read: () => unknown) => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      findings.push({ path: [setting], problem: error.problem });
    }
  };
  look('endpointUrl', () => endpointOf(endpointUrl, id));
  if (tls) look('tls', () => tlsFiles(tls, id, folder));
  return findings;
}

function endpointOf(endpointUrl: string, target: string): URL {
  const url = URL.parse(endpointUrl);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.hash === '') return url;
  throw new ProblemError({
    code: 'bad-endpoint-url',
    message: `target ${target}: endpointUrl is no http or https address.`,
    hint: 'Write it as https://host/path, without a fragment.',
  });
}

function tlsFiles(given: TlsFiles, target: string, folder: string): TlsFiles {
  const files: [string, string][] = [];
  for (const [name, path] of Object.entries(given)) {
    const absolute = pathInside(folder, path);
    if (absolute === undefined) {
      throw new ProblemError({
        code: 'path-outside',
        message: `target ${target}: tls.${name} lies outside the folder of the configuration.`,
        hint: 'Put the file below that folder, or a link to it.',
      });
    }
    files.push([name, absolute]);
  }
  return Object.fromEntries(files);
}
