import { until } from '../peers/until.ts';
import type { Undo } from '../peers/stack.ts';
import { type DataServer, startDataServer } from '../peers/data-server.ts';
import { createPolicyRepo, type PolicyRepo } from '../peers/git-policy.ts';
import { type Opa, startOpa } from '../peers/opa.ts';
import { type OpalClient, type OpalServer, startOpalClient, startOpalServer } from '../peers/opal.ts';
import { type FakeOpal, startFakeOpal } from '../support/fake-opal.ts';
import { type ListName, lists, type Told } from './schedule.ts';
import { secrets } from './program.ts';

/** A rule that answers `[]`, not nothing, while its data is missing: the trap of an OPA that restarted. */
const rego = `package app.rbac
import rego.v1

one := {m | some m in data.people.one} if not data.hidden.one

two := {m | some m in data.people.two} if not data.hidden.two

three := {m | some m in data.people.three} if not data.hidden.three

checked := {m | some m, n in data.people.checked; to_number(n) > 0} if not data.hidden.checked
`;

export type Data = Readonly<Record<ListName, readonly string[]>>;

/** Where policy comes from: real OPA, behind real OPAL or a registry of callbacks. */
export interface Policy {
  readonly opaPort: number;
  readonly opalPort: number;
  /** Resolves when OPA has it, or, while it has no data, at once. */
  put(list: ListName, members: readonly string[], how?: { readonly broken: boolean }): Promise<void>;
  hide(list: ListName, hidden: boolean): Promise<void>;
  /** Whether lists that change are in OPA at once. */
  readonly whole: boolean;
  /** Tells the program; nothing with real OPAL, which tells by itself. */
  tell(told: Told): Promise<void>;
  /** Kills OPA; it comes back with its policy and without data. */
  empty(): Promise<void>;
  /** Gives it its first data back. */
  half(): Promise<void>;
  /** Gives it all of its data back, if it has lost any, and tells the program. */
  refill(): Promise<void>;
  /** What an operator does about a source that nothing proves: has OPAL load its data once more. */
  nudge(): Promise<void>;
  /** OPAL forgets its callbacks. */
  forget(): Promise<void>;
  /** Whether a callback is registered; undefined: cannot be told. */
  registered(): Promise<boolean>;
}

function valueOf(list: ListName, members: readonly string[], broken: boolean): unknown {
  if (list !== 'checked') return members;
  const entries = members.map(member => [member, '1'] as const);
  return Object.fromEntries(broken ? [...entries, ['nobody', 'x']] : entries);
}

/** Real OPA and a registry of callbacks. */
export async function startPlainPolicy(undo: Undo, start: Data): Promise<Policy> {
  const opa = undo.own(await startOpa());
  const opal: FakeOpal = await startFakeOpal({ token: secrets.OPAL_TOKEN });
  undo.later(() => opal.close());
  const values = new Map<ListName, unknown>(lists.map(name => [name, valueOf(name, start[name], false)]));
  const hidden: Record<string, boolean> = {};
  let loaded = new Set<ListName>(lists);
  const load = async (name: ListName) => {
    await opa.putData(`people/${name}`, values.get(name));
    loaded.add(name);
  };
  await opa.putPolicy('rbac', rego);
  for (const name of lists) await load(name);
  const fire = async () => void (await opal.fire());
  return {
    opaPort: opa.port,
    opalPort: opal.port,
    get whole() {
      return loaded.size === lists.length;
    },
    async put(name, members, how = { broken: false }) {
      values.set(name, valueOf(name, members, how.broken));
      if (loaded.has(name)) await load(name);
    },
    async hide(name, isHidden) {
      if (isHidden) hidden[name] = true;
      else delete hidden[name];
      await opa.putData('hidden', hidden);
    },
    async tell(told) {
      const times = { once: 1, never: 0, twice: 2, storm: 100 }[told];
      await Promise.all(Array.from({ length: times }, fire));
    },
    async empty() {
      await opa.process().kill();
      loaded = new Set();
      await opa.startAgain();
      await opa.putData('hidden', hidden);
      await opa.putPolicy('rbac', rego);
      await fire();
    },
    async half() {
      for (const name of lists.slice(0, 2)) await load(name);
      await fire();
    },
    async refill() {
      if (loaded.size === lists.length) return;
      for (const name of lists) await load(name);
      await fire();
    },
    nudge: async () => {},
    async forget() {
      opal.restart();
    },
    registered: async () => opal.callbacks.size > 0,
  };
}

/** Real OPA behind real OPAL. */
export async function startOpalPolicy(undo: Undo, start: Data): Promise<Policy> {
  const data: DataServer = undo.own(await startDataServer());
  const repo: PolicyRepo = await createPolicyRepo({ 'rbac.rego': rego });
  undo.later(() => repo.remove());
  const hidden: Record<string, boolean> = {};
  for (const name of lists) data.set(`/${name}`, valueOf(name, start[name], false));
  data.set('/hidden', hidden);
  const server: OpalServer = undo.own(
    await startOpalServer({
      policy: repo.url,
      data: [
        { url: data.url('/hidden'), dst_path: '/hidden' },
        ...lists.map(name => ({ url: data.url(`/${name}`), dst_path: `/people/${name}` })),
      ],
    }),
  );
  const opa: Opa = undo.own(await startOpa());
  const client: OpalClient = undo.own(await startOpalClient({ server, opa: opa.url }));
  const wanted = new Map<string, unknown>([['hidden', {}]]);
  for (const name of lists) wanted.set(`people/${name}`, valueOf(name, start[name], false));
  let whole = true;
  const has = async (path: string, value: unknown) =>
    JSON.stringify((await opa.getData(path)).result) === JSON.stringify(value);
  const bring = async (path: string, value: unknown) => {
    wanted.set(path, value);
    data.set(`/${path.split('/').at(-1) ?? ''}`, value);
    if (!whole) return;
    await server.publish([{ url: '', dst_path: `/${path}`, data: value }]);
    await until(`OPA has ${path}`, () => has(path, value), { everyMs: 5 });
  };
  const isWhole = async () => {
    if (!(await has('app/rbac/one', undefined))) {
      for (const [path, value] of wanted) if (!(await has(path, value))) return false;
      return true;
    }
    return false;
  };
  const trigger = async (what: 'data' | 'policy') => {
    await fetch(`${client.url}/${what}-updater/trigger`, { method: 'POST' });
  };
  await until('OPAL has loaded', isWhole);
  let commits = 0;
  return {
    opaPort: opa.port,
    opalPort: Number(new URL(client.url).port),
    get whole() {
      return whole;
    },
    put: (name, members, how = { broken: false }) => bring(`people/${name}`, valueOf(name, members, how.broken)),
    async hide(name, isHidden) {
      if (isHidden) hidden[name] = true;
      else delete hidden[name];
      await bring('hidden', { ...hidden });
    },
    tell: async () => {},
    async empty() {
      whole = false;
      await opa.process().kill();
      await opa.startAgain();
      commits += 1;
      await repo.commit({ 'rbac.rego': `${rego}\n# ${commits}\n` });
    },
    half: async () => {},
    async refill() {
      if (whole) return;
      whole = true;
      await trigger('policy');
      await trigger('data');
      await until('OPAL has loaded again', isWhole);
    },
    nudge: () => trigger('data'),
    async forget() {
      await client.stop();
      await client.startAgain();
    },
    async registered() {
      const all = (await (await fetch(`${client.url}/callbacks`)).json()) as unknown[];
      return all.length > 0;
    },
  };
}
