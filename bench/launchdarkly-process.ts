/** LaunchDarkly of the benchmarks, in a process of its own: the tests' fake, which also feeds the SDK. */
import { createFakeLaunchDarkly } from '../test/support/fake-launchdarkly/server.ts';
import type { FromLaunchDarkly, ToLaunchDarkly } from './launchdarkly.ts';

const environments = ['production', 'staging', 'test'];
// What is sent and answered is checked by the tests; here it would be measured.
const fake = await createFakeLaunchDarkly({ check: false, projects: [{ key: 'default', environments }] });

process.on('message', ({ id, add }: ToLaunchDarkly) => {
  for (const key of add ?? []) fake.hand.addFlag('default', { key, name: `Toggle ${key}`, tags: ['optoggles-bench'] });
  const writes = fake.writes.length;
  tell({ type: 'counts', id, reads: fake.requests.length - writes, writes });
});
process.on('disconnect', () => process.exit());
tell({ type: 'listening', url: fake.url, token: fake.token, sdkKey: fake.sdkKey('default', 'production') });

function tell(message: FromLaunchDarkly): void {
  process.send?.(message);
}
