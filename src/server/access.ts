import { createHash, timingSafeEqual } from 'node:crypto';
import type { NamedToken } from '../domain/config.ts';

/** Read at each request: tokens may be others by then. */
export interface AccessConfig {
  readonly adminTokens: readonly NamedToken[];
  readonly readTokens: readonly NamedToken[];
  readonly publicStatus: boolean;
  /** Bound to a loopback address. */
  readonly loopback: boolean;
}

export interface Access {
  readonly hasAdmin: boolean;
  /** The name of the admin token that is carried; undefined: none or a wrong one. */
  admin(authorization: string | undefined): string | undefined;
  /** Whether status may be shown to this request. */
  mayRead(authorization: string | undefined, host: string | undefined): boolean;
  /** The same for metrics, which only a loopback address protects. */
  mayMeasure(authorization: string | undefined, host: string | undefined): boolean;
  /** Whether this request may make us work: what everybody may look at is not enough. */
  mayAsk(authorization: string | undefined, host: string | undefined): boolean;
}

/** Who may do what over HTTP. Tokens that are empty (a variable that is not set) do not exist. */
export function createAccess(config: AccessConfig): Access {
  const admins = hashedOnce(() => config.adminTokens);
  const others = hashedOnce(() => config.readTokens);
  const knows = (authorization: string | undefined) =>
    tokenName([...admins(), ...others()], authorization) !== undefined;
  // A page of another site can make the browser resolve its own name to 127.0.0.1 and read what is open there. The
  // address alone proves nothing then, but the name in `Host` is the other site's.
  const local = (host: string | undefined) => config.loopback && isLoopbackHost(host);
  return {
    get hasAdmin() {
      return admins().length > 0;
    },
    admin: authorization => tokenName(admins(), authorization),
    mayRead: (authorization, host) => config.publicStatus || local(host) || knows(authorization),
    mayAsk: (authorization, host) => local(host) || knows(authorization),
    mayMeasure: (authorization, host) => !config.loopback || config.publicStatus || local(host) || knows(authorization),
  };
}

/** The token of `Authorization: Bearer …`; undefined where there is none. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length < 8) return undefined;
  return authorization.slice(0, 7).toLowerCase() === 'bearer ' ? authorization.slice(7).trim() : undefined;
}

/** Whether a `Host` header names this machine by a loopback name or address. A browser always sends one. */
function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return true;
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host);
}

interface HashedToken {
  readonly name: string;
  readonly hash: Buffer;
}

/** Hashes tokens when they are first asked for, and again when they are others. */
function hashedOnce(tokens: () => readonly NamedToken[]): () => readonly HashedToken[] {
  let of: readonly NamedToken[] | undefined;
  let hashes: readonly HashedToken[] = [];
  return () => {
    const now = tokens();
    if (now !== of) hashes = hashed(now);
    of = now;
    return hashes;
  };
}

function hashed(tokens: readonly NamedToken[]): HashedToken[] {
  return tokens.filter(({ token }) => token !== '').map(({ name, token }) => ({ name, hash: sha256(token) }));
}

/** Takes the same time whichever token is given: hashes have one length, and all are compared. */
function tokenName(tokens: readonly HashedToken[], authorization: string | undefined): string | undefined {
  const bearer = bearerOf(authorization);
  if (bearer === undefined) return undefined;
  const given = sha256(bearer);
  let name: string | undefined;
  for (const token of tokens) if (timingSafeEqual(token.hash, given)) name ??= token.name;
  return name;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
