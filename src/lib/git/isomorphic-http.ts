import type { HttpClient } from '../../lib/http.ts';
import type { GitHttpRequest, HttpClient as IsomorphicHttp } from 'isomorphic-git';
import type { GitRemote } from './driver.ts';
import { tooLarge } from './git-error.ts';
import { checkPack, packOf, PackTooLarge } from './pack-check.ts';

export type GitHttp = IsomorphicHttp;

/** GitHub takes any name beside a token, GitLab any that is not empty; this one is GitHub's own example. */
const usualUser = 'x-access-token';

/** The `Authorization` for a repository; undefined: none is needed. */
export function authorization({ user, token }: GitRemote): string | undefined {
  if (token === undefined) return undefined;
  return `Basic ${Buffer.from(`${user ?? usualUser}:${token}`).toString('base64')}`;
}

/**
 * The HTTP of isomorphic-git through the client of the house: redirects refused, answers bounded, the token sent to the
 * configured server and nowhere else. A pack is checked before the library unpacks it.
 */
export function gitHttp(options: {
  readonly client: HttpClient;
  readonly remote: GitRemote;
  readonly signal: AbortSignal;
  readonly ms: number;
  /** Of what an answer unpacks to, in bytes; default: a whole history. */
  readonly mostUnpacked?: number | undefined;
}): GitHttp {
  const { client, remote, signal, ms, mostUnpacked } = options;
  const origin = new URL(remote.url).origin;
  const secret = authorization(remote);
  return {
    async request({ url, method = 'GET', headers = {}, body }: GitHttpRequest) {
      if (new URL(url).origin !== origin) throw new RangeError('another server');
      const request = {
        url,
        method: method === 'POST' ? ('POST' as const) : ('GET' as const),
        headers: { ...headers, ...(secret !== undefined && { authorization: secret }) },
        ...(body !== undefined && { body: await joined(body) }),
        signal,
        timeout: ms,
      };
      const response = await client.send(request);
      if (response.status !== 200) throw client.unexpected(request, response);
      const answer = response.bytes();
      const type = response.header('content-type') ?? '';
      if (type === 'application/x-git-upload-pack-result' && isFetch(request.body))
        check(answer, remote.url, mostUnpacked);
      return {
        url,
        method,
        statusCode: response.status,
        statusMessage: '',
        headers: { 'content-type': type },
        body: once(answer),
      };
    },
  };
}

/** A request of the first protocol names what it wants; `ls-refs` of the second has no pack in its answer. */
function isFetch(body: Buffer | undefined): boolean {
  return body?.toString('latin1', 4, 9) === 'want ';
}

function check(answer: Buffer, url: string, mostUnpacked: number | undefined): void {
  try {
    const pack = packOf(answer);
    if (pack !== undefined) checkPack(pack, mostUnpacked);
  } catch (error) {
    if (error instanceof PackTooLarge) throw tooLarge(url, error.message);
    throw error;
  }
}

async function joined(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
