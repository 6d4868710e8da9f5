import type { Account, Token } from './model.ts';
import { forbidden, invalid } from './refusal.ts';

/** A request that reached its route. */
export interface Call {
  readonly account: Account;
  readonly token: Token;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Parsed; undefined where there was none. */
  readonly body: unknown;
  /** Whether the content type says that the body is a semantic patch. */
  readonly semantic: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** As in the API description, so that it is the way into it. */
  readonly template: string;
  readonly handle: (call: Call) => Answer;
}

export interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** The route of a path without its query. `known` tells a wrong method (405) from a wrong path (404). */
export function findRoute(routes: readonly Route[], method: string, path: string): Found | { readonly known: boolean } {
  let known = false;
  for (const route of routes) {
    const params = match(route.template, path);
    if (params === undefined) continue;
    known = true;
    if (route.method === method) return { route, params };
  }
  return { known };
}

/** 403 unless the token has the right; `resource` as in custom roles. */
export function demand(call: Call, action: string, resource: string): void {
  const { deny } = call.token;
  if (deny.includes(action) || (deny.includes('*') && !action.startsWith('view'))) throw forbidden(action, resource);
}

/** The parameter of the path; the router has it. */
export function param(call: Call, name: string): string {
  return call.params[name] as string;
}

/** `limit` and `offset`, refused where LaunchDarkly refuses them. */
export function pageOf(query: URLSearchParams, most: number): { readonly limit: number; readonly offset: number } {
  const limit = wholeNumber(query, 'limit') ?? 20;
  const offset = wholeNumber(query, 'offset') ?? 0;
  if (limit < 1 || limit > most) throw invalid(`limit must be between 1 and ${most}`);
  return { limit, offset };
}

/** `true` and `1`, `false` and `0`. */
export function switchOf(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalid(`${name} must be a boolean`);
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^\d+$/.test(value)) throw invalid(`${name} must be a whole number`);
  return Number(value);
}

function match(template: string, path: string): Record<string, string> | undefined {
  const wanted = template.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] as string;
    if (part.startsWith('{')) {
      if (value === '') return undefined;
      params[part.slice(1, -1)] = decodeURIComponent(value);
    } else if (part !== value) {
      return undefined;
    }
  }
  return params;
}
