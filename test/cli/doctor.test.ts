import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFakeOpa } from '../support/fake-opa.ts';
import { startFakeOpal } from '../support/fake-opal.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { freePort } from '../support/free-port.ts';
import { optoggles, startOptoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

interface Found {
  readonly about: string;
  readonly what: string;
  readonly state: string;
  readonly message: string;
  readonly hint?: string;
}

async function examined(folder: string, ...more: string[]) {
  const { code, stdout, stderr } = await optoggles(folder, ['doctor', '--json', '-', ...more]);
  const { checks, healthy } = JSON.parse(stdout) as { checks: readonly Found[]; healthy: boolean };
  const of = (about: string, what: string) => checks.filter(check => check.about === about && check.what === what);
  return { code, healthy, checks, of, said: stdout + stderr };
}

function jwt(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.canary-signature`;
}

const inDays = (days: number) => Math.floor(Date.now() / 1000) + days * 86_400;

async function opalWorld(token = jwt({ peer_type: 'listener', exp: inDays(300) })) {
  const opa = await startFakeOpa();
  const opal = await startFakeOpal({ token });
  const api = await openFakeRestApi();
  onTestFinished(async () => {
    await Promise.all([opa.close(), opal.close(), api.close()]);
  });
  opal.policyStore = { url: opa.url, token: null, auth_type: 'none' };
  opa.set('app/rbac/beta', ['canary-alice']);
  opa.set('app/rbac/ready', true);
  const port = await freePort();
  const folder = (sentinels: readonly string[] = ['data.app.rbac.ready']) =>
    project({
      config: {
        bind: `127.0.0.1:${port}`,
        sources: [{ id: 'lists', url: opal.url, token, advertisedAddress: `127.0.0.1:${port}`, sentinels }],
        targets: [{ name: 'rest', type: 'restapi', endpointUrl: api.url, environment: 'production' }],
      },
    });
  return { opa, opal, api, folder, port };
}

describe('doctor', () => {
  it('finds nothing where everything is well, and writes nothing', async () => {
    const folder = project();
    const before = readdirSync(folder).toSorted();
    const { code, healthy, checks } = await examined(folder);
    expect({ code, healthy }).toEqual({ code: 0, healthy: true });
    expect(checks.map(({ about, what, state }) => `${about} ${what} ${state}`)).toEqual([
      'state folder ok',
      'flags files ok',
      'source lists answers ok',
      'source lists policies ok',
      'target local flags ok',
      'target local file ok',
    ]);
    expect(readdirSync(folder).toSorted()).toEqual(before);
    const { stdout } = await optoggles(folder, ['doctor']);
    expect(stdout).toContain('ok    source lists, policies: 1 of 1 rules are defined.\n');
    expect(stdout).toMatch(/\n6 ok, 0 warnings, 0 failures\n$/);
  });

  it('is as well beside a state that only "apply" ever used', async () => {
    const folder = project();
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    const { healthy, of } = await examined(folder);
    expect(healthy).toBe(true);
    expect(of('target local', 'flags')).toMatchObject([{ message: 'It can be read: 1 flags are ours.' }]);
  });

  it('says of each thing that is not well what to do', async () => {
    const folder = project({ flags: { beta: {}, gamma: {} } });
    writeFileSync(join(folder, 'flags/broken.yaml'), 'nme: x\n');
    const config = JSON.parse(readFileSync(join(folder, 'optoggles.yaml'), 'utf8')) as Record<string, unknown[]>;
    config.sources?.push({ id: 'down', type: 'opa', url: 'http://127.0.0.1:1' });
    writeFileSync(join(folder, 'optoggles.yaml'), JSON.stringify(config));
    const { code, healthy, checks } = await examined(folder);
    expect({ code, healthy }).toEqual({ code: 1, healthy: false });
    expect(checks.filter(({ state }) => state !== 'ok').map(({ about, what, state }) => [about, what, state])).toEqual([
      ['flags', 'files', 'fail'],
      ['source lists', 'policies', 'warn'],
      ['source down', 'reached', 'fail'],
    ]);
    for (const { state, hint } of checks) if (state !== 'ok') expect(hint).toMatch(/\w/);
  });

  it.skipIf(process.getuid?.() === 0)('sees a folder that may not be written', async () => {
    const folder = project({
      config: { targets: [{ name: 'local', type: 'flagd', path: 'out.json', environments: ['production'] }] },
    });
    chmodSync(folder, 0o555);
    onTestFinished(() => chmodSync(folder, 0o755));
    const { of } = await examined(folder);
    expect(of('target local', 'file')).toMatchObject([{ state: 'fail' }]);
  });

  it('tells of OPAL, its token and sentinels, and of a REST service', async () => {
    const { folder, opa } = await opalWorld();
    const well = await examined(folder());
    expect(well.code).toBe(0);
    expect(well.of('source lists', 'answers')).toMatchObject([
      { state: 'ok', message: expect.stringContaining('all sentinels hold') },
    ]);
    expect(well.of('source lists', 'token')).toMatchObject([
      { state: 'ok', message: expect.stringMatching(/valid until \d{4}/) },
    ]);
    expect(well.of('source lists', 'callback')).toMatchObject([{ state: 'ok' }]);
    expect(well.of('source lists', 'clock')).toMatchObject([{ state: 'ok' }]);
    expect(well.of('target rest', 'clock')).toMatchObject([{ state: 'ok' }]);
    opa.set('app/rbac/ready', undefined);
    const ill = await examined(folder());
    expect(ill.code).toBe(1);
    expect(ill.of('source lists', 'answers')).toMatchObject([
      { state: 'fail', message: expect.stringContaining('app.rbac.ready') },
    ]);
    expect(well.said + ill.said).not.toContain('canary');
  });

  it.each<[string, Readonly<Record<string, unknown>>, string, string]>([
    ['has expired', { peer_type: 'listener', exp: inDays(-1) }, 'fail', 'expired'],
    ['expires soon', { peer_type: 'listener', exp: inDays(3) }, 'warn', 'expires on'],
    ['is a client’s', { peer_type: 'client', exp: inDays(300) }, 'fail', 'peer_type "client"'],
    ['has no end', { peer_type: 'listener' }, 'ok', 'does not expire'],
  ])('tells that a token of OPAL %s', async (_, claims, state, text) => {
    const { folder } = await opalWorld(jwt(claims));
    const { of } = await examined(folder());
    expect(of('source lists', 'token')).toMatchObject([{ state, message: expect.stringContaining(text) }]);
  });

  it('finds several OPAs behind one address', async () => {
    const { folder, opa } = await opalWorld();
    let turns = 0;
    opa.options.hold = () => {
      opa.identify(`opa-${turns++ % 3}`);
      return undefined;
    };
    const { of, code } = await examined(folder());
    expect(code).toBe(1);
    expect(of('source lists', 'instance')).toMatchObject([
      { state: 'fail', hint: expect.stringContaining('source of its own') },
    ]);
  });
});

describe('doctor --trigger', () => {
  it('hears a callback by itself, and leaves nothing behind', async () => {
    const { folder, opal } = await opalWorld();
    opal.options.onTrigger = what => {
      if (what === 'data') void opal.fire();
    };
    const { of, code } = await examined(folder(), '--trigger');
    expect(of('source lists', 'called back')).toMatchObject([
      { state: 'ok', message: expect.stringContaining('here') },
    ]);
    expect(code).toBe(0);
    expect(opal.callbacks.size).toBe(0);
  });

  it('sees the callback that the running instance got, and does not disturb its registration', async () => {
    const { folder, opal } = await opalWorld();
    const place = folder();
    const running = startOptoggles(place, ['run']);
    await running.url;
    await expect.poll(() => opal.callbacks.size, { timeout: 20_000 }).toBe(1);
    opal.options.onTrigger = what => {
      if (what === 'data') void opal.fire();
    };
    const { of, code } = await examined(place, '--trigger');
    expect(of('source lists', 'called back')).toMatchObject([
      { state: 'ok', message: expect.stringContaining('running instance') },
    ]);
    expect(of('source lists', 'callback')).toMatchObject([
      { state: 'ok', message: expect.stringContaining('calls back at') },
    ]);
    expect(code).toBe(0);
    expect(opal.callbacks.size).toBe(1);
  }, 60_000);

  it('asks for nothing without being told to', async () => {
    const { folder, opal } = await opalWorld();
    await examined(folder());
    expect(opal.requests.filter(request => request.includes('trigger'))).toEqual([]);
  });
});
