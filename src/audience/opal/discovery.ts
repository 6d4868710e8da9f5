import { isIPv4 } from 'node:net';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import type { OpaAddress } from '../opa-client.ts';

/**
 * Where OPA is, by what the OPAL client answers to `GET /policy-store/config` (`{type, url, token?, auth_type, …}`) and
 * the address of that client. A loopback address means "beside the OPAL client": its host, with OPA's port. `ownToken`
 * is the configured one and wins. Throws a ProblemError that names what to configure.
 */
export function opaAddressOf(
  config: unknown,
  opalUrl: string,
  source: string,
  ownToken: string | undefined,
): OpaAddress {
  const { type, url, token, auth_type: auth } = (config ?? {}) as Readonly<Record<string, unknown>>;
  const cannot = (what: string, hint: string) => new ProblemError(problem(source, what, hint));
  if (typeof type === 'string' && type.toUpperCase() !== 'OPA') {
    throw cannot(
      `its policy store is ${shown(type)}, not OPA`,
      'Only OPA can be asked; give the source an OPAL client with one.',
    );
  }
  if (typeof url !== 'string') {
    throw cannot(
      'it does not say where OPA is',
      'Configure opa.url of the source, or look whether url is an OPAL client.',
    );
  }
  const address = URL.parse(url);
  if (address === null || (address.protocol !== 'http:' && address.protocol !== 'https:')) {
    throw cannot('the address it gives for OPA is no http or https URL', 'Configure opa.url of the source.');
  }
  if (isLoopback(address.hostname)) address.hostname = new URL(opalUrl).hostname;
  return { url: address.href, token: tokenOf(ownToken, token, auth, cannot) };
}

function tokenOf(
  own: string | undefined,
  given: unknown,
  auth: unknown,
  cannot: (what: string, hint: string) => ProblemError,
): string | undefined {
  if (own !== undefined && own !== '') return own;
  if (auth === 'oauth')
    throw cannot('its OPA wants OAuth, which is not spoken here', 'Configure opa.url and opa.token of the source.');
  if (auth === 'tls') {
    throw cannot(
      'its OPA wants a client certificate',
      'Configure opa.url of the source, and tls.cert, tls.key and tls.ca with files of your own.',
    );
  }
  if (typeof given === 'string' && given !== '') return given;
  if (auth === 'token') {
    throw cannot(
      'its OPA wants a token and OPAL keeps it to itself',
      'Configure opa.token of the source, or start OPAL without OPAL_EXCLUDE_POLICY_STORE_SECRETS.',
    );
  }
  return undefined;
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    (isIPv4(hostname) && hostname.startsWith('127.')) ||
    ['0.0.0.0', '[::1]', '[::]'].includes(hostname) ||
    hostname.startsWith('[::ffff:7f')
  );
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}

function problem(source: string, what: string, hint: string): Problem {
  return { code: 'opa-discovery', message: `OPAL of source ${source}: ${what}.`, hint };
}
