import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { optoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

const opal = { id: 'lists', type: 'opal', url: 'http://127.0.0.1:1' };
const flagd = { name: 'local', type: 'flagd', path: 'out/{environment}.json', environments: ['production'] };

describe('what can be told of settings without network is told at the start, with its place', () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'a static file that is not there',
      { sources: [{ id: 'lists', type: 'static', path: 'none.yaml' }] },
      /^optoggles\.yaml:\d+:\d+: The file none\.yaml of source lists does not exist\. Create it, or correct the path/m,
    ],
    [
      'a bundle that is not there',
      { sources: [{ id: 'lists', type: 'bundle', path: 'none.tar.gz' }] },
      /^optoggles\.yaml:\d+:\d+: The file none\.tar\.gz of source lists does not exist\./m,
    ],
    [
      'data that are not there',
      { sources: [{ id: 'lists', type: 'bundle', path: 'audiences.yaml', data: 'none.json' }] },
      /^optoggles\.yaml:\d+:\d+: The file none\.json of source lists does not exist\./m,
    ],
    [
      'a file outside the folder',
      { sources: [{ id: 'lists', type: 'static', path: '../none.yaml' }] },
      /^optoggles\.yaml:\d+:\d+: The path \.\.\/none\.yaml of source lists leads out of the configuration's folder\./m,
    ],
    [
      'a package that is none',
      { sources: [{ id: 'lists', type: 'bundle', path: 'audiences.yaml', packages: ['app', 'a b'] }] },
      /^optoggles\.yaml:\d+:\d+: The package a b of source lists is no package name\./m,
    ],
    [
      'a sentinel that is none',
      { sources: [{ ...opal, type: 'opa', sentinels: ['data..x'] }] },
      /^optoggles\.yaml:\d+:\d+: sentinels of source lists: "data\.\.x" is no path of names\./m,
    ],
    [
      'a flag file outside the folder',
      { targets: [{ ...flagd, path: '../out/{environment}.json' }] },
      /^optoggles\.yaml:\d+:\d+: .*\.\.\/out\/production\.json/m,
    ],
    [
      'one flag file for several environments',
      { targets: [{ ...flagd, path: 'out.json', environments: ['production', 'test'] }] },
      /^optoggles\.yaml:\d+:\d+: target local: its 2 environments would share one flag file\./m,
    ],
    [
      'an endpoint that is none',
      { targets: [{ name: 'rest', type: 'restapi', endpointUrl: 'ftp://x' }] },
      /^optoggles\.yaml:\d+:\d+: target rest: endpointUrl is no http or https address\./m,
    ],
    [
      'an advertisedAddress that makes no URL',
      { sources: [{ ...opal, advertisedAddress: 'a b' }] },
      /^optoggles\.yaml:\d+:\d+: Source lists: its advertisedAddress makes no URL\./m,
    ],
  ])('%s', async (name, config, says) => {
    const folder = project({ config });
    const commands = name.startsWith('an advertisedAddress')
      ? ['validate', 'run']
      : ['validate', 'plan', 'apply', 'run'];
    for (const command of commands) {
      const { code, stderr } = await optoggles(folder, [command]);
      expect({ command, code }).toEqual({ command, code: 1 });
      expect(stderr).toMatch(says);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  it('no address for callbacks: run needs one, validate warns, plan does without', async () => {
    const folder = project({ config: { sources: [opal] } });
    const says =
      /^(warning: )?optoggles\.yaml:\d+:\d+: Source lists: OPAL is to call back when it runs, and nobody says/m;
    const validated = await optoggles(folder, ['validate']);
    expect(validated.code).toBe(0);
    expect(says.exec(validated.stderr)?.[1]).toBe('warning: ');
    const ran = await optoggles(folder, ['run']);
    expect(ran.code).toBe(1);
    expect(says.test(ran.stderr)).toBe(true);
    const planned = await optoggles(folder, ['plan', '--timeout', '100ms']);
    expect(planned.stderr).not.toMatch(says);
  });

  it('a variable in their place is not judged', async () => {
    const targets = [{ name: 'rest', type: 'restapi', endpointUrl: '${NOT_SET}', timeout: '${NOR_THIS}' }];
    const sources = [{ id: 'lists', type: 'static', path: '${NOT_SET}' }];
    const { code, stderr } = await optoggles(project({ config: { targets, sources } }), ['validate']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('a file that is gone does not keep approve and status from helping', async () => {
    const folder = project();
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    rmSync(join(folder, 'audiences.yaml'));
    const { code, stderr } = await optoggles(folder, ['approve', '--source', 'lists', '--for', '5m', '--reason', 'r']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
