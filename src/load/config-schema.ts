import { type Static, Type } from 'typebox';
import { Days, Duration } from '../lib/duration.ts';
import { gitFlagsSchema } from './git-settings.ts';
import { Line, Name, nameKeys } from './pieces.ts';

const closed = { additionalProperties: false } as const;
const policies = ['sync', 'upsert-only', 'detect'] as const;
const policyMeaning =
  '`sync`: everything; `upsert-only`: toggles whose file went are never closed, users are still revoked; `detect`: nothing is written.';

/** Defaults that the old form shares. */
export const defaults = { flags: 'flags', stateDir: '.optoggles', driftInterval: '10m', auditKeep: '400d' } as const;

const share = (value: number, description: string) =>
  Type.Number({ minimum: 0, maximum: 1, default: value, description });
const count = (value: number, description: string) => Type.Integer({ minimum: 0, default: value, description });

function namedTokens(description: string) {
  return Type.Array(
    Type.Object(
      {
        name: Line({ description: 'Who holds it; written to the audit log.' }),
        token: Type.String({ description: 'The token; an empty one counts as not configured.' }),
      },
      { ...closed, description: 'One token.' },
    ),
    { default: [], description },
  );
}

/** What every entry of `sources` has besides the settings of its kind. */
export const sourceBase = {
  id: Name({ description: 'What flag files call it. Unique.' }),
  type: Type.String({ default: 'opal', description: 'Its kind.' }),
};

/** What every entry of `targets` has besides the settings of its kind. */
export const targetBase = {
  name: Name({ description: 'What flag files call it. Unique.' }),
  type: Type.String({ description: 'Its kind.' }),
  policy: Type.Optional(
    Type.Enum([...policies], { description: `For this target instead of the general one. ${policyMeaning}` }),
  ),
};

/** The names of a target's environments, for kinds whose settings do not describe them otherwise. */
export const environmentsSchema = Type.Union(
  [
    Type.Array(Name({ description: 'The name of an environment.' }), { minItems: 1, uniqueItems: true }),
    Type.Record(Type.String(), Type.String({ minLength: 1 }), { ...nameKeys(), minProperties: 1 }),
  ],
  { description: 'Its environments: a list of names, or a mapping of our names to theirs.' },
);

export const guardSchema = Type.Object(
  {
    maxRevokedShare: share(0.3, 'Share of a placement’s users that may lose it within the window, 0 to 1.'),
    alwaysAllowedRevocations: count(5, 'So many users may lose it whatever the share.'),
    maxGrantedShare: share(1, 'Share of a placement’s users that may gain it within the window, 0 to 1.'),
    alwaysAllowedGrants: count(50, 'So many users may gain it whatever the share.'),
    maxUsers: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      default: null,
      description: 'More users than this are never let in; null: no limit.',
    }),
    window: Duration({ default: '10m', description: 'Over how long changes are counted.' }),
    maxRemovedToggles: share(0.3, 'Share of the toggles whose files may go at once, 0 to 1.'),
  },
  {
    ...closed,
    default: {},
    description: 'What stands between a plan and a disaster. Beyond it an approval is needed.',
  },
);

const auditSchema = Type.Object(
  {
    keep: Days({ default: defaults.auditKeep, description: 'How long its lines are kept.' }),
    maxRows: Type.Integer({ minimum: 1000, default: 1_000_000, description: 'At most so many; the oldest go first.' }),
    users: Type.Boolean({
      default: false,
      description: 'True: it names members. Else they are hashes with a key that stays in `stateDir`.',
    }),
  },
  { ...closed, default: {}, description: 'The audit log, kept in `stateDir`: see `optoggles history`.' },
);

const notifyEvents = ['blocked', 'degraded', 'recovered'] as const;

const receiverSchema = Type.Object(
  {
    type: Type.Enum(['webhook', 'slack'], {
      description: '`webhook`: JSON; `slack`: an incoming webhook of Slack, or of what speaks like it.',
    }),
    url: Type.String({ minLength: 1, description: 'Where to. A secret: take it from a reference.' }),
    events: Type.Array(Type.Enum([...notifyEvents], { description: 'A kind of news.' }), {
      minItems: 1,
      uniqueItems: true,
      default: [...notifyEvents],
      description:
        '`blocked`: the guard stopped something; `degraded`: something cannot be reached for half a minute; `recovered`: either is over.',
    }),
  },
  { ...closed, description: 'One that is told.' },
);

/** `optoggles.yaml`. Entries of `sources` and `targets` are checked afterwards by the schema of their kind. */
export const configSchema = Type.Object(
  {
    version: Type.Literal(1, { description: 'The version of this format: 1.' }),
    instance: Name({
      maxLength: 64,
      description: 'Names this installation. What it writes carries the mark `optoggles:<instance>`.',
    }),
    bind: Type.String({
      default: '127.0.0.1:8080',
      description: 'Where HTTP is served: `host:port`, `:port` for every interface, `[::1]:port` for IPv6.',
    }),
    flags: Type.Union([Type.String({ minLength: 1 }), gitFlagsSchema], {
      default: defaults.flags,
      description: 'The folder of the flag files, or a git repository that they are read from.',
    }),
    stateDir: Type.String({
      minLength: 1,
      default: defaults.stateDir,
      description: 'The folder of what has to be remembered. May be absolute.',
    }),
    sources: Type.Array(Type.Object({}, { description: 'One source, in the terms of its kind.' }), {
      minItems: 1,
      description: 'Where authorization is asked.',
    }),
    targets: Type.Array(Type.Object({}, { description: 'One target, in the terms of its kind.' }), {
      minItems: 1,
      description: 'The flag platforms that toggles are written to.',
    }),
    policy: Type.Enum([...policies], { default: 'sync', description: `What may be written. ${policyMeaning}` }),
    onRemoved: Type.Enum(['disable', 'archive', 'keep'], {
      default: 'disable',
      description: 'What becomes of a flag whose file is gone; `archive` after it was disabled.',
    }),
    drift: Type.Object(
      {
        interval: Duration({
          default: defaults.driftInterval,
          description: 'How often targets are read to find what changed there.',
        }),
        reopen: Type.Boolean({
          default: false,
          description: 'True: a flag switched off by hand is switched on again.',
        }),
      },
      { ...closed, default: {}, description: 'What is done about changes made by others in the targets.' },
    ),
    guard: guardSchema,
    maxHold: Type.Optional(
      Duration({
        description:
          'How long users may stay as they are while policy has no answer; then the toggle is closed until one comes. Without it: for ever.',
      }),
    ),
    callbackSecret: Type.String({
      default: '',
      description: 'Secret behind the bearer of callbacks. Empty: a random one is kept in `stateDir`.',
    }),
    adminTokens: namedTokens('Who may approve and start a sync over HTTP.'),
    readTokens: namedTokens('Who may read the status over HTTP, besides admins.'),
    audit: auditSchema,
    notify: Type.Array(receiverSchema, { default: [], description: 'Who is told of what an operator has to know.' }),
    publicStatus: Type.Boolean({
      default: false,
      description: 'True: the status is served without a token even where others can reach it.',
    }),
  },
  { ...closed, title: 'The configuration of OPToggles', description: 'The configuration: `optoggles.yaml`.' },
);

export type ConfigFile = Static<typeof configSchema>;

/** Keys that later versions will have. */
export const reservedKeys: readonly string[] = ['tls', 'serve'];
