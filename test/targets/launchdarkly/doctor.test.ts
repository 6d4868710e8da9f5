import { expect, it } from 'vitest';
import type { Check } from '../../../src/domain/checkup.ts';
import { openLd } from './ld-harness.ts';

async function checksOf(options: Parameters<typeof openLd>[0], more: Readonly<Record<string, unknown>> = {}) {
  const ld = await openLd(options);
  try {
    const checks: Check[] = [];
    const target = ld.target(more);
    for await (const check of target.doctor?.(AbortSignal.timeout(10_000)) ?? []) checks.push(check);
    return { checks, writes: ld.fake.writes };
  } finally {
    await ld.close();
  }
}

it('a service token is well, and nothing is written to see it', async () => {
  const { checks, writes } = await checksOf({ tokens: [{ token: 'api-service', name: 'optoggles' }] });
  expect(checks).toMatchObject([{ what: 'token', state: 'ok', message: expect.stringContaining('"optoggles"') }]);
  expect(writes).toEqual([]);
});

it('a personal token is warned of: it ends with its owner', async () => {
  const { checks } = await checksOf({ tokens: [{ token: 'api-personal', name: 'mine', memberId: 'm1' }] });
  expect(checks).toMatchObject([{ state: 'warn', hint: expect.stringContaining('service token') }]);
});

it('a token that is refused is a failure, without the token', async () => {
  const { checks } = await checksOf({}, { token: 'api-canary-wrong' });
  expect(checks).toMatchObject([{ what: 'token', state: 'fail', hint: expect.stringMatching(/\w/) }]);
  expect(JSON.stringify(checks)).not.toContain('canary');
});
