import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { UsageError } from '../../src/domain/problem.ts';
import { commandsOf, readEvent } from '../../src/action/event.ts';
import { readInputs } from '../../src/action/inputs.ts';
import { markerOf } from '../../src/action/marker.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface Example {
  readonly name: string;
  readonly examples: readonly Readonly<Record<string, unknown>>[];
}

const all = createRequire(import.meta.url)('@octokit/webhooks-examples') as readonly Example[];
const runner = { GITHUB_REPOSITORY: 'acme/flags', GITHUB_WORKSPACE: '/checkout' };

function eventOf(name: string, payload: object, more: Readonly<Record<string, string>> = {}) {
  const folder = tempFolder({ 'event.json': JSON.stringify(payload) });
  return readEvent({ ...runner, GITHUB_EVENT_NAME: name, GITHUB_EVENT_PATH: join(folder, 'event.json'), ...more });
}

it('every payload of GitHub can be read, and only events that mean something have commands', () => {
  const meant = new Map<string, string>();
  for (const { name, examples } of all) {
    for (const example of examples) {
      const event = eventOf(name, example);
      expect(event.repository).toEqual({ owner: 'acme', repo: 'flags' });
      if (name === 'pull_request') expect(event.pull).toMatchObject({ number: 2, head: expect.any(String) });
      try {
        meant.set(name, commandsOf(event).join(' '));
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }
  }
  expect(Object.fromEntries(meant)).toEqual({
    merge_group: 'validate',
    pull_request: 'validate plan',
    push: 'validate',
  });
});

it.each([
  ['refs/heads/master', ['apply']],
  ['refs/heads/other', ['validate']],
  ['refs/tags/master', ['validate']],
])('a push to %s', (ref, commands) => {
  const payload = { repository: { default_branch: 'master' } };
  expect(commandsOf(eventOf('push', payload, { GITHUB_REF: ref }))).toEqual(commands);
});

it('a push of which nobody knows the default branch is not applied', () => {
  expect(commandsOf(eventOf('push', {}, { GITHUB_REF: 'refs/heads/undefined' }))).toEqual(['validate']);
  expect(commandsOf(eventOf('push', {}, { GITHUB_REF: '' }))).toEqual(['validate']);
});

it('outside a runner it says so', () => {
  expect(() => readEvent({})).toThrow(/is not set/);
});

it.each([
  [{ approve: ' a1, b2\n c3 ' }, { approve: ['a1', 'b2', 'c3'] }],
  [{}, { command: undefined, config: 'optoggles.yaml', all: false, showUsers: false, approve: [], timeout: 120_000 }],
  [
    { 'show-users': 'names', all: 'true', timeout: '90s' },
    { showUsers: true, all: true, timeout: 90_000 },
  ],
])('inputs %j', (given: Readonly<Record<string, string>>, wanted) => {
  expect(readInputs(name => given[name] ?? '')).toMatchObject(wanted);
});

it('a marker ends no comment early, and is another for other names', () => {
  const names = ['-->', '<!--', 'a b', 'a', 'ab', 'x'.repeat(5_000), `${'x'.repeat(5_000)}y`, '\ud800'];
  const starts = names.map(name => markerOf('plan', name, 'optoggles.yaml').start);
  expect(new Set(starts).size).toBe(names.length);
  for (const start of starts) {
    expect(start.slice('<!--'.length)).not.toMatch(/--|>|\n/);
    expect(start.length).toBeLessThan(500);
  }
});
