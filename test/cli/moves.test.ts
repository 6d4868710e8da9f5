import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FakeRestApi, openFakeRestApi } from '../support/fake-rest-api.ts';
import { optoggles, startOptoggles } from '../support/program.ts';
import { configText, listsText, project } from '../support/project.ts';
import { routed } from '../support/routed.ts';

const nothing = 'Nothing to do\n';

function configure(folder: string, target: object): void {
  writeFileSync(join(folder, 'optoggles.yaml'), configText({ targets: [target] }));
}

describe('a flagd target with another path', () => {
  const flagd = (path: string, environments: readonly string[] = ['production', 'test']) => {
    return { name: 'local', type: 'flagd', path, environments };
  };

  async function applied(target: object): Promise<string> {
    const folder = project({ config: { targets: [target] } });
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    return folder;
  }

  function flag(folder: string, file: string): Record<string, unknown> {
    const { flags } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      flags: Record<string, Record<string, unknown>>;
    };
    return flags.beta ?? {};
  }

  it('fills the new files, then closes the old ones', async () => {
    const folder = await applied(flagd('out/{environment}.json'));
    configure(folder, flagd('elsewhere/{environment}.json'));
    const planned = await optoggles(folder, ['plan', '--detailed-exitcode']);
    expect(planned.code).toBe(2);
    const { code, stderr } = await optoggles(folder, ['apply']);
    expect(code).toBe(0);
    expect(stderr).toContain('Target local moves from flagd out/{environment}.json');
    for (const environment of ['production', 'test']) {
      expect(flag(folder, `elsewhere/${environment}.json`)).toHaveProperty('targeting');
      expect(flag(folder, `out/${environment}.json`)).not.toHaveProperty('targeting');
      expect(flag(folder, `out/${environment}.json`)).toMatchObject({ state: 'ENABLED', defaultVariant: 'off' });
    }
    const again = await optoggles(folder, ['apply']);
    expect(again).toMatchObject({ code: 0, stdout: nothing });
    expect(again.stderr).not.toContain('target-');
  });

  it('does not close a file that is one of the new ones', async () => {
    const folder = await applied(flagd('out/production.json', ['production']));
    const before = readFileSync(join(folder, 'out/production.json'), 'utf8');
    configure(folder, flagd('out/{environment}.json'));
    expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, 'out/production.json'), 'utf8')).toBe(before);
    expect(flag(folder, 'out/test.json')).toHaveProperty('targeting');
    expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0, stdout: nothing });
  });

  it('does not close a file that another name leads to', async () => {
    const folder = await applied(flagd('out/production.json', ['production']));
    const before = readFileSync(join(folder, 'out/production.json'), 'utf8');
    symlinkSync('out', join(folder, 'linked'));
    configure(folder, flagd('linked/production.json', ['production']));
    expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0, stdout: nothing });
    expect(readFileSync(join(folder, 'out/production.json'), 'utf8')).toBe(before);
  });

  it('does not close a file that another target writes', async () => {
    const folder = await applied(flagd('out/{environment}.json'));
    const other = { ...flagd('out/production.json', ['production']), name: 'other' };
    const targets = [flagd('elsewhere/{environment}.json'), other];
    writeFileSync(join(folder, 'optoggles.yaml'), configText({ targets }));
    expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0 });
    expect(flag(folder, 'out/production.json')).toHaveProperty('targeting');
    expect(flag(folder, 'out/test.json')).not.toHaveProperty('targeting');
    expect(flag(folder, 'elsewhere/test.json')).toHaveProperty('targeting');
  });

  it('says what it leaves in an environment that is not listed any more', async () => {
    const folder = await applied(flagd('out/{environment}.json'));
    configure(folder, flagd('elsewhere/{environment}.json', ['production']));
    const { code, stderr } = await optoggles(folder, ['apply']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/environment-left-alone.* in test, which/);
    expect(flag(folder, 'out/production.json')).not.toHaveProperty('targeting');
    expect(flag(folder, 'out/test.json')).toHaveProperty('targeting');
    expect((await optoggles(folder, ['plan'])).stderr).toContain('environment-left-alone');
  });
});

describe('a REST target with another address', () => {
  const secret = 'canary-token';

  async function api(get: 'all' | 'none'): Promise<FakeRestApi> {
    const opened = await openFakeRestApi({ get, require: { authorization: secret } });
    onTestFinished(() => opened.close());
    return opened;
  }

  function rest(endpointUrl: string, read: boolean): object {
    const extraHeaders = { Authorization: secret };
    return { name: 'rest', type: 'restapi', endpointUrl, extraHeaders, environment: 'production', read };
  }

  async function world(read: boolean) {
    const host = await routed();
    const [old, fresh] = [await api(read ? 'all' : 'none'), await api(read ? 'all' : 'none')];
    host.route('v1', old.url);
    host.route('v2', fresh.url);
    const folder = project({ config: { targets: [rest(`${host.url}/v1`, read)] } });
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    expect(old.toggles.get('beta')?.users).toEqual(['alice', 'bob']);
    return { host, old, fresh, folder, move: (url: string) => configure(folder, rest(url, read)) };
  }

  describe.each([[true], [false]])('(it can be read: %j)', read => {
    it('on the same host is filled there, then closed here', async () => {
      const { host, old, fresh, folder, move } = await world(read);
      move(`${host.url}/v2/`);
      expect((await optoggles(folder, ['apply'])).code).toBe(0);
      expect(fresh.toggles.get('beta')?.users).toEqual(['alice', 'bob']);
      expect(old.toggles.get('beta')?.users).toEqual([]);
      const filled = fresh.writes.findLast(({ method }) => method === 'PATCH');
      expect(filled?.at).toBeLessThanOrEqual(old.writes.at(-1)?.at ?? 0);
      expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0, stdout: nothing });
    });

    it('on another host leaves the old one alone, and sends it no token', async () => {
      const { old, folder, move } = await world(read);
      const other = await api(read ? 'all' : 'none');
      const before = old.requests.length;
      move(other.url);
      const { code, stderr } = await optoggles(folder, ['apply']);
      expect(code).toBe(0);
      expect(stderr).toMatch(/target-dropped.*\/v1 \(target rest\): its toggles are left as they are\. Put it back/);
      expect(other.toggles.get('beta')?.users).toEqual(['alice', 'bob']);
      expect(old.toggles.get('beta')?.users).toEqual(['alice', 'bob']);
      expect(old.requests.length).toBe(before);
    });

    it('that is the same place closes nothing', async () => {
      const { host, old, folder, move } = await world(read);
      host.route('v2', old.url);
      move(`${host.url}/v2`);
      const { code, stderr } = await optoggles(folder, ['apply']);
      expect(code).toBe(0);
      expect(stderr).toContain('target-same-place');
      expect(old.toggles.get('beta')?.users).toEqual(['alice', 'bob']);
      const again = await optoggles(folder, ['apply']);
      expect(again).toMatchObject({ code: 0, stdout: nothing });
      expect(again.stderr).not.toContain('target-');
      expect(old.toggles.get('beta')?.users).toEqual(['alice', 'bob']);
    });

    it('goes on after it was killed in the middle', async () => {
      const { host, old, fresh, folder, move } = await world(read);
      move(`${host.url}/v2`);
      const writes = old.writes.length;
      const lift = old.fault({ kind: 'hang' }, { method: 'PATCH' });
      const running = startOptoggles(folder, ['apply']);
      await old.waitFor(() => old.writes.length > writes);
      running.kill('SIGKILL');
      await running.ended;
      lift();
      expect(fresh.toggles.get('beta')?.users).toEqual(['alice', 'bob']);
      writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['alice', 'bob', 'carol'] }));
      expect((await optoggles(folder, ['apply'])).code).toBe(0);
      expect(fresh.toggles.get('beta')?.users).toEqual(['alice', 'bob', 'carol']);
      expect(old.toggles.get('beta')?.users).toEqual([]);
      expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0, stdout: nothing });
    });

    it('where the old one knows nothing any more makes nothing there', async () => {
      const { host, old, fresh, folder, move } = await world(read);
      old.toggles.clear();
      move(`${host.url}/v2`);
      expect((await optoggles(folder, ['apply'])).code).toBe(0);
      expect(fresh.toggles.get('beta')?.users).toEqual(['alice', 'bob']);
      expect(old.toggles.size).toBe(0);
      expect((await optoggles(folder, ['apply'])).code).toBe(0);
    });
  });

  it('says how to be rid of an old one that refuses', async () => {
    const { host, old, folder, move } = await world(false);
    old.fault({ kind: 'status', status: 400 });
    move(`${host.url}/v2`);
    const { code, stderr } = await optoggles(folder, ['apply', '--timeout', '3s']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/at the former address of rest \(restapi .*\/v1\).*give the target rest another name/);
    expect(stderr).not.toContain(secret);
  });
});
