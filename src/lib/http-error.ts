/** What went wrong with a request, in words that hold neither tokens nor queries. The shape of a domain Problem. */
export interface HttpProblem {
  readonly code:
    | 'unreachable'
    | 'timeout'
    | 'too-large'
    | 'tls'
    | 'redirect-refused'
    | 'http-status'
    | 'bad-json'
    | 'http-settings';
  readonly message: string;
  readonly hint: string;
}

export interface HttpErrorFacts {
  /** The request may have reached the other side: nobody knows whether it was done. */
  readonly sent: boolean;
  /** Of the answer, where there was one. */
  readonly status?: number;
  /** ms; the answer's `Retry-After`. */
  readonly retryAfter?: number;
}

/** The error of every failed request; domain's `toProblem` reads its `problem`. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly problem: HttpProblem;
  readonly sent: boolean;
  readonly status: number | undefined;
  readonly retryAfter: number | undefined;

  constructor(problem: HttpProblem, facts: HttpErrorFacts) {
    // No `cause`: what undici and TLS throw may quote headers and URLs.
    super(problem.message);
    this.problem = problem;
    this.sent = facts.sent;
    this.status = facts.status;
    this.retryAfter = facts.retryAfter;
  }
}

interface Words {
  readonly code: HttpProblem['code'];
  readonly what: string;
  readonly hint: string;
  readonly sent: boolean;
}

const notListening = 'Start it, or correct the address.';
const noRoute = 'Look at the address, the network and the firewall between.';

/**
 * Turns what undici, node:net, DNS or TLS threw into short words. `host` is host and port as they may be shown. An
 * error that nobody foresaw is named by its code alone: its message may quote what was sent.
 */
export function wordsFor(error: unknown, host: string): Words {
  const code = codeOf(error);
  switch (code) {
    case 'ECONNREFUSED':
      return { code: 'unreachable', what: `nobody listens at ${host}`, hint: notListening, sent: false };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
      return {
        code: 'unreachable',
        what: `the name of ${host} cannot be looked up (${code})`,
        hint: 'Correct the host name, or look at DNS.',
        sent: false,
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return { code: 'unreachable', what: `there is no way to ${host} (${code})`, hint: noRoute, sent: false };
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return { code: 'timeout', what: `${host} accepts no connection`, hint: noRoute, sent: false };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
    case 'UND_ERR_SOCKET':
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return {
        code: 'unreachable',
        what: `${host} closed the connection before its answer was whole`,
        hint: 'It is tried again; if it goes on, look at its log and at proxies between.',
        sent: true,
      };
    case 'UND_ERR_ABORTED':
    case 'UND_ERR_PRX_TLS':
      return {
        code: 'unreachable',
        what: `the proxy gave no way to ${host}`,
        hint: 'Look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY.',
        sent: false,
      };
    default:
  }
  if (isTls(code)) {
    const hint = code.startsWith('CERT_HAS_EXPIRED')
      ? 'Renew its certificate.'
      : 'Configure `tls.ca` with the authority that signed it, and an https address whose name is in the certificate.';
    return { code: 'tls', what: `the TLS connection to ${host} was refused (${code})`, hint, sent: false };
  }
  if (/^HPE_|^HTTPParserError$|^UND_ERR_HEADERS_OVERFLOW$/.test(code)) {
    return {
      code: 'unreachable',
      what: `what answers at ${host} does not speak HTTP as it should (${code})`,
      hint: 'Look at the address: is it http or https, and the right port?',
      sent: true,
    };
  }
  if (code === 'UND_ERR_INVALID_ARG' || code.startsWith('ERR_INVALID')) {
    return {
      code: 'http-settings',
      what: `the request to ${host} cannot be made (${code})`,
      hint: 'Look for line breaks and other unprintable characters in the configured address, token and headers.',
      sent: false,
    };
  }
  return { code: 'unreachable', what: `the request to ${host} failed (${code})`, hint: noRoute, sent: true };
}

/** The connection was closed before an answer began. */
export function isClosed(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  if (error !== null && typeof error === 'object') {
    if ('code' in error && typeof error.code === 'string') return error.code;
    if ('cause' in error && error.cause !== undefined) return codeOf(error.cause);
    if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) return codeOf(error.errors[0]);
    if ('name' in error && typeof error.name === 'string') return error.name;
  }
  return 'unknown';
}

// Codes of node:tls and OpenSSL: https://nodejs.org/docs/latest-v24.x/api/tls.html#x509-certificate-error-codes
function isTls(code: string): boolean {
  return (
    code === 'EPROTO' ||
    /^(CERT_|CRL_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH_|ERROR_IN_CERT_)/.test(
      code,
    )
  );
}
