import { describe, expect, it } from 'vitest';
import { sourceKinds, targetKinds } from '../../src/kinds.ts';
import { configChanges } from '../../src/tasks/config-changes.ts';
import { weakerToggles } from '../../src/tasks/definition-changes.ts';
import type { Toggle } from '../../src/domain/toggle.ts';
import { configText } from '../support/project.ts';
import { tempFolder } from '../support/temp-folder.ts';

const kinds = { sources: sourceKinds, targets: targetKinds };

function changes(base: string, head: string) {
  const checkout = (text: string) => ({
    root: tempFolder({ 'optoggles.yaml': text }),
    config: 'optoggles.yaml',
    url: '',
  });
  return configChanges(checkout(base), checkout(head), { kinds, env: {} });
}

const opa = { id: 'opa', type: 'opa', url: 'http://opa:8181', sentinels: ['data.a', 'data.b'], packages: ['app.rbac'] };
const rest = {
  name: 'rest',
  type: 'restapi',
  endpointUrl: 'https://flags.internal/toggles',
  environment: 'production',
};
const parts = {
  sources: [opa],
  targets: [rest],
  guard: { maxRevokedShare: 0.3, maxUsers: 100, window: '10m' },
  drift: { interval: '10m', reopen: false },
  readTokens: [{ name: 'x', token: '${READ}' }],
  notify: [{ type: 'slack', url: '${SLACK}' }],
  maxHold: '1h',
};

describe('what of the configuration a pull request may not change', () => {
  it.each([
    ['another host', { sources: [{ ...opa, url: 'http://evil.example:8181' }] }, ['"sources[0].url"']],
    ['another port', { sources: [{ ...opa, url: 'http://opa:8182' }] }, ['"sources[0].url"']],
    [
      'another scheme',
      { targets: [{ ...rest, endpointUrl: 'http://flags.internal/toggles' }] },
      ['"targets[0].endpointUrl"'],
    ],
    ['a variable in its place', { sources: [{ ...opa, url: '${OPA}' }] }, ['"sources[0].url"']],
    [
      'another order and another host',
      {
        targets: [
          { ...rest, name: 'new' },
          { ...rest, endpointUrl: 'https://e/x' },
        ],
      },
      ['"targets[1].endpointUrl"'],
    ],
    ['a user before the host', { sources: [{ ...opa, url: 'http://opa:8181@evil.example/' }] }, ['"sources[0].url"']],
    [
      'another receiver of news',
      { notify: [{ type: 'slack', url: 'https://evil.example/hook' }] },
      ['"notify[0].url"'],
    ],
    ['flags from elsewhere', { flags: { git: 'https://evil.example/flags' } }, []],
    ['another path', { targets: [{ ...rest, endpointUrl: 'https://flags.internal/other' }] }, []],
    ['nothing', {}, []],
  ])('%s', async (_, change, refused) => {
    const found = await changes(configText(parts), configText({ ...parts, ...change }));
    expect(found.refused.map(({ message }) => message.split(' ')[0])).toEqual(refused);
    for (const problem of found.refused)
      expect(problem).toMatchObject({ code: 'host-changed', hint: expect.any(String), at: { file: 'optoggles.yaml' } });
  });

  it('flags that come from another repository', async () => {
    const from = (git: string) => configText({ ...parts, flags: { git } });
    const found = await changes(from('https://github.com/acme/flags'), from('https://evil.example/flags'));
    expect(found.refused).toMatchObject([{ code: 'host-changed' }]);
  });
});

describe('what protects less', () => {
  it.each([
    [
      'guard',
      { guard: { maxRevokedShare: 0.5, window: '1m' } },
      [
        'maxRevokedShare" is looser: 0.5 instead of 0.3',
        'maxUsers" is looser: no limit instead of 100',
        'window" is looser: 60 s instead of 600 s',
      ],
    ],
    ['a tighter guard', { guard: { maxRevokedShare: 0.1, maxUsers: 10, window: '1h' } }, []],
    ['sentinels', { sources: [{ ...opa, sentinels: ['data.a'] }] }, ['1 of 2 "sentinels"']],
    ['packages', { sources: [{ ...opa, packages: ['app.rbac', 'b'] }] }, ['allows 1 more']],
    [
      'no packages',
      { sources: [{ id: 'opa', type: 'opa', url: opa.url, sentinels: opa.sentinels }] },
      ['may be asked for every package'],
    ],
    ['onRemoved', { onRemoved: 'keep' }, ['changes from disable to keep']],
    ['policy', { policy: 'upsert-only' }, ['"policy" of the target "rest" changes']],
    ['the instance', { instance: 'other' }, ['belongs to nobody']],
    ['drift', { drift: { interval: '10m', reopen: true } }, ['is opened again']],
    ['a longer hold', { maxHold: '2h' }, ['"maxHold" is longer']],
    ['a shorter hold', { maxHold: '5m' }, []],
    ['nobody who is told', { notify: [] }, ['fewer are told']],
    [
      'another one who is told',
      { notify: [...parts.notify, { type: 'webhook', url: 'https://new.example/' }] },
      ['A new address'],
    ],
    ['status', { publicStatus: true }, ['anybody may read']],
    ['a new address', { sources: [opa, { ...opa, id: 'b' }] }, ['A new address']],
    ['another secret', { readTokens: [{ name: 'x', token: '${OTHER}' }] }, ['Another secret is used: "OTHER"']],
    ['a target less', { targets: [{ ...rest, name: 'b' }] }, ['The target "rest" goes', 'A new address']],
    ['a source less', { sources: [{ ...opa, id: 'b' }] }, ['The source "opa" goes', 'A new address']],
  ])('%s', async (_, change, said) => {
    const found = await changes(configText(parts), configText({ ...parts, ...change }));
    expect(found.weaker).toHaveLength(said.length);
    for (const [index, words] of said.entries()) expect(found.weaker[index]).toContain(words);
  });

  it('in a toggle: allowEmpty, adopt, and limits of its own that go or grow', () => {
    const toggle: Toggle = {
      key: 'beta',
      state: 'on',
      contextKind: 'user',
      adopt: false,
      usersPolicy: { source: 's', package: ['p'], rule: 'r' },
      guard: { maxUsers: 5, maxRevokedShare: 0.1 },
      file: 'flags/beta.yaml',
    };
    const weaker = weakerToggles([toggle], [{ ...toggle, adopt: true, guard: { allowEmpty: true, maxUsers: 6 } }]);
    expect(weaker).toHaveLength(4);
    expect(weakerToggles([toggle], [{ ...toggle, guard: { maxUsers: 1, maxRevokedShare: 0 } }])).toEqual([]);
    expect(weakerToggles([], [{ ...toggle, guard: { allowEmpty: true } }])).toHaveLength(1);
  });
});
