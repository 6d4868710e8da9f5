import { expect, it, onTestFinished } from 'vitest';
import { builtAction, payloadOf } from '../support/action-run.ts';
import { createFakeLaunchDarkly, type FakeLaunchDarkly } from '../support/fake-launchdarkly/server.ts';
import { configText, flagText, listsText } from '../support/project.ts';
import { pushed } from '../support/pull-request.ts';

const run = builtAction();

const keys = ['beta', 'new'];

function checkout(ld: FakeLaunchDarkly, lists: Readonly<Record<string, readonly string[]>>): string {
  const target = {
    name: 'ld',
    type: 'launchdarkly',
    token: '${LD_TOKEN}',
    baseUrl: ld.url,
    projKey: 'default',
    environments: { production: 'production' },
  };
  return pushed({
    'optoggles.yaml': configText({ targets: [target] }),
    'audiences.yaml': listsText(lists),
    ...Object.fromEntries(keys.map(key => [`flags/${key}.yaml`, flagText(key)])),
  }).workspace;
}

function apply(ld: FakeLaunchDarkly, workspace: string) {
  const payload = payloadOf('push');
  const env = { LD_TOKEN: ld.token };
  return run({ workspace, event: 'push', ref: 'refs/heads/master', payload, env, inputs: { timeout: '40s' } });
}

/** Who is let in: the members of the individual targets whose variation is true, while the flag is on. */
function letIn(ld: FakeLaunchDarkly, key: string): ReadonlySet<string> {
  const flag = ld.flag('default', key);
  const config = ld.config('default', key, 'production');
  if (flag === undefined || config === undefined || !config.on) return new Set();
  const targets = config.targets.filter(({ variation }) => flag.variations[variation]?.value === true);
  return new Set(targets.flatMap(({ values }) => values));
}

it('two runs at once both succeed, end in one state, and switch nobody twice', async () => {
  const ld = await createFakeLaunchDarkly();
  onTestFinished(() => ld.close());
  await apply(ld, checkout(ld, { 'app.rbac.beta': ['ann', 'bob', 'cat'], 'app.rbac.new': ['ann'] }));
  expect([...letIn(ld, 'beta')].toSorted()).toEqual(['ann', 'bob', 'cat']);

  const switched = new Map<string, number>();
  let last = new Map(keys.map(key => [key, letIn(ld, key)]));
  const watching = ld.waitFor(() => {
    const now = new Map(keys.map(key => [key, letIn(ld, key)]));
    for (const key of keys) {
      const [was, is] = [last.get(key) ?? new Set(), now.get(key) ?? new Set()];
      for (const member of was.symmetricDifference(is)) {
        switched.set(`${key} ${String(member)}`, (switched.get(`${key} ${String(member)}`) ?? 0) + 1);
      }
    }
    last = now;
    return false;
  });
  void watching;
  const wanted = { 'app.rbac.beta': ['ann', 'dan', 'eve'], 'app.rbac.new': ['bob', 'cat'] };
  const results = await Promise.all([1, 2].map(() => apply(ld, checkout(ld, wanted))));
  expect(results.map(({ code }) => code)).toEqual([0, 0]);
  for (const key of keys) {
    expect([...letIn(ld, key)].toSorted()).toEqual(wanted[`app.rbac.${key}` as keyof typeof wanted]);
  }
  expect(Object.fromEntries(switched)).toEqual({
    'beta bob': 1,
    'beta cat': 1,
    'beta dan': 1,
    'beta eve': 1,
    'new ann': 1,
    'new bob': 1,
    'new cat': 1,
  });
});
