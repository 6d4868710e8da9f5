import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';

// LaunchDarkly's own description of its API, where it stands beside the checkout: it judges what the clients of the
// fake send and what the fake answers. Without it only what the fake knows itself is judged.

const PLACE = new URL('../../../../shared/data/openapi/launchdarkly.json', import.meta.url);

/**
 * Answers that are right although the description does not list them.
 * - 403: every route answers it to a token that lacks the right; flags' POST and PATCH do not say so.
 * - 429: every route has a limit; the list of segments does not say so.
 * - 409 of POST segments: seen in terraform-provider-launchdarkly issue 302.
 * - 404 of POST flags and of approval requests: the project, flag or environment may be unknown.
 * - 415: of a body that is no JSON, and the fake's own for segments in JSON Patch form.
 * - 400 of the reads: an environment in the query that is not there (terraform-provider-launchdarkly issue 101), a bad
 *   page or filter.
 */
const UNLISTED_STATUS = new Set([400, 403, 404, 409, 415, 429]);

/** `summary=0` is what the description's own text says; its type says boolean. */
const LOOSE_BOOLEANS = new Set(['summary']);

interface Operation {
  readonly parameters: ReadonlyMap<string, string>;
  readonly body: string | undefined;
  /** By status; undefined: an answer without body. */
  readonly answers: ReadonlyMap<number, string | undefined>;
}

/** Says what is wrong, in sentences; nothing wrong is an empty list. */
export interface Description {
  readonly request: (
    method: string,
    template: string,
    query: URLSearchParams,
    body: unknown,
    semantic: boolean,
  ) => string[];
  readonly answer: (method: string, template: string, status: number, body: unknown) => string[];
}

type Tree = { readonly [key: string]: unknown };

let loaded: Description | undefined | 'absent';

/** Read once; undefined where there is none. Schemas are compiled when they are first needed. */
export function loadDescription(): Description | undefined {
  if (loaded === undefined) loaded = read() ?? 'absent';
  return loaded === 'absent' ? undefined : loaded;
}

function read(): Description | undefined {
  let text: string;
  try {
    text = readFileSync(PLACE, 'utf8');
  } catch {
    return undefined;
  }
  const document = JSON.parse(text) as { readonly paths: Record<string, Tree>; readonly components: Tree };
  // Formats like int64 say nothing about JSON; ajv is told not to mind them.
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: false });
  ajv.addSchema({ $id: 'launchdarkly', components: closed(document.components) });
  const compiled = new Map<string, ValidateFunction>();

  function check(schema: string, value: unknown, what: string): string[] {
    let validate = compiled.get(schema);
    if (validate === undefined) {
      validate = ajv.compile({ $ref: `launchdarkly${schema}` });
      compiled.set(schema, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      error => `${what}${error.instancePath} ${error.message ?? 'is wrong'} ${JSON.stringify(error.params)}`,
    );
  }

  function operation(method: string, template: string): Operation | undefined {
    const found = document.paths[template]?.[method.toLowerCase()];
    return found === undefined ? undefined : operationOf(found as Tree);
  }

  return {
    request(method, template, query, body, semantic) {
      const described = operation(method, template);
      if (described === undefined) return [];
      const wrong = [...query].flatMap(([name, value]) => checkParameter(described, name, value));
      if (semantic) wrong.push(...checkPatch(body, check));
      else if (described.body !== undefined) wrong.push(...check(described.body, body, 'body'));
      else if (body !== undefined) wrong.push('a body where none is described');
      return wrong;
    },
    answer(method, template, status, body) {
      const described = operation(method, template);
      if (described === undefined) return [];
      if (!described.answers.has(status))
        return UNLISTED_STATUS.has(status) ? [] : [`answers ${status}, not described`];
      const schema = described.answers.get(status);
      if (schema === undefined) return body === undefined ? [] : ['answers with a body where none is described'];
      // An error may say more than its description: what was refused on which resource.
      if (status < 400) return check(schema, body, 'answer');
      const { access: _, reason: __, ...plain } = body as Tree;
      return check(schema, plain, 'answer');
    },
  };
}

/**
 * The description knows the JSON Patch form only (`PatchWithComment`), although the same path takes semantic patches;
 * `patchFlagsRequest` is their form, without the `environmentKey` that the text names.
 */
function checkPatch(body: unknown, check: (schema: string, value: unknown, what: string) => string[]): string[] {
  const { environmentKey, ...rest } = (body ?? {}) as { readonly environmentKey?: unknown };
  const wrong = check('#/components/schemas/patchFlagsRequest', rest, 'body');
  if (environmentKey !== undefined && typeof environmentKey !== 'string')
    wrong.push('body/environmentKey must be string');
  return wrong;
}

function checkParameter(operation: Operation, name: string, value: string): string[] {
  const type = operation.parameters.get(name);
  if (type === undefined) return [`query parameter "${name}" is not described`];
  if (type === 'integer' && !/^-?\d+$/.test(value)) return [`query parameter "${name}" must be an integer`];
  if (type === 'boolean' && value !== 'true' && value !== 'false' && !LOOSE_BOOLEANS.has(name))
    return [`query parameter "${name}" must be a boolean`];
  return [];
}

function operationOf(found: Tree): Operation {
  const parameters = (found['parameters'] ?? []) as readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: { readonly type: string };
  }[];
  const answers = Object.entries((found['responses'] ?? {}) as Record<string, unknown>).map(
    ([status, answer]) => [Number(status), schemaOf(answer)] as const,
  );
  return {
    parameters: new Map(parameters.filter(one => one.in === 'query').map(one => [one.name, one.schema.type])),
    body: schemaOf(found['requestBody']),
    answers: new Map(answers),
  };
}

function schemaOf(holder: unknown): string | undefined {
  const content = (holder as { readonly content?: Record<string, { readonly schema?: { readonly $ref?: string } }> })
    ?.content;
  return content?.['application/json']?.schema?.$ref;
}

/** Every object takes only the properties that it describes: a misspelt field is found, and one that we made up. */
function closed(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(closed);
  if (typeof tree !== 'object' || tree === null) return tree;
  const copy = Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, closed(value)]));
  const open = copy['type'] === 'object' && typeof copy['properties'] === 'object' && !('additionalProperties' in copy);
  return open ? { ...copy, additionalProperties: false } : copy;
}
