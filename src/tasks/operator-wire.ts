import { type Static, type TObject, Type } from 'typebox';
import type { ProblemError } from '../domain/problem.ts';
import { Duration, parseDuration } from '../lib/duration.ts';
import type { Asked, AskedBack, AskedFacts } from './operator.ts';
import { badBody, readBody } from './wire.ts';

const overHttp = 'See "Over HTTP" in docs/operations.md.';

/** What an operator's requests say over HTTP: the one truth of both sides. */

const closed = { additionalProperties: false } as const;
const facts = {
  for: Type.Optional(Duration({ description: 'How long; without it until it is taken back.' })),
  reason: Type.Optional(Type.String({ maxLength: 500 })),
};
const kind = Type.Enum(['source', 'target', 'toggle']);

/** Of `POST /api/overrides`: one of `off` (a toggle), `deny` (a user), `pause` (a source, target or toggle). */
const overrideSchema = Type.Object(
  {
    off: Type.Optional(Type.String({ minLength: 1 })),
    environment: Type.Optional(Type.String({ minLength: 1 })),
    deny: Type.Optional(Type.String({ minLength: 1 })),
    pause: Type.Optional(Type.String({ minLength: 1 })),
    kind: Type.Optional(kind),
    ...facts,
  },
  closed,
);

/** Of `POST /api/resume`: an id, or a name. */
const resumeSchema = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    kind: Type.Optional(Type.Enum(['source', 'target', 'toggle', 'user'])),
    environment: Type.Optional(Type.String({ minLength: 1 })),
  },
  closed,
);

/** Of `POST /api/approvals`: the id of a block, or a window for a source. */
const approvalSchema = Type.Object({
  id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  source: Type.Optional(Type.String({ minLength: 1 })),
  ...facts,
});

export type OverrideBody = Static<typeof overrideSchema>;
export type ResumeBody = Static<typeof resumeSchema>;

/** What a body of `POST /api/overrides` asks for. Throws a ProblemError (`bad-body`) without values in it. */
export function readOverride(body: unknown): { readonly asked: Asked; readonly facts: Omit<AskedFacts, 'by'> } {
  const { off, environment, deny, pause, kind: what, ...rest } = read(overrideSchema, body);
  const given = [off, deny, pause].filter(one => one !== undefined).length;
  if (given !== 1) throw bad('it says not exactly one of "off", "deny" and "pause"');
  if (environment !== undefined && off === undefined) throw bad('only "off" has an "environment"');
  const common = { facts: { time: timeIn(rest), reason: rest.reason ?? '' } };
  if (off !== undefined) return { ...common, asked: { kind: 'off', toggle: off, environment } };
  if (deny !== undefined) return { ...common, asked: { kind: 'deny', user: deny } };
  return { ...common, asked: { kind: 'pause', name: pause ?? '', what } };
}

/** What a body of `POST /api/resume` asks for. Throws a ProblemError (`bad-body`) without values in it. */
export function readResume(body: unknown): AskedBack {
  const { name, kind: what, environment } = read(resumeSchema, body);
  return { name, what, environment };
}

export type AskedApproval =
  | { readonly id: string }
  | { readonly source: string; readonly time: number; readonly reason: string };

/** What a body of `POST /api/approvals` asks for. Throws a ProblemError (`bad-body`) without values in it. */
export function readApproval(body: unknown): AskedApproval {
  const { id, source, reason, ...rest } = read(approvalSchema, body);
  if (id !== undefined && source === undefined) return { id };
  const time = timeIn(rest);
  if (id !== undefined || source === undefined || time === undefined || reason === undefined || reason === '') {
    throw bad('it takes {"id"}, or {"source", "for", "reason"}');
  }
  return { source, time, reason };
}

function timeIn({ for: time }: { readonly for?: string }): number | undefined {
  return time === undefined ? undefined : parseDuration(time);
}

/** A text as what its schema says, whatever content type it came with (curl's default is a form). */
function read<Schema extends TObject>(schema: Schema, body: unknown): Static<Schema> {
  return readBody(schema, typeof body === 'string' ? body : '', overHttp);
}

function bad(why: string): ProblemError {
  return badBody(why, overHttp);
}
