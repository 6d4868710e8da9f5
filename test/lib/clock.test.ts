import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';

it('what was due a moment ago is due now, and Node says nothing of it on stderr', async () => {
  const warnings: string[] = [];
  const heard = (warning: Error) => void warnings.push(warning.name);
  process.on('warning', heard);
  onTestFinished(() => void process.off('warning', heard));
  await systemClock.sleep(-10);
  await new Promise<void>(resolve => {
    systemClock.after(-10, resolve);
  });
  // Node tells warnings in the next tick.
  await new Promise(resolve => setImmediate(resolve));
  expect(warnings).toEqual([]);
});
