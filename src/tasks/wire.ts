import { type Static, type TObject, Type } from 'typebox';
import { ProblemError } from '../domain/problem.ts';
import { check } from '../load/check.ts';
import { mostFiles } from '../load/scan.ts';
import { planSchema } from '../report/plan-schema.ts';

/** What a running instance is asked and what it answers, over HTTP: the one truth of both sides. */

const problem = Type.Object({
  code: Type.String(),
  message: Type.String(),
  hint: Type.Optional(Type.String()),
  at: Type.Optional(Type.Object({ file: Type.String(), line: Type.Integer(), column: Type.Integer() })),
});

/** No empty part, none that begins with a dot, no other separator: it cannot lead anywhere else. */
const relativePath =
  '^(?:[^./\\\\\\u0000-\\u001f][^/\\\\\\u0000-\\u001f]*/)*[^./\\\\\\u0000-\\u001f][^/\\\\\\u0000-\\u001f]*$';

const definitions = Type.Object({
  folder: Type.String({ pattern: relativePath, maxLength: 1024, description: 'Of the files, for messages: flags.' }),
  files: Type.Array(
    Type.Object({ path: Type.String({ pattern: relativePath, maxLength: 1024 }), text: Type.String() }),
    { maxItems: mostFiles },
  ),
});

/** Of `POST /api/plan`. With two sets of definitions their plans can be compared, member by member. */
export const planRequestSchema = Type.Object({
  version: Type.Literal(1),
  definitions: Type.Array(definitions, { minItems: 1, maxItems: 2 }),
  only: Type.Optional(Type.Array(Type.String(), { maxItems: mostFiles })),
  /** s */
  timeout: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600 })),
});

export const planAnswerSchema = Type.Object({
  version: Type.Literal(1),
  at: Type.String({ format: 'date-time' }),
  instance: Type.String(),
  plans: Type.Array(Type.Object({ plan: planSchema, failed: Type.Array(problem), warnings: Type.Array(problem) }), {
    minItems: 1,
    maxItems: 2,
  }),
});

/** Of `POST /api/sync` with a body. */
export const syncRequestSchema = Type.Object({
  version: Type.Optional(Type.Literal(1)),
  /** null: whatever the instance has. */
  commit: Type.Union([Type.String({ pattern: '^(?:[0-9a-f]{40}|[0-9a-f]{64})$' }), Type.Null()]),
  timeout: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600 })),
});

export const syncAnswerSchema = Type.Object({
  version: Type.Literal(1),
  instance: Type.String(),
  exit: Type.Enum([0, 1, 3, 4]),
  commit: Type.Union([Type.String(), Type.Null()]),
  written: Type.Integer({ minimum: 0 }),
  granted: Type.Integer({ minimum: 0 }),
  revoked: Type.Integer({ minimum: 0 }),
  left: planSchema,
  failed: Type.Array(problem),
  warnings: Type.Array(problem),
});

export type Definitions = Static<typeof definitions>;
export type PlanRequest = Static<typeof planRequestSchema>;
export type PlanAnswer = Static<typeof planAnswerSchema>;
export type SyncRequest = Static<typeof syncRequestSchema>;
export type SyncAnswer = Static<typeof syncAnswerSchema>;

const ofThisVersion = 'Ask with "optoggles … --server" of the same version.';

/**
 * A body as what its schema says. Throws a ProblemError (`bad-body`) with `hint` for anything else; its message holds no
 * values.
 */
export function readBody<Schema extends TObject>(schema: Schema, text: string, hint = ofThisVersion): Static<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badBody('it is no JSON', hint);
  }
  const [first] = check(schema, value, () => ({ file: '', line: 1, column: 1 }));
  if (first !== undefined) throw badBody(first.message.replace(/\.$/, ''), hint);
  return value as Static<Schema>;
}

/** The error of a body that is not as it should be; `why` has no full stop and no values. */
export function badBody(why: string, hint: string): ProblemError {
  const message = `The body is not what is expected here: ${why}.`;
  return new ProblemError({ code: 'bad-body', message, hint });
}
