import { defineConfig } from 'vitest/config';

/** Whole programs, hostile input, long stories: `npm run test:whole`. Everything else is `npm test`, in under two minutes. */
const whole = [
  'test/action/**/*.test.ts',
  'test/fuzz/**/*.test.ts',
  'test/docs/gitops.test.ts',
  'test/cli/**/*.test.ts',
  'test/tasks/{preview-truth,remote}.test.ts',
  'test/targets/launchdarkly/line*.test.ts',
  'test/lib/git/drivers.test.ts',
  'test/load/git-flags.test.ts',
];

export default defineConfig({
  test: {
    // The tests wait more than they compute: one worker per core, not one less.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/peers/**', ...whole],
          // No test asserts it: it only ends what hangs, on machines of any speed.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'whole',
          include: whole,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'peers',
          include: ['test/peers/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          globalSetup: ['test/peers/setup.ts'],
        },
      },
    ],
  },
});
