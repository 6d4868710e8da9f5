import { type Static, Type } from 'typebox';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import { Duration, parseDuration } from '../../lib/duration.ts';
import { fileFindings, fileInside } from '../file-setting.ts';
import type { SourceContext, SourceKind } from '../kind.ts';
import { parseRef } from '../ref.ts';
import { BundleSource } from './source.ts';

const defaultTime = '5m';
const defaultMemory = 4096;

const settings = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      description: 'A .tar.gz made by `opa build -t wasm`, or a folder with policy.wasm (and data.json). Watched.',
    }),
    data: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'A JSON file beside the bundle. Each of its top-level keys replaces the key of that name in the bundle’s data. Watched.',
      }),
    ),
    packages: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: 'The only packages that may be asked for; default all.',
      }),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          time: Type.Optional(Duration({ description: 'For loading, and for each evaluation.', default: defaultTime })),
          memory: Type.Optional(
            Type.Integer({
              minimum: 16,
              maximum: 65_536,
              default: defaultMemory,
              description: 'MiB that an evaluation may use; wasm itself ends at 4096.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, description: 'A policy bundle compiled to wasm, evaluated in a thread of its own.' },
);

/** A policy bundle: `opa build -t wasm -e app/rbac`, with its data inside or in a file beside it. */
export const bundleSource: SourceKind = {
  type: 'bundle',
  settings,
  check(given, where) {
    const { path, data, packages = [] } = given as Static<typeof settings>;
    const names = packages.flatMap((name, index) =>
      parseRef(name) === undefined ? [{ path: ['packages', index], problem: noPackage(name, where.id) }] : [],
    );
    return [...fileFindings('path', path, where), ...fileFindings('data', data, where), ...names];
  },
  create(given: Readonly<Record<string, unknown>>, context: SourceContext) {
    const { path, data, packages, limits } = given as Static<typeof settings>;
    const worker = {
      folder: context.folder,
      bundle: { path: fileInside(path, context), name: path },
      data: data === undefined ? undefined : { path: fileInside(data, context), name: data },
      memory: limits?.memory ?? defaultMemory,
    };
    const timeLimit = parseDuration(limits?.time ?? defaultTime);
    const allowed = packages && new Set(packages.map(name => JSON.stringify(packageOf(name, context.id))));
    return new BundleSource({ worker, timeLimit, packages: allowed }, context);
  },
};

function packageOf(name: string, source: string): readonly string[] {
  const segments = parseRef(name);
  if (segments !== undefined) return segments;
  throw new ProblemError(noPackage(name, source));
}

function noPackage(name: string, source: string): Problem {
  return {
    code: 'bad-package',
    message: `The package ${name} of source ${source} is no package name.`,
    hint: 'Write it as Rego does: app.rbac, or app["my-pkg"].v1.',
  };
}
