import { readFile, stat } from 'node:fs/promises';
import { membersOf } from '../domain/members.ts';
import { type Problem, ProblemError } from '../domain/problem.ts';
import type { Snapshot, SnapshotAudience } from '../domain/snapshot.ts';
import { check } from './check.ts';
import { compare } from './problems.ts';
import { type SnapshotJson, snapshotSchema } from './snapshot-schema.ts';

/** 5,000,000 members have 125 MB. */
const largest = 256 * 1024 * 1024;
const again = 'Take a new one with "optoggles snapshot --out FILE".';

/**
 * A snapshot as text, ended by a line end. The same snapshot gives the same bytes; an audience has a line of its own, so
 * that a diff shows which changed.
 */
export function snapshotText(snapshot: Snapshot): string {
  const { instance, keyId, takenAt, sources, audiences } = snapshot;
  const head = {
    version: 1,
    instance,
    takenAt: new Date(takenAt).toISOString(),
    keyId,
    sources: sources.map(({ id, revision, dataUpdate }) => {
      return { id, revision: revision ?? null, dataUpdate: dataUpdate ?? null };
    }),
  };
  const lines = [...audiences]
    .sort((a, b) => compare(a.source, b.source) || compare(a.rule, b.rule) || compare(a.id, b.id))
    .map(audience => `\n    ${JSON.stringify(audienceJson(audience))}`);
  const list = lines.length === 0 ? '[]' : `[${lines.join(',')}\n  ]`;
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "audiences": ${list}\n}\n`;
}

function audienceJson(audience: SnapshotAudience): SnapshotJson['audiences'][number] {
  const { id, source, rule, contextKind, state } = audience;
  const about = { id, source, rule, contextKind, state };
  switch (audience.state) {
    case 'defined':
      return { ...about, count: audience.members.size, members: [...audience.members.values()] };
    case 'undefined':
      return about;
    case 'failed': {
      const { code, message, hint } = audience.problem;
      return { ...about, problem: { code, message, ...(hint !== undefined && { hint }) } };
    }
  }
}

/** Reads a snapshot; `name` is the file's name in messages. Throws a ProblemError for what is none. */
export async function readSnapshot(path: string, name: string): Promise<Snapshot> {
  const text = await read(path, name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken(name, 'is no JSON', 'snapshot-broken');
  }
  if (isOfVersion(value) && value.version !== 1) {
    throw broken(name, `has version ${String(value.version)}, and this OPToggles reads version 1`, 'snapshot-version');
  }
  const [first] = check(snapshotSchema, value, () => ({ file: name, line: 1, column: 1 }));
  if (first !== undefined) throw broken(name, `is no snapshot: ${first.message.replace(/\.$/, '')}`, 'snapshot-broken');
  return fromJson(value as SnapshotJson, name);
}

function fromJson({ instance, takenAt, keyId, sources, audiences }: SnapshotJson, name: string): Snapshot {
  return {
    instance,
    takenAt: Date.parse(takenAt),
    keyId,
    sources: sources.map(({ id, revision, dataUpdate }) => {
      return { id, revision: revision ?? undefined, dataUpdate: dataUpdate ?? undefined };
    }),
    audiences: audiences.map((found): SnapshotAudience => {
      const { id, source, rule, contextKind, state, count, members, problem } = found;
      const about = { id, source, rule, contextKind };
      if (state === 'undefined') return { ...about, state };
      if (state === 'failed') return { ...about, state, problem: problem ?? failedBefore(rule) };
      const hashes = membersOf(members ?? []);
      // A file that was cut or edited would take features from people.
      if (members === undefined || hashes.size !== count) {
        throw broken(name, `does not hold as many members of ${rule} as it says`, 'snapshot-broken');
      }
      return { ...about, state: 'defined', members: hashes };
    }),
  };
}

function failedBefore(rule: string): Problem {
  return { code: 'snapshot-failed', message: `${rule} failed when the snapshot was taken.`, hint: again };
}

async function read(path: string, name: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > largest)
      throw broken(name, `has ${size} bytes, more than the ${largest} that are read`, 'snapshot-broken');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw broken(name, `cannot be read (${code})`, 'snapshot-unreadable');
  }
}

function isOfVersion(value: unknown): value is { readonly version: unknown } {
  return typeof value === 'object' && value !== null && 'version' in value;
}

function broken(name: string, what: string, code: string): ProblemError {
  return new ProblemError({ code, message: `The snapshot ${name} ${what}.`, hint: again });
}
