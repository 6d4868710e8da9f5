import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { optoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

const theirs = {
  state: 'ENABLED',
  variants: { on: true, off: false },
  defaultVariant: 'off',
  targeting: { if: [{ $ref: 'insiders' }, 'on', { in: [{ var: 'targetingKey' }, ['canary-alice']] }, 'on', 'off'] },
};
const file = { flags: { beta: theirs }, $evaluators: { insiders: { ends_with: [{ var: 'email' }, '@acme.test'] } } };

function flags(folder: string): Record<string, unknown> {
  const text = readFileSync(join(folder, 'out/production.json'), 'utf8');
  return (JSON.parse(text) as { flags: Record<string, unknown> }).flags;
}

it('shows what it changes, puts a flag back that was taken over, and it stays so until it is resumed', async () => {
  const folder = project({ flags: { beta: { adopt: true } } });
  mkdirSync(join(folder, 'out'));
  writeFileSync(join(folder, 'out/production.json'), JSON.stringify(file));
  const first = await optoggles(folder, ['apply']);
  const id = /optoggles approve ([0-9a-f]+)/.exec(first.stdout)?.[1];
  if (id !== undefined) expect((await optoggles(folder, ['apply', '--approve', id])).code).toBe(0);
  const ours = flags(folder);
  expect(ours.beta).not.toEqual(theirs);

  const plan = await optoggles(folder, ['restore', 'beta']);
  expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('production: flag beta in ') });
  expect(plan.stdout).toContain('Nothing was done.');
  expect(plan.stdout).not.toContain('canary');
  expect(flags(folder)).toEqual(ours);

  const done = await optoggles(folder, ['restore', 'beta', '--yes', '--by', 'erin']);
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('toggle beta is paused') });
  expect(flags(folder).beta).toEqual(theirs);
  expect((await optoggles(folder, ['restore', 'beta'])).stdout).toContain('it is so already');
  expect((await optoggles(folder, ['apply'])).code).toBe(4);
  expect(flags(folder).beta).toEqual(theirs);
  const history = await optoggles(folder, ['history', 'beta']);
  expect(history.stdout).toMatch(/restored/);

  // Resumed, its file takes it over again, and the guard asks again.
  await optoggles(folder, ['resume', 'beta']);
  await optoggles(folder, ['apply']);
  expect((await optoggles(folder, ['plan'])).stdout).not.toContain('is paused');
});

it('says so where nothing was ever taken over', async () => {
  const folder = project();
  await optoggles(folder, ['apply']);
  const { code, stderr } = await optoggles(folder, ['restore', 'beta', '--yes']);
  expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining('it was never taken over') });
  expect((await optoggles(folder, ['plan'])).stdout).not.toContain('is paused');
  expect((await optoggles(folder, ['restore', 'bets'])).code).toBe(64);
});
