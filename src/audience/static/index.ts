import { type Static, Type } from 'typebox';
import type { Source } from '../../domain/audience.ts';
import { ProblemError } from '../../domain/problem.ts';
import { pathInside } from '../../lib/inside.ts';
import type { SourceContext, SourceKind } from '../kind.ts';
import { StaticSource } from './source.ts';

const settings = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      description:
        'A YAML or JSON file with a list of members for each rule: `app.rbac.us_users: [alice, bob]`. Watched.',
    }),
  },
  { additionalProperties: false, description: 'A fixed list of members for each rule.' },
);

/** Fixed lists in a file. */
export const staticSource: SourceKind = {
  type: 'static',
  settings,
  create(given: Readonly<Record<string, unknown>>, context: SourceContext): Source {
    const { path } = given as Static<typeof settings>;
    const absolute = pathInside(context.folder, path);
    if (absolute === undefined) {
      throw new ProblemError({
        code: 'path-outside',
        message: `The path ${path} of source ${context.id} leads out of the configuration's folder.`,
        hint: 'Put the file below the folder of the configuration.',
      });
    }
    return new StaticSource({ path: absolute, name: path }, context);
  },
};
