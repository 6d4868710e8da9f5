import { isAbsolute, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { type Problem, ProblemError, toProblem } from '../domain/problem.ts';
import type { Finding, SettingsPlace } from '../domain/settings-check.ts';
import { Duration, parseDuration } from '../lib/duration.ts';
import type { TlsFiles } from '../lib/http-connections.ts';
import type { OpaLimits } from './opa-client.ts';
import { parseRef } from './ref.ts';

const defaultBytes = 400_000_000;
/** V8's longest string has 536,870,888 characters. */
const mostBytes = 536_000_000;
const defaultTime = '5m';

/** The address of an HTTP peer. */
export function Address(description: string) {
  return Type.String({ minLength: 1, pattern: '^https?://[^\\s]+$', description });
}

/** A bearer token; the empty one is none, so that `${NAME:-}` works. */
export function Token(description: string) {
  return Type.String({ description });
}

const sentinelsSetting = Type.Array(Type.String({ minLength: 1 }), {
  description:
    'Paths that are not empty, or rules that are true, while policy and data are whole, as data.example.users. All of them have to hold. Small ones are looked at quicker.',
});

const packagesSetting = Type.Array(Type.String({ minLength: 1 }), {
  description: 'The only packages that may be asked for; default all.',
});

const limitsSetting = Type.Object(
  {
    answerBytes: Type.Optional(
      Type.Integer({
        minimum: 1000,
        maximum: mostBytes,
        default: defaultBytes,
        description: 'The largest answer to one request.',
      }),
    ),
    answerTime: Type.Optional(Duration({ description: 'For one request to OPA.', default: defaultTime })),
  },
  { additionalProperties: false, description: 'What exceeds them is a failed answer: its toggles are held.' },
);

const tlsSetting = Type.Object(
  {
    ca: Type.Optional(
      Type.String({ minLength: 1, description: "PEM file trusted instead of the system's authorities." }),
    ),
    cert: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of the client certificate.' })),
    key: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of its private key.' })),
  },
  {
    additionalProperties: false,
    description: "Files for https, read at start; relative to the configuration's folder.",
  },
);

/** What may be asked of an OPA, and what shows that it is whole. */
export const askedSettings = {
  sentinels: Type.Optional(sentinelsSetting),
  packages: Type.Optional(packagesSetting),
};

/** How an OPA is talked to. */
export const connectionSettings = {
  limits: Type.Optional(limitsSetting),
  tls: Type.Optional(tlsSetting),
};

const opaSettings = Type.Object({ ...askedSettings, ...connectionSettings });

/** The settings of `askedSettings` and `connectionSettings`, read. */
export interface OpaSettings {
  readonly sentinels: readonly (readonly string[])[];
  readonly packages: readonly (readonly string[])[] | undefined;
  readonly limits: OpaLimits;
  readonly tls: TlsFiles | undefined;
}

/** Reads what every source with an OPA says of it. Throws a ProblemError for names that nobody can read. */
export function opaSettingsOf(
  given: Static<typeof opaSettings>,
  { id, folder }: Pick<SettingsPlace, 'id' | 'folder'>,
): OpaSettings {
  const { sentinels = [], packages, limits, tls } = given;
  return {
    sentinels: refsOf('sentinels', sentinels, id),
    packages: packages && refsOf('packages', packages, id),
    limits: limitsOf(limits),
    tls: tlsOf(tls, folder),
  };
}

/** The names among them that nobody can read. */
export function opaFindings(given: Static<typeof opaSettings>, { id }: SettingsPlace): readonly Finding[] {
  return (['sentinels', 'packages'] as const).flatMap(what =>
    (given[what] ?? []).flatMap((name, index) =>
      parseRef(name) === undefined ? [{ path: [what, index], problem: unreadable(what, name, id) }] : [],
    ),
  );
}

/** `limits` with their defaults. */
function limitsOf(given: { answerBytes?: number; answerTime?: string } | undefined): OpaLimits {
  return {
    answerBytes: given?.answerBytes ?? defaultBytes,
    answerTime: parseDuration(given?.answerTime ?? defaultTime),
  };
}

/** `tls` with absolute paths. */
function tlsOf(given: TlsFiles | undefined, folder: string): TlsFiles | undefined {
  if (given === undefined) return undefined;
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(folder, path));
  return {
    ...(given.ca !== undefined && { ca: absolute(given.ca) }),
    ...(given.cert !== undefined && { cert: absolute(given.cert) }),
    ...(given.key !== undefined && { key: absolute(given.key) }),
  };
}

/** Dotted names as segments. Throws a ProblemError for one that nobody can read. */
function refsOf(what: string, names: readonly string[], source: string): (readonly string[])[] {
  return names.map(name => {
    const segments = parseRef(name);
    if (segments === undefined) throw new ProblemError(unreadable(what, name, source));
    return segments;
  });
}

function unreadable(what: string, name: string, source: string): Problem {
  return {
    code: 'bad-path',
    message: `${what} of source ${source}: ${JSON.stringify(name)} is no path of names.`,
    hint: 'Write it as in Rego: data.example.users, or data.app["my.pkg"].ready.',
  };
}

/** Runs what makes clients; their errors about addresses and files become ProblemErrors. */
export function asProblems<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    throw error instanceof ProblemError ? error : new ProblemError(toProblem(error));
  }
}
