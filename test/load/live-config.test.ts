import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ProblemsError } from '../../src/domain/problem.ts';
import { sourceKinds, targetKinds } from '../../src/kinds.ts';
import { loadConfig, secretsOf } from '../../src/load/config.ts';
import { createLiveConfig } from '../../src/load/live-config.ts';
import { tempFolder } from '../support/temp-folder.ts';

const text = `
version: 1
instance: acme
callbackSecret: "\${file:callback}"
flags: { git: "https://host.example/flags.git", token: "\${file:git}" }
adminTokens: [{ name: oncall, token: "\${file:admin}" }]
sources:
  - { id: one, url: http://opal:7000, token: "\${file:opal}" }
  - { id: two, url: http://opal2:7000 }
targets:
  - { name: rest, type: restapi, endpointUrl: http://rest.test, extraHeaders: { Authorization: "Bearer \${file:rest}" } }
notify: [{ type: slack, url: "\${file:slack}" }]
`;

const files = {
  callback: 'callback-1',
  git: 'git-token-1',
  admin: 'admin-token-1',
  opal: 'opal-token-1',
  rest: 'rest-token-1',
  slack: 'https://hooks.slack.test/services/1',
};

async function loaded() {
  const folder = tempFolder({ 'optoggles.yaml': text, ...files });
  const kinds = { sources: sourceKinds, targets: targetKinds };
  const found = await loadConfig(join(folder, 'optoggles.yaml'), { kinds, env: {}, secrets: 'substitute' });
  return { folder, files: found.secretFiles, live: createLiveConfig(found) };
}

describe('a configuration whose secrets come in anew', () => {
  it('knows the files that it has them from', async () => {
    const { folder, files: found } = await loaded();
    expect(found.toSorted()).toEqual(
      Object.keys(files)
        .map(name => join(folder, name))
        .sort(),
    );
  });

  it('tells what became another, and shows it at once', async () => {
    const { folder, live } = await loaded();
    expect(live.renew()).toMatchObject({ any: false });
    writeFileSync(join(folder, 'opal'), 'opal-token-2\n');
    writeFileSync(join(folder, 'admin'), 'admin-token-2');
    expect(live.renew()).toEqual({ sources: ['one'], targets: [], notify: false, callbackSecret: false, any: true });
    expect(live.config.sources[0]?.settings.token).toBe('opal-token-2');
    expect(live.config.adminTokens).toEqual([{ name: 'oncall', token: 'admin-token-2' }]);
    for (const name of ['rest', 'git', 'slack', 'callback'] as const) {
      writeFileSync(join(folder, name), `${files[name]}-changed`);
    }
    expect(live.renew()).toEqual({ sources: [], targets: ['rest'], notify: true, callbackSecret: true, any: true });
    expect(live.config.flags?.git?.token).toBe('git-token-1-changed');
    // Bearers are made of it, and OPAL has them.
    expect(live.config.callbackSecret).toBe('callback-1');
    expect(secretsOf(live.config)).toEqual(
      expect.arrayContaining(['opal-token-2', 'admin-token-2', 'git-token-1-changed', 'rest-token-1-changed']),
    );
  });

  it('stays whole when a file is missing: nothing is half taken', async () => {
    const { folder, live } = await loaded();
    writeFileSync(join(folder, 'opal'), 'opal-token-2');
    rmSync(join(folder, 'rest'));
    expect(() => live.renew()).toThrow(ProblemsError);
    expect(live.config.sources[0]?.settings.token).toBe('opal-token-1');
    writeFileSync(join(folder, 'rest'), '');
    expect(() => live.renew()).toThrow('is empty');
    writeFileSync(join(folder, 'rest'), 'rest-token-1');
    expect(live.renew()).toMatchObject({ sources: ['one'], targets: [] });
  });

  it('does not read the configuration again: that waits for a restart', async () => {
    const { folder, live } = await loaded();
    writeFileSync(join(folder, 'optoggles.yaml'), 'broken: [');
    writeFileSync(join(folder, 'opal'), 'opal-token-2');
    expect(live.renew()).toMatchObject({ sources: ['one'] });
  });
});
