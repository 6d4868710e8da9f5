import { setTimeout as pause } from 'node:timers/promises';
import { init, type LDClient, type LDContext } from '@launchdarkly/node-server-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeLaunchDarkly, type FakeLaunchDarkly } from './server.ts';

const AT = { project: 'default', flag: 'beta', environment: 'production' };
const silent = { debug() {}, info() {}, warn() {}, error() {} };

let fake: FakeLaunchDarkly;
let sdk: LDClient;

beforeEach(async () => {
  fake = await createFakeLaunchDarkly();
  fake.hand.addFlag('default', { key: 'beta' });
  sdk = await connect('production');
});

afterEach(async () => {
  sdk.close();
  await fake.close();
});

async function connect(environment: string, stream = true): Promise<LDClient> {
  const client = init(fake.sdkKey('default', environment), {
    baseUri: fake.url,
    streamUri: fake.streamUrl,
    eventsUri: fake.url,
    sendEvents: false,
    diagnosticOptOut: true,
    stream,
    logger: silent,
  });
  await client.waitForInitialization({ timeout: 5 });
  return client;
}

async function answer(user: string, kind = 'user', client = sdk, flag = 'beta'): Promise<unknown> {
  const context: LDContext = { kind, key: user };
  return client.variation(flag, context, 'none');
}

/** Writes through the REST API, then asks until the SDK has the version that the write made. */
async function patch(instructions: readonly object[]): Promise<void> {
  const response = await fetch(`${fake.url}/api/v2/flags/default/beta`, {
    method: 'PATCH',
    headers: {
      authorization: fake.token,
      'ld-api-version': '20240415',
      'content-type': 'application/json; domain-model=launchdarkly.semanticpatch',
    },
    body: JSON.stringify({ environmentKey: 'production', instructions }),
  });
  expect([response.status, await response.clone().text()]).toEqual([200, expect.anything()]);
  await response.body?.cancel();
}

async function becomes(wanted: Record<string, unknown>, ask = (user: string) => answer(user)): Promise<void> {
  let got: Record<string, unknown> = {};
  const end = performance.now() + 5_000;
  while (performance.now() < end) {
    got = Object.fromEntries(await Promise.all(Object.keys(wanted).map(async user => [user, await ask(user)])));
    if (JSON.stringify(got) === JSON.stringify(wanted)) return;
    await pause(2);
  }
  expect(got).toEqual(wanted);
}

function idOf(value: boolean): string {
  return fake.flag('default', 'beta')?.variations.find(variation => variation.value === value)?._id as string;
}

describe('the real SDK on the stream of the fake', () => {
  it('sees each write: targets, on, off variation, fallthrough', async () => {
    await becomes({ alice: false, bob: false });
    await patch([
      { kind: 'addTargets', variationId: idOf(true), contextKind: 'user', values: ['alice'] },
      { kind: 'turnFlagOn' },
    ]);
    await becomes({ alice: true, bob: false, Alice: false });
    await patch([{ kind: 'removeTargets', variationId: idOf(true), contextKind: 'user', values: ['alice'] }]);
    await becomes({ alice: false, bob: false });
    await patch([{ kind: 'updateFallthroughVariationOrRollout', variationId: idOf(true) }]);
    await becomes({ alice: true, bob: true });
    await patch([{ kind: 'turnFlagOff' }]);
    await becomes({ alice: false, bob: false });
    await patch([{ kind: 'updateOffVariation', variationId: idOf(true) }]);
    await becomes({ alice: true, bob: true });
  });

  it('evaluates user targets beside targets of another kind', async () => {
    fake.hand.turn(AT, true);
    fake.hand.addTargets(AT, true, ['alice']);
    fake.hand.addTargets(AT, true, ['acme'], 'organization');
    await becomes({ alice: true, acme: false });
    await becomes({ alice: false, acme: true }, user => answer(user, 'organization'));
  });

  it('evaluates a segment, and what changes in it', async () => {
    fake.hand.addSegment('default', 'production', 'staff');
    fake.hand.patchSegment('default', 'production', 'staff', [
      { kind: 'addIncludedTargets', contextKind: 'user', values: ['alice'] },
      { kind: 'addIncludedTargets', contextKind: 'organization', values: ['acme'] },
    ]);
    fake.hand.turn(AT, true);
    fake.hand.addRule(AT, [{ attribute: 'segmentMatch', op: 'segmentMatch', negate: false, values: ['staff'] }], {
      value: true,
    });
    await becomes({ alice: true, bob: false });
    await becomes({ acme: true, alice: false }, user => answer(user, 'organization'));
    fake.hand.patchSegment('default', 'production', 'staff', [
      { kind: 'removeIncludedTargets', contextKind: 'user', values: ['alice'] },
      { kind: 'addIncludedTargets', contextKind: 'user', values: ['bob'] },
    ]);
    await becomes({ alice: false, bob: true });
  });

  it('evaluates rules by attribute, percentages and prerequisites', async () => {
    fake.hand.turn(AT, true);
    fake.hand.addRule(AT, [{ attribute: 'country', op: 'in', values: ['AT'] }], { value: true });
    const from = (country: string) => () => sdk.variation('beta', { kind: 'user', key: 'x', country }, 'none');
    await becomes({ x: true }, from('AT'));
    await becomes({ x: false }, from('DE'));
    fake.hand.setFallthrough(AT, { weights: [50_000, 50_000] });
    const half = async (): Promise<boolean> => {
      const all = await Promise.all(Array.from({ length: 200 }, (_, index) => answer(`u${index}`)));
      const open = all.filter(one => one === true).length;
      return open > 60 && open < 140;
    };
    await becomes({ half: true }, half);
    fake.hand.setFallthrough(AT, { value: true });
    await becomes({ u0: true, u1: true, u2: true });
    fake.hand.addFlag('default', { key: 'first' });
    fake.hand.addPrerequisite(AT, 'first', true);
    await becomes({ u0: false, u1: false });
  });

  it('leaves out disabled rules, and falls to the default of the application without an off variation', async () => {
    fake.hand.turn(AT, true);
    const rule = fake.hand.addRule(AT, [{ attribute: 'key', op: 'in', values: ['alice'] }], { value: true });
    await becomes({ alice: true, bob: false });
    fake.hand.disableRule(AT, rule);
    await becomes({ alice: false, bob: false });
    fake.hand.turn(AT, false);
    fake.hand.setOffVariation(AT, undefined);
    await becomes({ alice: 'none' });
  });

  it('forgets archived and deleted flags, and hears of them again', async () => {
    await becomes({ alice: false });
    fake.hand.archive('default', 'beta');
    await becomes({ alice: 'none' });
    fake.hand.restore('default', 'beta');
    await becomes({ alice: false });
    fake.hand.deleteFlag('default', 'beta');
    await becomes({ alice: 'none' });
    fake.hand.addFlag('default', { key: 'beta' });
    await becomes({ alice: false });
  });

  it('sees its own environment only, and the same by polling', async () => {
    fake.hand.turn(AT, true);
    fake.hand.addTargets(AT, true, ['alice']);
    const test = await connect('test');
    const polling = await connect('production', false);
    try {
      expect(await answer('alice', 'user', test)).toBe(false);
      expect(await answer('alice', 'user', polling)).toBe(true);
    } finally {
      test.close();
      polling.close();
    }
  });

  it('is refused with an unknown key', async () => {
    const client = init('sdk-unknown', {
      baseUri: fake.url,
      streamUri: fake.url,
      sendEvents: false,
      diagnosticOptOut: true,
      logger: silent,
    });
    await expect(client.waitForInitialization({ timeout: 5 })).rejects.toThrow(/401|authentication/i);
    client.close();
  });
});
