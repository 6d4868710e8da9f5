import { type Static, type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';

// What is used of LaunchDarkly's answers, as its API describes them (launchdarkly/ldcli: ld-openapi.json). Fields that
// are not named here may be anything.

const Strings = Type.Array(Type.String());

const Served = {
  variation: Type.Optional(Type.Integer()),
  rollout: Type.Optional(
    Type.Object({ variations: Type.Array(Type.Object({ variation: Type.Integer(), weight: Type.Number() })) }),
  ),
};

const TargetListSchema = Type.Object({
  values: Strings,
  variation: Type.Integer(),
  contextKind: Type.Optional(Type.String()),
});

const ClauseSchema = Type.Object({
  attribute: Type.Optional(Type.String()),
  op: Type.String(),
  values: Type.Array(Type.Unknown()),
  negate: Type.Optional(Type.Boolean()),
});

const RuleSchema = Type.Object({
  _id: Type.String(),
  disabled: Type.Optional(Type.Boolean()),
  clauses: Type.Array(ClauseSchema),
  ...Served,
});

const FlagConfigSchema = Type.Object({
  on: Type.Boolean(),
  version: Type.Optional(Type.Integer()),
  targets: Type.Optional(Type.Array(TargetListSchema)),
  contextTargets: Type.Optional(Type.Array(TargetListSchema)),
  rules: Type.Optional(Type.Array(RuleSchema)),
  fallthrough: Type.Optional(Type.Object(Served)),
  offVariation: Type.Optional(Type.Integer()),
  prerequisites: Type.Optional(Type.Array(Type.Object({ key: Type.String() }))),
  _site: Type.Optional(Type.Object({ href: Type.Optional(Type.String()) })),
});

const FlagSchema = Type.Object({
  key: Type.String(),
  name: Type.String(),
  kind: Type.String(),
  description: Type.Optional(Type.String()),
  variations: Type.Array(Type.Object({ _id: Type.Optional(Type.String()), value: Type.Unknown() })),
  tags: Strings,
  temporary: Type.Boolean(),
  archived: Type.Boolean(),
  maintainerId: Type.Optional(Type.String()),
  maintainerTeamKey: Type.Optional(Type.String()),
  _maintainer: Type.Optional(Type.Object({ email: Type.Optional(Type.String()) })),
  creationDate: Type.Optional(Type.Number()),
  clientSideAvailability: Type.Optional(
    Type.Object({
      usingEnvironmentId: Type.Optional(Type.Boolean()),
      usingMobileKey: Type.Optional(Type.Boolean()),
    }),
  ),
  environments: Type.Optional(Type.Record(Type.String(), FlagConfigSchema)),
});

const FlagsSchema = Type.Object({ items: Type.Array(Type.Unknown()), totalCount: Type.Optional(Type.Integer()) });

const SegmentListSchema = Type.Object({ values: Type.Optional(Strings), contextKind: Type.Optional(Type.String()) });

const SegmentSchema = Type.Object({
  key: Type.String(),
  tags: Strings,
  version: Type.Optional(Type.Integer()),
  unbounded: Type.Optional(Type.Boolean()),
  included: Type.Optional(Strings),
  excluded: Type.Optional(Strings),
  includedContexts: Type.Optional(Type.Array(SegmentListSchema)),
  excludedContexts: Type.Optional(Type.Array(SegmentListSchema)),
  rules: Type.Array(Type.Object({ _id: Type.Optional(Type.String()) })),
  _flags: Type.Optional(Type.Array(Type.Unknown())),
});

const SegmentsSchema = Type.Object({ items: Type.Array(Type.Unknown()), totalCount: Type.Optional(Type.Integer()) });

const EnvironmentSchema = Type.Object({
  key: Type.String(),
  apiKey: Type.Optional(Type.String()),
  approvalSettings: Type.Optional(
    Type.Object({
      required: Type.Optional(Type.Boolean()),
      requiredApprovalTags: Type.Optional(Strings),
    }),
  ),
});

const EnvironmentsSchema = Type.Object({
  items: Type.Array(EnvironmentSchema),
  totalCount: Type.Optional(Type.Integer()),
});

const ApprovalSchema = Type.Object({
  _id: Type.String(),
  description: Type.Optional(Type.String()),
  creationDate: Type.Number(),
  status: Type.String(),
  reviewStatus: Type.String(),
  instructions: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  _links: Type.Optional(Type.Record(Type.String(), Type.Object({ href: Type.Optional(Type.String()) }))),
});

const ApprovalsSchema = Type.Object({ items: Type.Array(ApprovalSchema) });

const ErrorSchema = Type.Object({ code: Type.Optional(Type.String()), message: Type.Optional(Type.String()) });

export type FlagAnswer = Static<typeof FlagSchema>;
export type FlagConfigAnswer = Static<typeof FlagConfigSchema>;
export type RuleAnswer = Static<typeof RuleSchema>;
export type SegmentAnswer = Static<typeof SegmentSchema>;
export type ApprovalAnswer = Static<typeof ApprovalSchema>;

/** Tells whether an answer has the shape it should have. */
export interface Shape<T> {
  readonly what: string;
  fits(value: unknown): value is T;
}

/** Makes a shape of a schema. */
export function shapeOf<T extends TSchema>(what: string, schema: T): Shape<Static<T>> {
  // Compiled at the first answer: most runs never meet most of these.
  let validator: { Check(value: unknown): boolean } | undefined;
  return {
    what,
    fits(value): value is Static<T> {
      validator ??= Compile<TSchema>(schema);
      return validator.Check(value);
    },
  };
}

export const flagShape = shapeOf('a flag', FlagSchema);
export const flagsShape = shapeOf('a list of flags', FlagsSchema);
export const segmentShape = shapeOf('a segment', SegmentSchema);
export const segmentsShape = shapeOf('a list of segments', SegmentsSchema);
export const environmentShape = shapeOf('an environment', EnvironmentSchema);
export const environmentsShape = shapeOf('a list of environments', EnvironmentsSchema);
export const approvalShape = shapeOf('an approval request', ApprovalSchema);
export const approvalsShape = shapeOf('a list of approval requests', ApprovalsSchema);
export const errorShape = shapeOf('an error', ErrorSchema);
