import { type Static, Type } from 'typebox';
import type { Source } from '../../domain/audience.ts';
import { fileFindings, fileInside } from '../file-setting.ts';
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
  check: (given, where) => fileFindings('path', (given as Static<typeof settings>).path, where),
  create(given: Readonly<Record<string, unknown>>, context: SourceContext): Source {
    const { path } = given as Static<typeof settings>;
    return new StaticSource({ path: fileInside(path, context), name: path }, context);
  },
};
