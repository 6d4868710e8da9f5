import type { Config } from '../domain/config.ts';
import { type Problem, toProblem, UsageError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { openState } from '../state/store.ts';

/** The state beside whoever owns it. Throws a UsageError with `missing` where nobody ever did. */
export function openShared(config: Config, log: Log, missing: Problem): StateStore {
  const { stateDir: folder, instance, audit } = config;
  const auditUsers = audit?.users ?? false;
  try {
    return openState({ folder, instance, clock: systemClock, log, access: 'share', auditUsers });
  } catch (error) {
    throw toProblem(error).code === 'state-missing' ? new UsageError(missing) : error;
  }
}
