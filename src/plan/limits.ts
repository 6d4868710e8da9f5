import type { GuardConfig } from '../domain/plan.ts';
import type { GuardOverride } from '../domain/toggle.ts';

/** The guard of one placement: the configured one, made tighter by its file. */
export interface Limits {
  readonly maxRevokedShare: number;
  readonly alwaysAllowedRevocations: number;
  readonly maxGrantedShare: number;
  readonly alwaysAllowedGrants: number;
  readonly maxUsers: number;
  readonly allowEmpty: boolean;
}

/** The stricter of each; only `allowEmpty` is the file's alone. */
export function limitsOf(guard: GuardConfig, file: GuardOverride): Limits {
  return {
    maxRevokedShare: Math.min(guard.maxRevokedShare, file.maxRevokedShare ?? Infinity),
    alwaysAllowedRevocations: Math.min(guard.alwaysAllowedRevocations, file.alwaysAllowedRevocations ?? Infinity),
    maxGrantedShare: Math.min(guard.maxGrantedShare, file.maxGrantedShare ?? Infinity),
    alwaysAllowedGrants: Math.min(guard.alwaysAllowedGrants, file.alwaysAllowedGrants ?? Infinity),
    maxUsers: Math.min(guard.maxUsers ?? Infinity, file.maxUsers ?? Infinity),
    allowEmpty: file.allowEmpty ?? false,
  };
}

/** More than the number always allowed **and** more than the share. */
export function isOver(count: number, of: number, always: number, share: number): boolean {
  return count > always && count / of > share;
}
