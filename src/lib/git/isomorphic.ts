import fs from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { createHttpClient } from '../../lib/http.ts';
import { addRemote, fetch as fetchPack, init, listServerRefs, readCommit, writeRef } from 'isomorphic-git';
import { cloneInProcess } from './clone-process.ts';
import { defaultLimits, type GitDriver, type GitLimits, type GitRemote, type Tip } from './driver.ts';
import { badAnswer, folderTrouble, fromHttp, GitError, tooSlow } from './git-error.ts';
import { gitHttp, type GitHttp } from './isomorphic-http.ts';
import { openIsomorphic } from './isomorphic-reader.ts';
import { candidates, type RemoteRefs, resolveTip } from './refs.ts';
import { within } from './within.ts';

/** What a fetch may bring at once, in bytes: it is held in memory several times over. */
const largestAnswer = 48 * 1024 * 1024;
/**
 * And so much unpacked, in this process, where everything else waits meanwhile (a second for 20 MB was measured). What is
 * more is cloned anew, apart.
 */
const mostFetched = 64 * 1024 * 1024;
/** Ours: what was fetched last, so that the next fetch knows what is here. */
const seenRef = 'refs/heads/seen';

export interface DriverOptions {
  readonly remote: GitRemote;
  readonly clock: Clock;
  readonly limits?: GitLimits;
  /** False: clones in this process. */
  readonly apart?: boolean;
}

/** Git without an installed git: smart HTTP only. One repository, one connection pool. */
export function createIsomorphicDriver({
  remote,
  clock,
  limits = defaultLimits,
  apart = true,
}: DriverOptions): GitDriver {
  const { url } = remote;
  const client = createHttpClient({
    name: 'flags repository',
    timeout: limits.fetch,
    maxBytes: largestAnswer,
    secrets: remote.token === undefined ? [] : [remote.token],
    clock,
  });

  /** Turns everything that may be thrown into a GitError, but for the caller's own abort. */
  async function remotely<Result>(
    work: (http: GitHttp) => Promise<Result>,
    ms: number,
    signal: AbortSignal,
    mostUnpacked?: number,
  ): Promise<Result> {
    try {
      return await within(
        own => work(gitHttp({ client, remote, signal: own, ms, mostUnpacked })),
        ms,
        () => tooSlow(url, ms),
        {
          clock,
          signal,
        },
      );
    } catch (error) {
      if (signal.aborted || error instanceof GitError) throw error;
      throw folderTrouble(error) ?? fromHttp(error, url) ?? badAnswer(url, codeOf(error));
    }
  }

  async function list(http: GitHttp, prefix: string): Promise<RemoteRefs> {
    const found = await listServerRefs({ http, url, prefix, symrefs: true, peelTags: true });
    const head = found.find(({ ref }) => ref === 'HEAD')?.target;
    const commits = new Map(found.map(({ ref, oid, peeled }) => [ref, peeled ?? oid]));
    return { commits, head };
  }

  async function askFor(http: GitHttp, ref: string | undefined): Promise<Tip> {
    for (const name of ref === undefined ? [] : candidates(ref)) {
      const found = await list(http, name);
      if (found.commits.has(name)) return resolveTip(url, { ...found, head: undefined }, name);
    }
    // The default branch: to be taken, or to be named in the message. An old server lists everything at once.
    const found = await list(http, 'HEAD');
    if (ref !== undefined || found.head === undefined || found.commits.has(found.head)) {
      return resolveTip(url, found, ref);
    }
    const head = found.commits.get('HEAD');
    if (head !== undefined) return resolveTip(url, { commits: new Map([[found.head, head]]), head: found.head }, ref);
    return resolveTip(url, found, ref);
  }

  async function bring(http: GitHttp, gitdir: string, tip: Tip, depth?: number): Promise<Tip> {
    const { fetchHead } = await fetchPack({
      fs,
      http,
      gitdir,
      url,
      remote: 'origin',
      ref: seenRef,
      remoteRef: tip.ref,
      singleBranch: true,
      tags: false,
      ...(depth !== undefined && { depth }),
    });
    if (fetchHead === null) throw badAnswer(url, 'a ref that went');
    const { oid } = await readCommit({ fs, gitdir, oid: fetchHead });
    await writeRef({ fs, gitdir, ref: seenRef, value: oid, force: true });
    return { ref: tip.ref, commit: oid };
  }

  return {
    tip: (ref, signal) => remotely(http => askFor(http, ref), limits.ask, signal),
    async clone(folder, tip, depth, signal) {
      if (apart) return cloneInProcess({ remote, limits, folder, tip, depth }, signal);
      return remotely(
        async http => {
          await init({ fs, dir: folder, gitdir: folder, bare: true, defaultBranch: 'none' });
          await addRemote({ fs, gitdir: folder, remote: 'origin', url });
          return bring(http, folder, tip, depth === 'last' ? 1 : undefined);
        },
        limits.fetch,
        signal,
      );
    },
    fetch: (folder, tip, signal) =>
      remotely(http => bring(http, folder, tip), limits.fetch, signal, apart ? mostFetched : undefined),
    open: folder => openIsomorphic(folder),
    close: () => client.close(),
  };
}

/** The library's errors have a `code`; their messages may quote what the server sent. */
function codeOf(error: unknown): string {
  if (error instanceof RangeError) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^[A-Za-z]{1,40}$/.test(code) ? code : 'it cannot be read';
}
