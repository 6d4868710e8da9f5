/**
 * The claims of a JWT, not verified: only good for telling its owner about it. Undefined: it is none.
 * https://www.rfc-editor.org/rfc/rfc7519
 */
export function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
    return claims as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
