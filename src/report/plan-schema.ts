import { type Static, Type } from 'typebox';

const placement = Type.Object(
  { toggle: Type.String(), target: Type.String(), environment: Type.String() },
  { description: 'One toggle in one environment of one target.' },
);

const problem = Type.Object({
  code: Type.String({ description: 'Stable, kebab-case; the operations guide lists them.' }),
  message: Type.String(),
  hint: Type.Optional(Type.String({ description: 'What to do.' })),
  at: Type.Optional(Type.Object({ file: Type.String(), line: Type.Integer(), column: Type.Integer() })),
});

const count = (description: string) => Type.Integer({ minimum: 0, description });
const names = (description: string) => Type.Optional(Type.Array(Type.String(), { description }));
const metadata = Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]);
const users = (description: string) => Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { description });

const change = Type.Object({
  id: Type.String({ description: 'Unique in the plan; the same for the same input.' }),
  phase: Type.Enum(['off', 'revoke', 'replace', 'prepare', 'grant', 'tidy'], {
    description: 'Phases are done in this order inside one target.',
  }),
  kind: Type.Enum(['create', 'update', 'adopt', 'restore', 'archive', 'retire', 'placement'], {
    description: '`placement` changes who has the toggle in one environment; the others change the flag itself.',
  }),
  toggle: Type.String(),
  target: Type.String(),
  key: Type.String({ description: 'The key in the target.' }),
  environments: Type.Array(Type.String(), { description: 'One for a placement.' }),
  contextKind: Type.String({ description: 'What members are: user, organization, device.' }),
  causes: Type.Array(Type.Enum(['definition', 'policy', 'data', 'source', 'drift', 'operator'])),
  needs: Type.Array(Type.String(), { description: 'Ids of changes that have to be done before.' }),
  granted: count('Members who gain the toggle.'),
  revoked: count('Members who lose it.'),
  grantedUsers: names('Only with --show-users.'),
  revokedUsers: names('Only with --show-users.'),
  before: Type.Union(
    [Type.Object({ known: Type.Boolean(), on: Type.Boolean(), users: users('null: not known.') }), Type.Null()],
    {
      description: 'What the target holds; null for changes of the flag itself.',
    },
  ),
  after: Type.Union([Type.Object({ on: Type.Boolean(), users: users('null: not a list of members.') }), Type.Null()], {
    description: 'What it will hold; null for changes of the flag itself.',
  }),
  closes: Type.Array(Type.String(), { description: 'Ways in that are not our list and are closed by this change.' }),
  removal: Type.Boolean({ description: "The toggle's file is gone." }),
  metadata: Type.Object(
    { before: metadata, after: metadata },
    { description: 'What the target shows besides users; null: does not exist, not known, or does not change.' },
  ),
  from: Type.Union(
    [
      Type.Object({
        source: Type.String(),
        rule: Type.String(),
        revision: Type.Union([Type.String(), Type.Null()], { description: 'Of the policy.' }),
        dataUpdate: Type.Union([Type.String(), Type.Null()], { description: 'The id of the last data update.' }),
      }),
      Type.Null(),
    ],
    { description: 'The answer it stands on; null where none is needed.' },
  ),
});

const block = Type.Object({
  id: Type.String({ description: 'A content hash; survives restarts.' }),
  scope: Type.Enum(['audience', 'source', 'removal']),
  reason: Type.Enum([
    'revocations',
    'becomes-empty',
    'grants',
    'max-users',
    'removals',
    'adoption',
    'unknown-contents',
    'suspect',
  ]),
  source: Type.Union([Type.String(), Type.Null()]),
  placements: Type.Array(placement),
  removals: Type.Array(Type.String(), { description: 'Toggles whose removal is blocked.' }),
  revoked: count('Members who would lose a toggle.'),
  granted: count('Members who would gain one.'),
  of: count('How many there were to judge against.'),
  revokedUsers: names('Only with --show-users.'),
  grantedUsers: names('Only with --show-users.'),
  message: Type.String(),
  revision: Type.Optional(Type.String({ description: 'Of the policy whose answer it stops.' })),
  also: Type.Optional(
    Type.Object(
      { changes: count('Changes of users.'), granted: count('Over these.'), revoked: count('Over these.') },
      { description: 'What else changes by the word of the same source.' },
    ),
  ),
  approve: Type.String({ description: 'The command that lets it through.' }),
});

const override = Type.Object({
  id: Type.String({ description: 'What `optoggles resume` takes it back by.' }),
  kind: Type.Enum(['off', 'deny', 'pause']),
  what: Type.String({ description: 'In words; a member only as a keyed hash.' }),
  by: Type.String(),
  reason: Type.String(),
});

const held = Type.Object({
  ...placement.properties,
  reason: Type.Enum([
    'undefined',
    'failed',
    'waiting',
    'suspect',
    'unreadable',
    'in-flight',
    'switched-off-by-hand',
    'over-limit',
    'paused',
  ]),
  problem,
});

/**
 * The plan as JSON, `schemas/plan.schema.json`. What is here stays as it is within version 1; fields may be added. No
 * time is in it: the same input gives the same bytes.
 */
export const planSchema = Type.Object(
  {
    version: Type.Literal(1),
    checksum: Type.String({ description: 'Of the changes that definitions cause: what `apply --checksum` compares.' }),
    commit: Type.Optional(
      Type.String({ description: 'Of the flags repository, in force; not there where flags come from a folder.' }),
    ),
    summary: Type.Object({
      changes: count('Changes that would be done.'),
      granted: count('Over all placements: a member who gains two toggles counts twice.'),
      revoked: count('Over all placements.'),
      blocked: count('Blocks of the guard.'),
      held: count('Placements that stay as they are for now.'),
      refused: count('Toggles that a target cannot take.'),
      warnings: count('Warnings.'),
    }),
    changes: Type.Array(change, { description: 'In the order in which they are done.' }),
    blocked: Type.Array(block),
    held: Type.Array(held),
    refused: Type.Array(Type.Object({ toggle: Type.String(), target: Type.String(), key: Type.String(), problem })),
    accepted: Type.Array(Type.Object({ source: Type.String(), instance: Type.String() }), {
      description: 'Restarted policy engines whose answers differ so little that they are accepted.',
    }),
    warnings: Type.Array(problem),
    overrides: Type.Optional(
      Type.Array(override, {
        description: 'What operators said against git and policy; not there where that is nothing.',
      }),
    ),
  },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'OPToggles plan',
    description: 'What `optoggles plan --json` and `optoggles apply --json` write.',
  },
);

export type PlanJson = Static<typeof planSchema>;
