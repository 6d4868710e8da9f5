import { UsageError } from '../domain/problem.ts';
import { parseDuration } from '../lib/duration.ts';

export type Command = 'validate' | 'plan' | 'apply' | 'stale';
export const commands: readonly Command[] = ['validate', 'plan', 'apply', 'stale'];

/** What a workflow says under `with`, checked. `action.yml` describes each. */
export interface Inputs {
  /** Undefined: what the event asks for. */
  readonly command: Command | undefined;
  readonly config: string;
  readonly basePath: string | undefined;
  readonly all: boolean;
  readonly showUsers: boolean;
  /** From the root. */
  readonly rules: string | undefined;
  /** The address of a running instance. */
  readonly server: string | undefined;
  /** A file that `optoggles snapshot` made. */
  readonly snapshot: string | undefined;
  readonly checksum: string | undefined;
  readonly approve: readonly string[];
  /** ms */
  readonly timeout: number;
  readonly token: string | undefined;
}

/** Reads the inputs; `get` gives an input's text, empty where there is none. Throws a UsageError for the first wrong one. */
export function readInputs(get: (name: string) => string): Inputs {
  const text = (name: string) => get(name).trim() || undefined;
  return {
    command: oneOf('command', text('command'), commands),
    config: text('config') ?? 'optoggles.yaml',
    basePath: text('base-path'),
    all: oneOf('all', text('all'), ['true', 'false']) === 'true',
    showUsers: oneOf('show-users', text('show-users'), ['counts', 'names']) === 'names',
    rules: text('rules'),
    server: text('server'),
    snapshot: text('snapshot'),
    checksum: text('checksum'),
    approve: get('approve')
      .split(/[\s,]+/)
      .filter(id => id !== ''),
    timeout: durationOf('timeout', text('timeout') ?? '2m'),
    token: text('github-token'),
  };
}

function oneOf<Value extends string>(
  name: string,
  value: string | undefined,
  known: readonly Value[],
): Value | undefined {
  const found = known.find(one => one === value);
  if (value === undefined || found !== undefined) return found;
  throw new UsageError({
    code: 'bad-input',
    message: `The input "${name}" cannot be ${JSON.stringify(value)}.`,
    hint: `Use one of: ${known.join(', ')}.`,
  });
}

function durationOf(name: string, value: string): number {
  try {
    return parseDuration(value);
  } catch {
    throw new UsageError({
      code: 'bad-input',
      message: `The input "${name}" is no duration: ${JSON.stringify(value)}.`,
      hint: 'Write a whole number and its unit, up to 99h: 90s, 5m, 1h.',
    });
  }
}
