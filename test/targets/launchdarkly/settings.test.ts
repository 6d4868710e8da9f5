import { describe, expect, it } from 'vitest';
import { launchdarklyTarget } from '../../../src/targets/launchdarkly/index.ts';
import { readSettings } from '../../../src/targets/launchdarkly/settings.ts';
import { targetContext } from '../../support/target-context.ts';

const token = 'api-11111111-secret';

function settings(more: Readonly<Record<string, unknown>>, environments: readonly string[] = ['production']) {
  return readSettings({ token, ...more }, 'ld', '/nonexistent', environments);
}

describe('the settings of a target', () => {
  it('have defaults', () => {
    expect(settings({})).toMatchObject({
      baseUrl: 'https://app.launchdarkly.com',
      audienceAs: 'auto',
      timeout: 30_000,
      address: 'launchdarkly https://app.launchdarkly.com',
    });
    expect(settings({ projKey: 'mobile', baseUrl: 'https://app.eu.launchdarkly.com/' }).address).toBe(
      'launchdarkly https://app.eu.launchdarkly.com mobile',
    );
  });

  it('map our environments to theirs', () => {
    const entry = { environments: { production: 'prod', test: 'test' } };
    expect(launchdarklyTarget.environments(entry)).toEqual(['production', 'test']);
    expect(launchdarklyTarget.environments({ environments: ['a', 'b'] })).toEqual(['a', 'b']);
    expect([...settings(entry, ['production', 'test']).environments]).toEqual([
      ['production', 'prod'],
      ['test', 'test'],
    ]);
  });

  it('send the SDK to the LaunchDarkly of baseUrl, unless told otherwise', () => {
    const sdk = (more: Readonly<Record<string, unknown>>) => {
      const { baseUrl, streamUrl } = settings(more).sdk;
      return [baseUrl, streamUrl];
    };
    expect(sdk({})).toEqual([undefined, undefined]);
    expect(sdk({ baseUrl: 'https://app.eu.launchdarkly.com/' })).toEqual([
      'https://sdk.eu.launchdarkly.com',
      'https://stream.eu.launchdarkly.com',
    ]);
    expect(sdk({ baseUrl: 'https://app.launchdarkly.us' })).toEqual([
      'https://sdk.launchdarkly.us',
      'https://stream.launchdarkly.us',
    ]);
    expect(
      sdk({ baseUrl: 'https://app.launchdarkly.us', sdkUrl: 'https://relay', streamUrl: 'https://relay' }),
    ).toEqual(['https://relay', 'https://relay']);
    expect(sdk({ baseUrl: 'https://app.eu.launchdarkly.com.example' })).toEqual([undefined, undefined]);
  });

  it('are refused where they cannot be meant, without showing the token', () => {
    const wrong: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[], string])[] = [
      [{ baseUrl: token }, ['production'], 'launchdarkly-address'],
      [{ baseUrl: `https://${token}@app.launchdarkly.com` }, ['production'], 'launchdarkly-address'],
      [{ baseUrl: 'https://app.launchdarkly.com?x=1' }, ['production'], 'launchdarkly-address'],
      [{ streamUrl: 'ftp://x' }, ['production'], 'launchdarkly-address'],
      [{}, [], 'launchdarkly-environments'],
      [{ environments: { one: 'prod', two: 'prod' } }, ['one', 'two'], 'launchdarkly-environments'],
      [{ tls: { ca: '../../outside.pem' } }, ['production'], 'path-outside'],
    ];
    for (const [more, environments, code] of wrong) {
      let thrown: unknown;
      try {
        settings(more, environments);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ problem: { code, hint: expect.stringMatching(/./) } });
      expect(JSON.stringify(thrown)).not.toContain(token);
    }
  });

  it('decide how users are kept', async () => {
    const limits = ['auto', 'targets', 'segment'].map(audienceAs => {
      const target = launchdarklyTarget.create({ token, audienceAs }, targetContext({ environments: ['production'] }));
      return [target.can.groups, target.can.mostMembers];
    });
    expect(limits).toEqual([
      [{ above: 1000, back: 500 }, 15_000],
      [null, 10_000],
      [{ above: 0, back: 0 }, 15_000],
    ]);
  });
});
