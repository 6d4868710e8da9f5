import { type Static, Type } from 'typebox';

const text = (description: string) => Type.String({ minLength: 1, maxLength: 4096, description });
const orNull = (description: string) => Type.Union([Type.String({ maxLength: 4096 }), Type.Null()], { description });

const problem = Type.Object(
  { code: Type.String(), message: Type.String(), hint: Type.Optional(Type.String()) },
  { additionalProperties: false },
);

const audience = Type.Object(
  {
    id: Type.String({
      pattern: '^[0-9a-f]{32}$',
      description: 'Of source, package, rule, input and context kind.',
    }),
    source: text('The id of the source.'),
    rule: text('`app.rbac.us_users`'),
    contextKind: text('What members are: user, organization, device.'),
    state: Type.Enum(['defined', 'undefined', 'failed']),
    count: Type.Optional(Type.Integer({ minimum: 0, description: 'How many members; only where defined.' })),
    members: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }), {
        description: 'A keyed hash of each, sorted: 128 bits of HMAC-SHA256 as base64url; only where defined.',
      }),
    ),
    problem: Type.Optional(problem),
  },
  { additionalProperties: false },
);

/** A snapshot as JSON, `schemas/snapshot.schema.json`. What is here stays as it is within version 1; fields may be added. */
export const snapshotSchema = Type.Object(
  {
    version: Type.Literal(1),
    instance: text('Of the configuration that was asked.'),
    takenAt: Type.String({ format: 'date-time', description: 'When policy was asked.' }),
    keyId: Type.String({
      pattern: '^[0-9a-f]{16}$',
      description: 'Tells one key from another. Says nothing of the key or of the members.',
    }),
    sources: Type.Array(
      Type.Object(
        {
          id: text('As configured.'),
          revision: orNull('Of the policy.'),
          dataUpdate: orNull('The id of the last data update.'),
        },
        { additionalProperties: false },
      ),
      { description: 'Those that are asked over the network.' },
    ),
    audiences: Type.Array(audience, { description: 'By source, rule and id.' }),
  },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'OPToggles snapshot',
    description: 'What `optoggles snapshot` writes and `optoggles plan --snapshot` reads. Holds no names.',
    additionalProperties: false,
  },
);

export type SnapshotJson = Static<typeof snapshotSchema>;
