import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { optoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

const rest = { type: 'restapi', endpointUrl: 'http://127.0.0.1:1/toggles' };
const ld = { type: 'launchdarkly', token: 'api-0123456789', baseUrl: 'http://127.0.0.1:1', projKey: 'shop' };

it.each<[string, readonly Record<string, unknown>[]]>([
  [
    'one endpoint, a slash more',
    [
      { name: 'one', ...rest, environment: 'production' },
      { name: 'two', ...rest, endpointUrl: `${rest.endpointUrl}/`, environment: 'test' },
    ],
  ],
  [
    'one project, another token',
    [
      { name: 'one', ...ld, environments: { production: 'prod' } },
      { name: 'two', ...ld, token: 'api-9876543210', environments: { test: 'test' } },
    ],
  ],
  [
    'one file under two names',
    [
      { name: 'one', type: 'flagd', path: 'out/{environment}.json', environments: ['production'] },
      { name: 'two', type: 'flagd', path: 'out/production.json', environments: ['production'] },
    ],
  ],
])('two targets in one place are refused before anything is written: %s', async (_, targets) => {
  const folder = project({ config: { targets } });
  for (const command of ['plan', 'apply']) {
    const { code, stderr } = await optoggles(folder, [command, '--timeout', '1s']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/Targets one and two write to the same place\. Make them one target/);
  }
  expect(existsSync(join(folder, 'out'))).toBe(false);
});
