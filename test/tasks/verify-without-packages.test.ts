import { expect, it, onTestFinished } from 'vitest';
import type { VerifyJson } from '../../src/report/verify-schema.ts';
import { createFakeLaunchDarkly } from '../support/fake-launchdarkly/server.ts';
import { optoggles, startOptoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

/** For NODE_OPTIONS: a Node in which the packages of evaluators are not installed. */
function withoutPackages(): string {
  const hooks = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (!/^@(launchdarkly|openfeature)\\//.test(specifier)) return next(specifier, context);
        throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });`;
  return `--import=data:text/javascript,${encodeURIComponent(hooks)}`;
}

it('without the packages of evaluators everything else works, and verify and explain say what to install', async () => {
  const fake = await createFakeLaunchDarkly();
  onTestFinished(() => fake.close());
  const ld = {
    name: 'ld',
    type: 'launchdarkly',
    token: fake.token,
    baseUrl: fake.url,
    projKey: 'default',
    environments: ['production'],
  };
  const local = { name: 'local', type: 'flagd', path: 'out/{environment}.json', environments: ['production'] };
  const folder = project({ config: { targets: [ld, local] } });
  expect(await optoggles(folder, ['apply', '--timeout', '20s'])).toMatchObject({ code: 0 });

  const run = (...args: string[]) => startOptoggles(folder, args, { NODE_OPTIONS: withoutPackages() }).ended;
  const [planned, verified, explained] = await Promise.all([
    run('plan'),
    run('verify', '--json', '-'),
    run('explain', 'beta', 'alice'),
  ]);
  expect(planned).toMatchObject({ code: 0, stdout: expect.stringMatching(/^No changes/) });
  expect(verified.code).toBe(1);
  const lines = verified.stderr.split('\n');
  for (const line of [
    'The server SDK of LaunchDarkly is not installed. Install it beside optoggles: npm install @launchdarkly/node-server-sdk.',
    'The evaluation engine of flagd is not installed. Install it beside optoggles: npm install @openfeature/flagd-core @openfeature/core.',
  ]) {
    expect(lines.filter(one => one.includes(line))).toHaveLength(1);
  }
  const { placements } = JSON.parse(verified.stdout) as VerifyJson;
  expect(placements.map(({ target, verdict }) => `${target} ${verdict}`)).toEqual(['ld unknown', 'local unknown']);
  expect(explained.stdout).toContain('npm install @launchdarkly/node-server-sdk');
}, 60_000);
