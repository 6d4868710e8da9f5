import type { Tip } from './driver.ts';
import { badAnswer, GitError, shownAddress } from './git-error.ts';

/** What a remote said of its refs. */
export interface RemoteRefs {
  /** Commits by full name; of annotated tags the commit, not the tag. */
  readonly commits: ReadonlyMap<string, string>;
  /** Where `HEAD` leads. */
  readonly head: string | undefined;
}

/** The full names that a configured ref may mean, the first that exists counts. */
export function candidates(ref: string): readonly string[] {
  return ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
}

/** Finds what was asked for. Throws a GitError where it is not there. */
export function resolveTip(url: string, refs: RemoteRefs, ref: string | undefined): Tip {
  const name = ref === undefined ? defaultOf(refs) : candidates(ref).find(one => refs.commits.has(one));
  const commit = name === undefined ? undefined : refs.commits.get(name);
  if (name === undefined || commit === undefined) throw missing(url, refs, ref);
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) throw badAnswer(url, 'a ref without a commit');
  return { ref: name, commit };
}

function defaultOf({ commits, head }: RemoteRefs): string | undefined {
  if (head !== undefined) return commits.has(head) ? head : undefined;
  // A detached HEAD, or a server that does not tell where it leads.
  return commits.has('HEAD') ? 'HEAD' : undefined;
}

function missing(url: string, refs: RemoteRefs, ref: string | undefined): GitError {
  const where = shownAddress(url);
  if (refs.commits.size === 0 && refs.head === undefined) {
    return new GitError('remote', {
      code: 'git-empty',
      message: `${where} shows no commit at all.`,
      hint: 'Push a commit; if there are some, see that this is the address of the repository.',
    });
  }
  if (ref === undefined) {
    return new GitError('ref', {
      code: 'git-ref-missing',
      message: `${where} has no default branch with a commit.`,
      hint: 'Push a commit to it, or name another branch in "flags.ref".',
    });
  }
  const instead = refs.head === undefined ? '' : ` Its default branch is ${shortRef(refs.head)}.`;
  return new GitError('ref', {
    code: 'git-ref-missing',
    message: `${where} has no branch or tag ${JSON.stringify(ref)} (any more).${instead}`,
    hint: 'Bring it back, or correct "flags.ref" if it was renamed.',
  });
}

/** `refs/heads/main` → `main`. */
export function shortRef(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, '');
}
