import type { Target } from '../../../src/domain/target.ts';
import { restapiTarget } from '../../../src/targets/restapi/index.ts';
import { openFakeRestApi } from '../../support/fake-rest-api.ts';
import type { FakeRestApiOptions } from '../../support/rest-api-rules.ts';
import { targetContext } from '../../support/target-context.ts';
import { describeTarget } from '../contract.ts';
import type { Harness } from '../contract-harness.ts';

const token = 'Bearer s3cr3t-t0ken';

async function open(read: boolean, options: FakeRestApiOptions): Promise<Harness> {
  const fake = await openFakeRestApi({ require: { authorization: token }, ...options });
  const made: Target[] = [];

  function create(): Target {
    const settings = { endpointUrl: fake.url, extraHeaders: { Authorization: token }, read, timeout: '1s' };
    const target = restapiTarget.create(settings, targetContext());
    made.push(target);
    return target;
  }

  return {
    target: create(),
    restarted: create,
    serves: async (key, _environment, member) => fake.serves(key, member),
    async shows(key) {
      const toggle = fake.toggles.get(key);
      return toggle && Object.fromEntries(Object.entries(toggle).map(([name, value]) => [name, JSON.stringify(value)]));
    },
    async plant({ key, members }) {
      fake.toggles.set(key, { name: 'made by hand', users: members });
    },
    writes: () => fake.writes.length,
    faults: {
      failing: () => fake.fault({ kind: 'status', status: 500 }),
      rateLimited: ms => fake.fault({ kind: 'status', status: 429, headers: { 'retry-after': String(ms / 1000) } }),
      silent: isApplied => fake.fault({ kind: 'hang', applied: isApplied }),
      half: isApplied => fake.fault({ kind: 'half-answer', applied: isApplied }),
      conflicting: () => fake.fault({ kind: 'status', status: 409 }, { method: 'PATCH' }),
    },
    async close() {
      for (const target of made) await target.close();
      await fake.close();
    },
  };
}

const oneEnvironment = 'the wire has no environments';
const leftOut = {
  'keeps environments apart': oneEnvironment,
  'renames without touching the users': 'a PATCH always says who has it',
  'leaves a flag of somebody else alone': 'the wire carries no mark',
};
const unreadable = {
  'reads what it wrote': 'read: false',
  'reads nothing where nothing is': 'read: false',
};

describeTarget('restapi, read: true', { open: () => open(true, {}), leftOut });
describeTarget('restapi, read: false', {
  open: () => open(false, { get: 'none', created: 204, updated: 204 }),
  leftOut: { ...leftOut, ...unreadable },
});
