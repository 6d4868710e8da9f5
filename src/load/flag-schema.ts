import { type Static, Type } from 'typebox';
import { Day, Line, Name, nameKeys, Segment } from './pieces.ts';

const closed = { additionalProperties: false } as const;

const share = (description: string) => Type.Optional(Type.Number({ minimum: 0, maximum: 1, description }));
const count = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }));

export const packagePattern = '^[^\\u0000-\\u0020\\u007f.\\[\\]"/]+(\\.[^\\u0000-\\u0020\\u007f.\\[\\]"/]+)*$';

function policySchema(description: string) {
  return Type.Object(
    {
      source: Name({ description: 'The `id` of a source of the configuration.' }),
      package: Type.Union(
        [
          Type.String({
            maxLength: 1024,
            pattern: packagePattern,
            patternErrorMessage:
              'names joined by dots, such as app.rbac; a list where a name holds a dot, such as [app, "my.pkg"]',
          }),
          Type.Array(Segment({ description: 'One name of the package.' }), { minItems: 1, maxItems: 32 }),
        ],
        { description: 'The Rego package, without `data`: names joined by dots, or a list of names.' },
      ),
      rule: Segment({ description: 'The rule whose value is the list of users.' }),
      input: Type.Optional(Type.Unknown({ description: 'What the rule sees as `input`.' })),
    },
    { ...closed, description },
  );
}

/** What a file may say of the guard. */
const guardOverrideSchema = Type.Object(
  {
    maxRevokedShare: share('Share of the users that may lose the toggle within the window, 0 to 1.'),
    alwaysAllowedRevocations: count('So many users may lose the toggle whatever the share.'),
    maxGrantedShare: share('Share of the users that may gain the toggle within the window, 0 to 1.'),
    alwaysAllowedGrants: count('So many users may gain the toggle whatever the share.'),
    maxUsers: Type.Optional(Type.Integer({ minimum: 1, description: 'More users than this are never let in.' })),
    allowEmpty: Type.Optional(
      Type.Boolean({ description: 'True: a toggle that two or more users have may be taken from all of them.' }),
    ),
  },
  { ...closed, description: 'Tightens the guard of the configuration for this toggle; only `allowEmpty` loosens it.' },
);

/** A flag file. Targets' specs are checked afterwards by the schema of their kind. */
export const flagSchema = Type.Object(
  {
    key: Name({ description: 'The key of the flag: the name of the file without `.yaml`, unique ignoring case.' }),
    name: Line({ description: 'What people call it.' }),
    description: Type.Optional(Type.String({ maxLength: 4096, description: 'What it does, for whom.' })),
    owner: Line({ description: 'The team or person who answers for it.' }),
    type: Type.Enum(['release', 'experiment', 'operational', 'kill-switch', 'permission'], {
      description: 'What kind of flag it is. A release and an experiment need `expires`.',
    }),
    created: Day({ description: 'The day it was made, such as 2026-11-01.' }),
    expires: Type.Optional(
      Day({ description: 'The last day it should exist, such as 2027-02-01; past it there is a warning.' }),
    ),
    state: Type.Enum(['on', 'off'], {
      default: 'on',
      description: '`off`: nobody has it, now, whatever the policy says.',
    }),
    contextKind: Name({ default: 'user', description: 'What the members are: `user`, `organization`, `device`, …' }),
    adopt: Type.Boolean({
      default: false,
      description: 'True: take over a flag of this key that exists in the target without our mark.',
    }),
    usersPolicy: policySchema('Which rule of which source says who has it.'),
    environments: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object(
          {
            usersPolicy: Type.Optional(policySchema('Another policy for this environment.')),
            state: Type.Optional(Type.Enum(['on', 'off'], { description: 'Another state for this environment.' })),
          },
          { ...closed, description: 'What differs in this environment; `{}` where nothing does.' },
        ),
        {
          ...nameKeys(),
          minProperties: 1,
          description: 'The environments it is in, by name. Left out: all environments of its targets.',
        },
      ),
    ),
    targets: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object(
          {
            key: Type.Optional(Line({ maxLength: 1024, description: 'The key in this target, where it is another.' })),
          },
          { description: 'What it says to this target, in the terms of its kind; `{}` where nothing is to be said.' },
        ),
        {
          ...nameKeys(),
          minProperties: 1,
          description: 'The targets it is written to, by name. Left out: every target.',
        },
      ),
    ),
    guard: Type.Optional(guardOverrideSchema),
  },
  {
    ...closed,
    title: 'A flag of OPToggles',
    description: 'One feature flag: `flags/<key>.yaml`.',
    if: { properties: { type: { enum: ['release', 'experiment'] } }, required: ['type'] },
    // oxlint-disable-next-line unicorn/no-thenable
    then: { required: ['expires'] },
  },
);

export type FlagFile = Static<typeof flagSchema>;
export type PolicyFile = FlagFile['usersPolicy'];
