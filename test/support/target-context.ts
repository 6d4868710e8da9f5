import { silentLog } from '../../src/lib/log.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { TargetContext } from '../../src/targets/kind.ts';

/** What a target gets besides its settings, for tests: real time, no log. */
export function targetContext(over: Partial<TargetContext> = {}): TargetContext {
  return {
    name: 'under-test',
    mark: 'optoggles:acme-test',
    instance: 'acme-test',
    folder: '/nonexistent',
    environments: ['production'],
    clock: systemClock,
    random: () => 0.5,
    log: silentLog,
    ...over,
  };
}
