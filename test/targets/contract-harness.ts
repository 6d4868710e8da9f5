import type { JsonObject } from '../../src/domain/json.ts';
import type { Capabilities } from '../../src/domain/listing.ts';
import type { Target } from '../../src/domain/target.ts';

/** How a platform can be made to fail. Each returns what ends the failure. A kind leaves out what cannot happen to it. */
export interface Faults {
  /** Writes fail for certain: nothing of them is kept. */
  failing?(): () => void;
  /** Writes fail, and the platform says when to come back (ms). */
  rateLimited?(retryAfter: number): () => void;
  /** Writes are not answered within the target's time limit; with `applied` they take effect all the same. */
  silent?(applied: boolean): () => void;
  /** The connection or the process breaks in the middle of a write. */
  half?(applied: boolean): () => void;
  /** Writes are refused because somebody else was faster. */
  conflicting?(): () => void;
}

/** A platform as somebody planted it by hand. */
export interface Planted {
  readonly key: string;
  readonly owner: 'nobody' | 'somebody-else';
  readonly members: readonly string[];
}

/** One target of a kind, with the platform that it writes to: both fresh for every case. */
export interface Harness {
  readonly target: Target;
  /** Another target object on the same platform, as after a restart. */
  restarted(): Target;
  /** What an application is served; `missing` where its own default would apply. */
  serves(key: string, environment: string, member: string): Promise<boolean | 'missing'>;
  /** What the platform shows of the toggle besides who has it; undefined when it has none of that key. */
  shows(key: string): Promise<JsonObject | undefined>;
  /** Puts a flag there that was not made by us; absent where nothing can be there but ours. */
  plant?(planted: Planted): Promise<void>;
  /** How often something was written so far. */
  writes(): number;
  readonly faults: Faults;
  /** Keys that are taken as they are; absent: any. */
  readonly oddKeys?: readonly string[];
  close(): Promise<void>;
}

/** What decides whether a case applies. */
export interface Facts {
  readonly can: Capabilities;
  readonly reads: boolean;
  readonly faults: Faults;
  readonly plants: boolean;
}

/** One thing that a target must do. */
export interface Case {
  /** For which kinds it is asked. */
  applies(facts: Facts): boolean;
  run(harness: Harness): Promise<void>;
}
