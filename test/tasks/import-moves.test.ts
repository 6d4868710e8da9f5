import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { plantFlags, usedMembers } from '../support/account-in-use.ts';
import { optoggles } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { openLd } from '../targets/launchdarkly/ld-harness.ts';

function edit(file: string, change: (content: Record<string, unknown>) => void): void {
  const content = parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  change(content);
  writeFileSync(file, stringify(content));
}

it('from the first empty plan one toggle moves to a real policy, and the plan shows who gains and who loses', async () => {
  const ld = await openLd({ members: usedMembers, teams: ['team-growth'] });
  onTestFinished(() => ld.close());
  plantFlags(ld.fake);
  // LaunchDarkly's SDK does not survive it.
  ld.fake.hand.deleteFlag('default', 'constructor');
  const env = { LAUNCHDARKLY_TOKEN: ld.fake.token };
  const folder = tempFolder({ 'real.json': JSON.stringify({ 'app.rbac.staff': ['bob', 'carol', 'dan, jr'] }) });
  const once = ['--timeout', '10s'];
  const plan = ['plan', '--detailed-exitcode', '--show-users', ...once];
  expect(await optoggles(folder, ['import', 'ld', '--base-url', ld.fake.url], env)).toMatchObject({ code: 0 });
  expect(await optoggles(folder, plan, env)).toMatchObject({ code: 0 });

  edit(join(folder, 'optoggles.yaml'), config => {
    config['sources'] = [...(config['sources'] as unknown[]), { id: 'real', type: 'static', path: 'real.json' }];
  });
  expect(await optoggles(folder, plan, env)).toMatchObject({ code: 0 });
  edit(join(folder, 'flags/plain.yaml'), flag => {
    flag['usersPolicy'] = { source: 'real', package: 'app.rbac', rule: 'staff' };
  });
  const planned = await optoggles(folder, plan, env);
  expect(planned.code).toBe(2);
  expect(planned.stdout).toContain('plain ld production + carol, "dan, jr" − alice');
  // Its other environment has a policy of its own, and no other toggle is concerned.
  expect(planned.stdout).toMatch(/^1 change \(\+2 −1 users\)$/m);

  const writes = ld.fake.writes.length;
  expect(await optoggles(folder, ['apply', ...once], env)).toMatchObject({ code: 0 });
  expect(ld.fake.writes.length - writes).toBe(1);
  const served = [];
  for (const one of ['alice', 'bob', 'carol', 'dan', 'dan, jr']) {
    if ((await ld.serves('plain', 'production', one)) === true) served.push(one);
  }
  expect(served).toEqual(['bob', 'carol', 'dan, jr']);
  expect(await optoggles(folder, plan, env)).toMatchObject({ code: 0 });
});
