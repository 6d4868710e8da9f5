import type { Files } from './files.ts';
import type { PolicySide } from './opa.ts';
import type { Platform } from './platform.ts';
import type { Running } from './running.ts';
import type { Setup } from './setup.ts';
import type { SimClock } from './sim-clock.ts';
import type { Disk } from './state.ts';

/** What can be seen of a world from outside the program: all that a judge knows. */
export interface Scene {
  readonly setup: Setup;
  readonly clock: SimClock;
  readonly sides: ReadonlyMap<string, PolicySide>;
  readonly platforms: readonly Platform[];
  readonly files: Files;
  readonly disk: Disk;
  /** Undefined while nothing runs. */
  readonly running: Running | undefined;
  /** When the program started last (world's time). */
  readonly startedAt: number;
  /** By source: when a callback reached the program last. */
  readonly toldAt: ReadonlyMap<string, number>;
  /** One line of what happened; all of them make the trace. */
  note(line: string): void;
}
