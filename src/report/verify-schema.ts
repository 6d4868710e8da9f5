import { type Static, Type } from 'typebox';

const problem = Type.Object({
  code: Type.String({ description: 'Stable, kebab-case; the operations guide lists them.' }),
  message: Type.String(),
  hint: Type.Optional(Type.String({ description: 'What to do.' })),
  at: Type.Optional(Type.Object({ file: Type.String(), line: Type.Integer(), column: Type.Integer() })),
});

const count = (description: string) => Type.Integer({ minimum: 0, description });
const orNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description });

const mismatch = Type.Object({
  kind: Type.Enum(['let-in', 'kept-out', 'not-served'], {
    description:
      'let-in: served it against policy; kept-out: not served it, against policy; not-served: the platform serves nothing, so applications get their own default.',
  }),
  cause: Type.String({ description: 'Which rule, default or list it is, with the platform’s own words.' }),
  count: count('How many people.'),
  users: Type.Optional(Type.Array(Type.String(), { description: 'Only with --show-users.' })),
});

const placement = Type.Object({
  toggle: Type.String(),
  target: Type.String(),
  environment: Type.String({ description: 'Empty where the toggle as a whole has no place in the target.' }),
  key: Type.String({ description: 'The key in the target.' }),
  verdict: Type.Enum(['agrees', 'differs', 'unknown', 'failed'], {
    description:
      'unknown: policy or the platform has no answer to compare; failed: it cannot be looked at until somebody did something.',
  }),
  expected: Type.Union([Type.Literal('members'), Type.Literal('nobody'), Type.Null()], {
    description: 'Who has to be served it: the members of policy, or nobody (switched off, removed).',
  }),
  members: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
    description: 'How many policy lets in; null where it was not asked or has no answer.',
  }),
  asked: count('About how many people the platform was asked.'),
  mismatches: Type.Array(mismatch),
  problems: Type.Array(problem, {
    description: 'Why there is no verdict; for differs, what is known of it already and what to do.',
  }),
  from: Type.Union(
    [
      Type.Object({
        source: Type.String(),
        rule: Type.String(),
        revision: orNull('Of the policy.'),
        dataUpdate: orNull('The id of the last data update.'),
      }),
      Type.Null(),
    ],
    { description: 'The answer that it was compared with.' },
  ),
});

/**
 * What was verified as JSON, `schemas/verify.schema.json`. What is here stays as it is within version 1; fields may be
 * added. No time is in it: the same input gives the same bytes.
 */
export const verifySchema = Type.Object(
  {
    version: Type.Literal(1),
    seed: Type.Integer({ description: 'Of the strangers: the same seed asks about the same.' }),
    strangers: count('Strangers per placement.'),
    summary: Type.Object({
      placements: count('Placements there are to verify.'),
      agree: count('Verdict agrees.'),
      differ: count('Verdict differs.'),
      unknown: count('Verdict unknown.'),
      failed: count('Verdict failed.'),
      asked: count('Questions to the platforms, over all placements.'),
      mismatches: count('People with another answer than policy’s, over all placements.'),
    }),
    placements: Type.Array(placement, {
      description: 'By target (in the order of the configuration), toggle, environment.',
    }),
    failed: Type.Array(problem, { description: 'What could not be reached, read or loaded.' }),
    warnings: Type.Array(problem),
  },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'OPToggles verification',
    description: 'What `optoggles verify --json` writes.',
  },
);

export type VerifyJson = Static<typeof verifySchema>;
