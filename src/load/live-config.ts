import type { Config, GitFlags } from '../domain/config.ts';
import type { LoadedConfig } from './config.ts';

/** What became another by a renewal; everything else waits for a restart. */
export interface Renewal {
  /** Ids of sources with other settings. */
  readonly sources: readonly string[];
  /** Names of targets with other settings. */
  readonly targets: readonly string[];
  readonly notify: boolean;
  /** The secret behind the bearers of callbacks is another: they stay as they are until a restart. */
  readonly callbackSecret: boolean;
  /** Something changed at all. */
  readonly any: boolean;
}

export interface LiveConfig {
  /** Its secrets are always the newest: read them when they are needed, do not keep them. */
  readonly config: Config;
  /** Reads the files of secrets again. Throws a ProblemsError where one of them cannot be used; then nothing changed. */
  renew(): Renewal;
}

/** A configuration whose secrets come in anew from their files; everything else stays as it was read at the start. */
export function createLiveConfig(loaded: Pick<LoadedConfig, 'config' | 'renewed'>): LiveConfig {
  const { config: first } = loaded;
  let current = first;
  const { flags } = first;
  const git = flags?.git && liveGit(flags.git, () => current.flags?.git);
  const config: Config = {
    ...first,
    flags: flags && { ...flags, ...(git && { git }) },
    get sources() {
      return current.sources;
    },
    get targets() {
      return current.targets;
    },
    get adminTokens() {
      return current.adminTokens;
    },
    get readTokens() {
      return current.readTokens;
    },
    get notify() {
      return current.notify ?? [];
    },
    get secrets() {
      return current.secrets ?? [];
    },
  };
  return {
    config,
    renew() {
      const before = current;
      const next = loaded.renewed();
      current = next;
      return {
        sources: next.sources.filter((one, at) => differs(one, before.sources[at])).map(({ id }) => id),
        targets: next.targets.filter((one, at) => differs(one, before.targets[at])).map(({ name }) => name),
        notify: differs(next.notify, before.notify),
        callbackSecret: next.callbackSecret !== before.callbackSecret,
        any: differs(next, before),
      };
    },
  };
}

function liveGit(first: GitFlags, now: () => GitFlags | undefined): GitFlags {
  return {
    ...first,
    get token() {
      return now()?.token;
    },
    get webhookSecret() {
      return now()?.webhookSecret;
    },
  };
}

function differs(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) !== JSON.stringify(other);
}
