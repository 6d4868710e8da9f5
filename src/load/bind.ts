import { isIPv6 } from 'node:net';

/**
 * `127.0.0.1:8080`, `localhost:8080`, `[::1]:8080`, or `:8080` for every interface (host ``, which Node binds to both
 * families where both exist). Undefined for anything else.
 */
export function parseBind(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  if (match[1] !== undefined) return isIPv6(match[1]) ? { host: match[1], port } : undefined;
  return { host: match[2] ?? '', port };
}
