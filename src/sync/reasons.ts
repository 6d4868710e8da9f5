import type { AudienceId } from '../domain/audience.ts';

/** Why a source is asked. Without `audiences` it is about all that the source has to answer. */
export interface AskReason {
  readonly kind:
    | 'start'
    | 'callback'
    | 'poll'
    | 'resync'
    | 'changed'
    | 'registered'
    | 'definitions'
    | 'retry'
    | 'stale'
    | 'operator'
    | 'approval';
  readonly audiences?: ReadonlySet<AudienceId>;
}

/** Why a target's lane works. `read` asks for a fresh look at what the target holds. */
export interface WriteReason {
  readonly kind: 'start' | 'answers' | 'definitions' | 'retry' | 'drift' | 'operator' | 'approval' | 'landed';
  readonly read?: boolean;
}
