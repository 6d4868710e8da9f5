import { type DataServer, startDataServer } from './data-server.ts';
import { createPolicyRepo, type PolicyRepo } from './git-policy.ts';
import { type Opa, startOpa } from './opa.ts';
import { type OpalClient, type OpalServer, startOpalClient, startOpalServer } from './opal.ts';

/** Undoes, in reverse order, what a file or a test has started. */
export interface Undo {
  /** `thing` is stopped at the end. */
  own<T extends { stop(): Promise<unknown> }>(thing: T): T;
  later(step: () => unknown): void;
  all(): Promise<void>;
}

export function createUndo(): Undo {
  const steps: (() => unknown)[] = [];
  return {
    own(thing) {
      steps.push(() => thing.stop());
      return thing;
    },
    later: step => void steps.push(step),
    async all() {
      for (const step of steps.splice(0).toReversed()) await step();
    },
  };
}

export interface Person {
  readonly country: string;
  readonly since?: string;
}

/** Real OPAL server and client with a real OPA of their own process, so that each of them can go away alone. */
export interface Stack {
  readonly data: DataServer;
  readonly repo: PolicyRepo;
  readonly server: OpalServer;
  readonly opa: Opa;
  readonly client: OpalClient;
  /** Publishes one person (null: nobody any more) by OPAL, and keeps it in what OPAL fetches from now on. */
  publish(name: string, person: Person | null): Promise<void>;
  /** Publishes all people, or all lists, anew, and keeps them. */
  putPeople(value: Readonly<Record<string, Person>>): Promise<void>;
  putLists(value: Readonly<Record<string, readonly string[]>>): Promise<void>;
}

/** Starts one: policy from `files`, `people` at data.example.users, `lists` at data.example.lists. */
export async function startStack(
  undo: Undo,
  files: Readonly<Record<string, string>>,
  start: {
    readonly people: Readonly<Record<string, Person>>;
    readonly lists?: Readonly<Record<string, readonly string[]>>;
  },
): Promise<Stack> {
  let people: Record<string, Person> = { ...start.people };
  const data = undo.own(await startDataServer());
  data.set('/users', people);
  data.set('/lists', start.lists ?? {});
  const repo = await createPolicyRepo(files);
  undo.later(() => repo.remove());
  const server = undo.own(
    await startOpalServer({
      policy: repo.url,
      data: [
        { url: data.url('/users'), dst_path: '/example/users' },
        { url: data.url('/lists'), dst_path: '/example/lists' },
      ],
    }),
  );
  const opa = undo.own(await startOpa());
  const client = undo.own(await startOpalClient({ server, opa: opa.url }));
  const put = async (path: string, value: unknown) => {
    data.set(`/${path}`, value);
    await server.publish([{ url: '', dst_path: `/example/${path}`, data: value }]);
  };
  const putPeople = (value: Readonly<Record<string, Person>>) => {
    people = { ...value };
    return put('users', people);
  };
  return {
    data,
    repo,
    server,
    opa,
    client,
    putPeople,
    putLists: lists => put('lists', lists),
    async publish(name, person) {
      const { [name]: _, ...others } = people;
      if (person === null) return putPeople(others);
      people = { ...others, [name]: person };
      data.set('/users', people);
      await server.publish([{ url: '', dst_path: `/example/users/${name}`, data: person }]);
    },
  };
}
