import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/domain/problem.ts';
import { validate } from '../../src/tasks/validate.ts';
import { exampleConfig, exampleFlag } from '../../scripts/generated/configuration-text.ts';
import { fakeKinds as kinds } from '../support/fake-kinds.ts';
import { tempFolder } from '../support/temp-folder.ts';

function run(files: Record<string, string>, now?: number) {
  const configFile = join(tempFolder(files), 'optoggles.yaml');
  return validate({ configFile, kinds, env: {}, ...(now !== undefined && { now }) });
}

describe('validate', () => {
  it('finds nothing wrong with the examples of the reference, without their secrets', async () => {
    const found = await run({ 'optoggles.yaml': exampleConfig, 'flags/us-feature.yaml': exampleFlag });
    expect(found).toEqual({ problems: [], warnings: [], files: 1, toggles: 1 });
  });

  it('tells all problems of all files, sorted', async () => {
    const { problems, files, toggles } = await run({
      'optoggles.yaml': exampleConfig,
      'flags/us-feature.yaml': exampleFlag,
      'flags/b.yaml': exampleFlag,
      'flags/a.yaml': exampleFlag
        .replace('us-feature', 'a')
        .replace('example-opal', 'example-oapl')
        .replace('owner', 'ownr'),
    });
    expect(problems.map(formatProblem).map(line => line.split(' ')[0])).toEqual([
      'flags/a.yaml:1:1:',
      'flags/a.yaml:4:1:',
      'flags/a.yaml:8:24:',
      'flags/b.yaml:1:6:',
    ]);
    expect([files, toggles]).toEqual([3, 1]);
  });

  it('tells what is wrong with the configuration', async () => {
    const { problems, files } = await run({ 'optoggles.yaml': exampleConfig.replace('instance', 'instanse') });
    expect(problems.map(({ code }) => code)).toEqual(['missing-key', 'unknown-key']);
    expect(files).toBe(0);
  });

  it('tells that the flags are not there', async () => {
    const { problems } = await run({ 'optoggles.yaml': exampleConfig });
    expect(problems.map(({ code }) => code)).toEqual(['flags-unreadable']);
  });

  it('warns of what expired, and calls it valid', async () => {
    const files = { 'optoggles.yaml': exampleConfig, 'flags/us-feature.yaml': exampleFlag };
    const { problems, warnings } = await run(files, Date.parse('2030-01-01'));
    expect(problems).toEqual([]);
    expect(warnings.map(formatProblem)).toEqual([
      'flags/us-feature.yaml:7:10: The toggle "us-feature" expired on 2027-02-01. Remove it from the code and delete its file, or move "expires".',
    ]);
  });

  it('takes the old configuration too', async () => {
    const configFile = join(
      tempFolder({
        'config.yaml': `sources: [{ id: o, url: "http://o:1" }]
target: { targetType: restapi, targetSpec: { endpointUrl: "https://x" } }
toggles: [{ key: a, usersPolicy: { source: o, package: p, rule: r } }]
`,
      }),
      'config.yaml',
    );
    expect(await validate({ configFile, kinds, env: {} })).toEqual({
      problems: [],
      warnings: [],
      files: 0,
      toggles: 1,
    });
  });
});
