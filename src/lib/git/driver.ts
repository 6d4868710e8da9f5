/** A repository somewhere else. */
export interface GitRemote {
  /** Without user and password. */
  readonly url: string;
  /** Sent with the token; undefined: a name that the common servers take. */
  readonly user: string | undefined;
  readonly token: string | undefined;
}

/** Where a ref of the remote stands. */
export interface Tip {
  /** The full name, `refs/heads/main`. */
  readonly ref: string;
  readonly commit: string;
}

/** One entry of a tree, folders opened. */
export interface TreeEntry {
  /** Below the folder that was asked for, with `/`. */
  readonly path: string;
  readonly kind: 'file' | 'link';
  readonly id: string;
}

export interface GitBlob {
  readonly id: string;
  /** In bytes. */
  readonly size: number;
  /** Undefined: larger than was asked for. */
  readonly bytes: Buffer | undefined;
}

/** Reads what a clone has. Throws a GitError: `damaged` where something is missing or unreadable. */
export interface GitReader {
  /** Whether the clone has this commit. */
  has(commit: string): Promise<boolean>;
  /** What lies under a folder of a commit (`''`: the whole); undefined: there is no such folder. */
  tree(commit: string, folder: string, signal: AbortSignal): Promise<readonly TreeEntry[] | undefined>;
  /** One file of a commit; undefined: there is none. */
  file(commit: string, path: string, signal: AbortSignal): Promise<TreeEntry | undefined>;
  /** The contents of these blobs, in any order; bytes only of those up to `limit` bytes. */
  blobs(ids: readonly string[], limit: number, signal: AbortSignal): AsyncIterable<GitBlob>;
  /** Whether a commit came after another. */
  descends(commit: string, from: string): Promise<boolean>;
}

/** One way to speak git. Every failure is a GitError; an abort by the caller is the caller's reason. */
export interface GitDriver {
  /** Asks the remote where a branch, a tag or a full ref stands; undefined: its default branch. */
  tip(ref: string | undefined, signal: AbortSignal): Promise<Tip>;
  /**
   * Makes a bare clone of that one ref in a folder that is not there yet, with its history or (`last`) without. What
   * came may be newer than the tip.
   */
  clone(folder: string, tip: Tip, depth: 'full' | 'last', signal: AbortSignal): Promise<Tip>;
  /** Brings a clone up to the tip, or to what is newer. */
  fetch(folder: string, tip: Tip, signal: AbortSignal): Promise<Tip>;
  /** A reader sees what was there when it was made. */
  open(folder: string): GitReader;
  close(): Promise<void>;
}

/** In a tree, names that cannot be files here, or lead elsewhere. */
export function isSafeName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\u0000]/.test(name) && name.toLowerCase() !== '.git';
}

/** More of a tree is not looked at: flag files, folders and what lies beside them. */
export const mostEntries = 100_000;
export const mostFolders = 10_000;

/** A clone may take so much of the disk, in bytes (behaviour.md §8). */
export const diskLimit = 2 * 1024 ** 3;

/** In ms. */
export interface GitLimits {
  /** To ask where a ref stands. */
  readonly ask: number;
  /** To fetch or to clone. */
  readonly fetch: number;
}

export const defaultLimits: GitLimits = { ask: 15_000, fetch: 300_000 };
