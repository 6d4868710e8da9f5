import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { placementIdOf } from '../../src/domain/identity.ts';
import { membersOf } from '../../src/domain/members.ts';
import type { Change } from '../../src/domain/plan.ts';
import { ProblemError, toProblem } from '../../src/domain/problem.ts';
import type { Capabilities, LiveListing } from '../../src/domain/listing.ts';
import type { Outcome, Target } from '../../src/domain/target.ts';
import { pathInside } from '../../src/lib/inside.ts';
import { replaceFile } from '../../src/lib/replace-file.ts';
import type { TargetKind } from '../../src/targets/kind.ts';
import { type Flags, flagsIn } from './flags.ts';

const capabilities: Capabilities = {
  environments: 'many',
  marks: true,
  groups: null,
  conditions: false,
  contextKinds: 'any',
  mostMembers: null,
  metadataAlone: true,
  onOff: false,
  archive: false,
  atomic: 'environment',
};

/** One JSON file that an application reads: flags by key, and by environment who has them. */
export const jsonfileTarget: TargetKind = {
  type: 'jsonfile',
  settings: Type.Object({ path: Type.String({ minLength: 1, description: 'The file to write.' }) }),
  environments: ({ environments }) => (Array.isArray(environments) ? environments.map(String) : undefined),
  spec: Type.Object({}, { additionalProperties: false }),
  create(settings, { name, mark, folder, environments = [] }): Target {
    const path = pathOf(settings.path, name, folder);
    // Relative to the configuration: moving the whole folder makes no other placement.
    const address = `jsonfile ${String(settings.path)}`;
    let writing = Promise.resolve();

    /** Undefined: there is no file yet. */
    function load(): Promise<string | undefined> {
      return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
    }

    /** Changes `flags` in place; says what became of it, should the file then be written. */
    function make(change: Change, flags: Flags): Outcome {
      const { id, key, kind, metadata } = change;
      const flag = Object.hasOwn(flags, key) ? flags[key] : undefined;
      if (flag !== undefined && flag.owner !== mark && kind !== 'adopt') {
        const message = `flag ${key} in ${name} belongs to ${flag.owner ?? 'nobody'}.`;
        const hint = 'Use another key, or say `adopt: true` in its file to take it over.';
        return { change: id, result: 'refused', problem: { code: 'not-ours', message, hint } };
      }
      const who = { ...flag?.who };
      if (kind === 'create' && change.environments.every(environment => Object.hasOwn(who, environment))) {
        return { change: id, result: 'done', existed: true };
      }
      if (kind === 'placement') {
        const { after, environment } = change;
        who[environment] = after.on && after.who.kind === 'members' ? [...after.who.members.values()] : [];
      } else {
        // A flag that nobody has is closed; a flag that is missing is not.
        for (const environment of change.environments) who[environment] ??= [];
      }
      const removed = kind === 'retire' || (kind === 'placement' && flag?.removed === true);
      flags[key] = { owner: mark, removed, about: metadata, who };
      return { change: id, result: 'done' };
    }

    async function write(batch: readonly Change[]): Promise<Outcome[]> {
      try {
        const before = await load();
        const flags = flagsIn(before ?? '{}', name);
        const outcomes = batch.map(change => make(change, flags));
        if (!outcomes.some(({ result }) => result === 'done')) return outcomes;
        if (await replaceFile(path, JSON.stringify(flags), before)) return outcomes;
        const problem = { code: 'file-changed', message: `${path} changed meanwhile.`, hint: 'It is read again.' };
        return batch.map(({ id }) => ({ change: id, result: 'conflict', problem }));
      } catch (error) {
        const hint = `Look at ${path}: is it JSON, and may it be written?`;
        const problem = { hint, ...toProblem(error, 'file-not-written') };
        return batch.map(({ id }) => ({ change: id, result: 'failed', problem, scope: 'target' }));
      }
    }

    return {
      name,
      type: 'jsonfile',
      address,
      can: capabilities,
      environments,
      remoteEnvironment: environment => environment,
      async read() {
        const flags = flagsIn((await load()) ?? '{}', name);
        const listings = Object.entries(flags).map(([key, { owner, removed = false, about, who }]): LiveListing => {
          const placements = Object.entries(who).map(([environment, members]) => ({
            id: placementIdOf(address, environment, key),
            environment,
            seen: 'read' as const,
            on: true,
            who: { kind: 'members' as const, members: membersOf(members) },
            waysIn: [],
          }));
          const whose = owner === mark ? 'ours' : owner === undefined ? 'none' : { mark: owner };
          return { key, owner: whose, metadata: about, archived: false, removed, placements };
        });
        return { listings, unreadable: [] };
      },
      shape({ toggle, target, key, contextKind, adopt, placements, ...said }) {
        const fields = [said.name ?? key, said.description, said.owner].filter(field => field !== undefined);
        return { listing: { toggle, target, key, contextKind, adopt, placements, metadata: { about: fields } } };
      },
      async *apply(batch, signal, mayStart) {
        const timely: Change[] = [];
        for (const change of batch) {
          if (!signal.aborted && mayStart(change)) timely.push(change);
          else yield { change: change.id, result: 'late' };
        }
        if (timely.length === 0) return;
        // Batches may overlap, and each reads the file before it writes it.
        const mine = writing.then(() => write(timely));
        writing = mine.then(() => {});
        yield* await mine;
      },
      close: () => writing,
    };
  },
};

function pathOf(setting: unknown, target: string, folder: string): string {
  const path = pathInside(folder, String(setting));
  if (path !== undefined) return path;
  throw new ProblemError({
    code: 'path-outside',
    message: `target ${target}: its path leads out of the configuration's folder.`,
    hint: 'Give a path below that folder.',
  });
}
