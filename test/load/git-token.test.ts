import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createRepository } from '../../src/load/git-repository.ts';
import { openGitServer } from '../support/git-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

test.each(['isomorphic', 'cli'] as const)(
  'a token that is rotated is used from the next look on (%s)',
  async driver => {
    const server = await openGitServer();
    onTestFinished(() => server.close());
    let token = 'first-token';
    server.token = token;
    const first = server.commit({ 'flags/a.yaml': 'a' });
    const repository = createRepository({
      git: {
        url: server.url,
        user: 'bot',
        ref: undefined,
        path: 'flags',
        get token() {
          return token;
        },
        poll: 3_600_000,
        driver,
        webhookSecret: undefined,
      },
      folder: join(tempFolder(), 'flags'),
      mode: 'own',
      clock: systemClock,
      env: process.env,
      limits: { ask: 10_000, fetch: 10_000 },
    });
    onTestFinished(() => repository.close());
    const { signal } = new AbortController();
    await repository.open();
    await repository.look(signal);
    expect(repository.seen?.commit).toBe(first);
    server.token = 'second-token';
    const second = server.commit({ 'flags/a.yaml': 'b' });
    await expect(repository.look(signal)).rejects.toMatchObject({ problem: { code: 'git-access' } });
    token = 'second-token';
    await repository.look(signal);
    expect(repository.seen?.commit).toBe(second);
  },
);
