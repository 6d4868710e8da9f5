import type { FakeLaunchDarkly } from './server.ts';

export interface Heard {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly [key: string]: unknown };
}

/** A plain request to the fake. A PATCH goes as a semantic patch unless the headers say otherwise. */
export async function call(
  fake: FakeLaunchDarkly,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Heard> {
  const type = method === 'PATCH' ? 'application/json; domain-model=launchdarkly.semanticpatch' : 'application/json';
  const response = await fetch(`${fake.url}${path}`, {
    method,
    headers: {
      authorization: fake.token,
      'ld-api-version': '20240415',
      ...(body === undefined ? {} : { 'content-type': type }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Heard['body']),
  };
}
