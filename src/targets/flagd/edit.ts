import type { JsonObject } from '../../domain/json.ts';
import { type Members, noMembers, sameMembers } from '../../domain/members.ts';
import type { Change } from '../../domain/plan.ts';
import type { Problem } from '../../domain/problem.ts';
import type { FlagFile } from './flag-file.ts';
import { type FlagView, flagText, type OwnFlag, viewFlag, withMetadata } from './flag.ts';
import { addGroup, type Groups, isSafeToRefer, ruleText, tidyGroups } from './groups.ts';

/** What became of one change in one file, before anything is written. */
export type Edited =
  | { readonly result: 'done'; readonly existed?: boolean }
  | { readonly result: 'conflict' | 'refused'; readonly problem: Problem };

const done: Edited = { result: 'done' };

/** One file with changes made to it; pure but for what it remembers. */
export class FlagEdit {
  readonly #flags: Map<string, string>;
  readonly #evaluators: Map<string, string>;
  readonly #file: FlagFile;
  readonly #name: string;
  readonly #mark: string;
  readonly #groups: Groups;
  /** Flags as an adoption left them: whoever was in before is out by our own hand. */
  readonly #adopted: Map<string, string>;

  /** `name` is the file's name in messages. */
  constructor(file: FlagFile, name: string, mark: string, groups: Groups, adopted: Map<string, string>) {
    this.#file = file;
    this.#flags = new Map(file.flags);
    this.#evaluators = new Map(file.evaluators);
    this.#name = name;
    this.#mark = mark;
    this.#groups = groups;
    this.#adopted = adopted;
  }

  /** The file after the changes; the same object when they changed nothing. */
  result(): FlagFile {
    const edited = { top: this.#file.top, flags: this.#flags, evaluators: new Map(this.#evaluators) };
    // An evaluator that somebody edited is put right under its name, and then no flag's text changes.
    if (sameTexts(this.#flags, this.#file.flags) && sameTexts(this.#evaluators, this.#file.evaluators))
      return this.#file;
    tidyGroups(edited);
    return edited;
  }

  apply(change: Change): Edited {
    const text = this.#flags.get(change.key);
    const now = text === undefined ? undefined : viewFlag(text, this.#evaluators, this.#groups);
    if (now !== undefined && now.mark !== this.#mark) {
      const takes = change.kind === 'adopt' && now.mark === undefined;
      if (!takes) return conflict('flagd-not-ours', `flag ${change.key} in ${this.#name} does not carry our mark.`);
    }
    switch (change.kind) {
      case 'create':
        return this.#create(change.key, change.metadata, now);
      case 'adopt':
        return this.#adopt(change.key, change.metadata, change.before, now);
      case 'restore':
        return this.#restore(change.key, change.metadata, now);
      case 'update':
        return this.#update(change.key, change.metadata, now);
      case 'retire':
        if (now !== undefined) this.#close(change.key, change.metadata, true);
        return done;
      case 'placement':
        return this.#place(change, now);
      case 'archive':
        break;
    }
    return { result: 'refused', problem: noArchive(change.key, this.#name) };
  }

  #create(key: string, metadata: JsonObject, now: FlagView | undefined): Edited {
    if (now === undefined) {
      this.#close(key, metadata, false);
      return done;
    }
    const isClosed = !now.on && now.who.size === 0 && now.waysIn.length === 0;
    if (isClosed && !now.removed) this.#close(key, metadata, false);
    return { result: 'done', existed: true };
  }

  #adopt(key: string, metadata: JsonObject, before: JsonObject | undefined, now: FlagView | undefined): Edited {
    if (now?.mark === this.#mark) return this.#update(key, metadata, now);
    if (now !== undefined && before !== undefined && !sameValue(now.metadata, before)) {
      return conflict('flagd-changed', `flag ${key} in ${this.#name} changed since it was read.`);
    }
    this.#close(key, metadata, false);
    this.#adopted.set(key, this.#flags.get(key) ?? '');
    return done;
  }

  #restore(key: string, metadata: JsonObject, now: FlagView | undefined): Edited {
    if (now !== undefined && !now.removed) return this.#update(key, metadata, now);
    this.#close(key, metadata, false);
    return done;
  }

  #update(key: string, metadata: JsonObject, now: FlagView | undefined): Edited {
    const text = this.#flags.get(key);
    if (now === undefined || text === undefined) {
      return conflict('flagd-missing', `flag ${key} is no longer in ${this.#name}.`);
    }
    if (!sameValue(now.metadata, metadata)) this.#flags.set(key, withMetadata(text, metadata, this.#mark));
    return done;
  }

  #place(change: Change & { readonly kind: 'placement' }, now: FlagView | undefined): Edited {
    const { key, before, after } = change;
    if (after.who.kind !== 'members') return { result: 'refused', problem: onlyLists(key) };
    const members = after.who.members;
    const metadata = change.writesMetadata || now === undefined ? change.metadata : now.metadata;
    const removed = change.removal && now?.removed === true;
    if (now !== undefined && now.waysIn.length === 0 && now.on === after.on && sameMembers(now.who, members)) {
      if (now.removed === removed && sameValue(now.metadata, metadata)) return done;
    } else if (this.#differs(key, now, before)) {
      return conflict('flagd-changed', `flag ${key} in ${this.#name} changed since it was read.`);
    }
    this.#write(key, { metadata, on: after.on, removed }, members);
    return done;
  }

  /** True when somebody else changed who is in since the plan looked. */
  #differs(
    key: string,
    now: FlagView | undefined,
    before: (Change & { readonly kind: 'placement' })['before'],
  ): boolean {
    if (!before.known || before.who.kind !== 'members') return false;
    const adopted = this.#adopted.get(key);
    if (adopted !== undefined && adopted === this.#flags.get(key)) return false;
    const who = now?.who ?? noMembers;
    if (!sameMembers(who, before.who.members)) return true;
    return who.size > 0 && now?.on !== before.on;
  }

  #close(key: string, metadata: JsonObject, removed: boolean): void {
    this.#write(key, { metadata, on: false, removed }, noMembers);
  }

  #write(key: string, flag: Pick<OwnFlag, 'metadata' | 'on' | 'removed'>, members: Members): void {
    this.#flags.set(key, flagText({ ...flag, mark: this.#mark, who: this.#whoText(key, flag.on, members) }));
  }

  #whoText(key: string, on: boolean, members: Members): OwnFlag['who'] {
    if (members.size === 0) return undefined;
    if (on) {
      const rule = ruleText(members);
      if (!isSafeToRefer(rule)) return { rule };
    }
    // Its own reference must not keep it from taking the name over; its place in the file stays.
    this.#flags.set(key, '');
    return { group: addGroup(this.#evaluators, this.#flags, members, this.#groups) };
  }
}

function conflict(code: string, message: string): Edited {
  return { result: 'conflict', problem: { code, message, hint: 'It is read and planned anew.' } };
}

function noArchive(key: string, name: string): Problem {
  return {
    code: 'flagd-no-archive',
    message: `flag ${key} in ${name} cannot be archived: flagd has nothing like it.`,
    hint: 'Use onRemoved: disable, which closes it, or delete it by hand once no application asks for it.',
  };
}

function onlyLists(key: string): Problem {
  return {
    code: 'flagd-only-lists',
    message: `flag ${key}: only a list of members can be written.`,
    hint: 'Let the rule yield the members.',
  };
}

function sameTexts(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if (one.size !== other.size) return false;
  for (const [key, text] of one) if (other.get(key) !== text) return false;
  return true;
}

function sameValue(one: JsonObject, other: JsonObject): boolean {
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length && keys.every(key => Object.hasOwn(other, key) && one[key] === other[key])
  );
}
