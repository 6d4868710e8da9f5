import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { JsonObject } from '../../src/domain/json.ts';
import { ProblemError } from '../../src/domain/problem.ts';

const flagsSchema = Type.Record(
  Type.String(),
  Type.Object({
    /** The mark of whoever manages it. */
    owner: Type.Optional(Type.String()),
    /** Its file went, and we closed it. */
    removed: Type.Optional(Type.Boolean()),
    about: Type.Unsafe<JsonObject>(Type.Object({})),
    /** By environment. */
    who: Type.Record(Type.String(), Type.Array(Type.String())),
  }),
);

export type Flags = Static<typeof flagsSchema>;

/** The flags in the text of the file. Throws a ProblemError (`bad-file`) for anything else; never quotes it. */
export function flagsIn(text: string, target: string): Flags {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (Value.Check(flagsSchema, value)) return value;
  throw new ProblemError({
    code: 'bad-file',
    message: `target ${target}: its file holds something else than flags.`,
    hint: 'Repair it, or move it away: it is then written anew.',
  });
}
