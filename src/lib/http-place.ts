import { HttpError } from './http-error.ts';

/** Where requests go; `user:password@` of the address is a header. */
export interface Place {
  readonly origin: string;
  readonly host: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Parses an address that somebody configured. Throws an HttpError (`http-settings`) for what is no http or https URL. */
export function placeOf(address: string, name: string): Place {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    // The address itself is not shown: what is no URL may be a secret in the wrong place.
    const problem = {
      code: 'http-settings',
      message: `${name}: the configured address is no http or https URL.`,
      hint: 'Write it as http://host:port or https://host/path.',
    } as const;
    throw new HttpError(problem, { sent: false });
  }
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  const headers = user === '' && password === '' ? undefined : Buffer.from(`${user}:${password}`).toString('base64');
  return {
    origin: url.origin,
    host: url.host,
    path: url.pathname + url.search,
    headers: headers === undefined ? {} : { authorization: `Basic ${headers}` },
  };
}

/** A path behind another's: `/hooks?a=1` and `/key?b=2` → `/hooks/key?a=1&b=2`. */
export function joined(base: string, path: string): string {
  if (base === '/') return path;
  const [prefix, ownQuery] = cut(base);
  const [rest, query] = cut(path);
  const queries = [ownQuery, query].filter(part => part !== '').join('&');
  return prefix.replace(/\/+$/, '') + rest + (queries === '' ? '' : `?${queries}`);
}

function cut(path: string): [string, string] {
  const mark = path.indexOf('?');
  return mark < 0 ? [path, ''] : [path.slice(0, mark), path.slice(mark + 1)];
}
