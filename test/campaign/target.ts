import { openFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { type FakeRestApi, openFakeRestApi } from '../support/fake-rest-api.ts';
import type { Undo } from '../peers/stack.ts';
import { createJudge, type Judge } from './judge.ts';
import { secrets } from './program.ts';
import { type TargetName, targets, type ToggleKey, toggles } from './schedule.ts';
import type { Truth } from './truth.ts';

/** A strict flag platform behind a network that fails; whatever takes effect in it is judged at that moment. */
export interface JudgedTarget {
  readonly name: TargetName;
  readonly api: FakeRestApi;
  readonly way: FaultProxy;
}

export interface Targets {
  readonly judge: Judge;
  readonly byName: Readonly<Record<TargetName, JudgedTarget>>;
  /** Writes that came in, of both. */
  writes(): number;
}

/** Starts both; `broken` hears of every write that should not have been. */
export async function startTargets(undo: Undo, truth: Truth, broken: (what: string) => void): Promise<Targets> {
  const judge = createJudge(truth);
  const start = async (name: TargetName): Promise<JudgedTarget> => {
    const api = await openFakeRestApi({
      require: { authorization: `Bearer ${secrets.TARGET_TOKEN}` },
      onApplied({ key, text }) {
        const toggle = toggles.find(one => one === key);
        const { users } = JSON.parse(text ?? '') as { users?: readonly string[] };
        if (toggle === undefined || users === undefined) return;
        for (const what of judge.wrote(name, { at: Date.now(), toggle, users })) broken(what);
      },
    });
    undo.later(() => api.close());
    const way = await openFaultProxy(api.port);
    undo.later(() => way.close());
    return { name, api, way };
  };
  const [left, right] = [await start('left'), await start('right')];
  const byName = { left, right };
  return { judge, byName, writes: () => targets.reduce((sum, name) => sum + byName[name].api.writes.length, 0) };
}

/** Who has a toggle in a target, in order; undefined where it is not there. */
export function usersIn({ api }: JudgedTarget, toggle: ToggleKey): readonly string[] | undefined {
  const users = api.toggles.get(toggle)?.users;
  return Array.isArray(users) ? [...(users as readonly string[])].sort() : undefined;
}
