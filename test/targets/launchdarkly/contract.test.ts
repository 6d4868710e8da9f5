import { OPTIMISTIC_LOCK } from '../../support/fake-launchdarkly/faults.ts';
import { describeTarget } from '../contract.ts';
import type { Harness } from '../contract-harness.ts';
import { openLd } from './ld-harness.ts';

const writing = { path: '/api/v2/' };

function openAs(audienceAs: string) {
  return async (): Promise<Harness> => {
    const ld = await openLd({ settings: { audienceAs } });
    const { fake } = ld;
    const onWrites = (fault: Parameters<typeof fake.fault>[0]) => {
      const lifts = ['POST', 'PATCH'].map(method => fake.fault(fault, { method, path: writing.path }));
      return () => {
        for (const lift of lifts) lift();
      };
    };
    return {
      target: ld.target(),
      restarted: () => ld.target(),
      // The SDK takes no context without a key.
      serves: async (key, environment, member) => (member === '' ? false : ld.serves(key, environment, member)),
      async shows(key) {
        const flag = fake.flag('default', key);
        if (flag === undefined) return undefined;
        const { name, description, tags, temporary } = flag;
        return { name, description, tags, temporary };
      },
      async plant({ key, owner, members }) {
        fake.hand.addFlag('default', { key, tags: owner === 'nobody' ? ['team'] : ['optoggles-somebody-else'] });
        for (const environment of ['production', 'test']) {
          const at = { project: 'default', flag: key, environment };
          fake.hand.addTargets(at, true, members);
          fake.hand.turn(at, true);
        }
      },
      // `constructor` is refused: see metadata.test.ts.
      oddKeys: ['A.b_c-1', 'x'.repeat(60), '0'],
      writes: () => fake.writes.length,
      faults: {
        failing: () => onWrites({ kind: 'status', status: 400, message: 'no' }),
        rateLimited: ms => onWrites({ kind: 'status', status: 429, headers: { 'Retry-After': String(ms / 1000) } }),
        silent: applied => onWrites({ kind: 'hang', applied }),
        half: applied => onWrites({ kind: 'half-answer', applied }),
        conflicting: () => onWrites(OPTIMISTIC_LOCK),
      },
      close: () => ld.close(),
    };
  };
}

const leftOut = {
  'renames with the users': 'metadata are written alone',
  'carries 100,000 members': 'a flag has at most 10,000 targets, a segment 15,000 keys',
};

describeTarget('launchdarkly, individual targets', { open: openAs('targets'), leftOut });
describeTarget('launchdarkly, segments', { open: openAs('segment'), leftOut });
