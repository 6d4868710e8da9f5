import type { Problem } from '../domain/problem.ts';

/** What OPAL notes of one update in `system.opal`. */
export interface Transaction {
  /** A git hash, or the id of a data update. */
  readonly id: string;
  readonly success: boolean;
  /** ISO without a zone, by OPAL's clock: fit for comparing with one another only. */
  readonly endTime: string;
}

/**
 * The document that OPAL keeps in OPA with OPAL_OPA_HEALTH_CHECK_POLICY_ENABLED=true. Its own `healthy` stays true
 * after a failed update, and its `ready` is true after one entry of many, so neither is read (seen on OPAL 0.9).
 */
export interface SystemOpal {
  readonly policy: Transaction | undefined;
  readonly data: Transaction | undefined;
  readonly failedPolicy: Transaction | undefined;
  readonly failedData: Transaction | undefined;
}

/** Reads the value of `data.system.opal`; undefined where it is not there or something else. */
export function readSystemOpal(value: unknown): SystemOpal | undefined {
  if (!isRecord(value)) return undefined;
  if (!('last_policy_transaction' in value) && !('last_data_transaction' in value)) return undefined;
  return {
    policy: transactionOf(value['last_policy_transaction']),
    data: transactionOf(value['last_data_transaction']),
    failedPolicy: transactionOf(value['last_failed_policy_transaction']),
    failedData: transactionOf(value['last_failed_data_transaction']),
  };
}

/** None yet is `{}`. */
function transactionOf(value: unknown): Transaction | undefined {
  if (!isRecord(value) || typeof value['id'] !== 'string' || value['id'] === '') return undefined;
  const endTime = typeof value['end_time'] === 'string' ? value['end_time'] : '';
  return { id: value['id'], success: value['success'] === true, endTime };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Updates that failed after the last one that did not: what OPA answers is older than it should be. */
export function staleWarnings(opal: SystemOpal): Problem[] {
  const problems: Problem[] = [];
  if (isNewer(opal.failedPolicy, opal.policy)) {
    problems.push({
      code: 'opal-policy-update-failed',
      message: `OPAL could not load the newest policy (${shortId(opal.failedPolicy)}): answers are by an older one.`,
      hint: "Look at the OPAL client's log and correct the policy.",
    });
  }
  if (isNewer(opal.failedData, opal.data)) {
    problems.push({
      code: 'opal-data-update-failed',
      message: `OPAL could not load the newest data (update ${shortId(opal.failedData)}): answers are by older data.`,
      hint: "Look at the OPAL client's log and at the data source it could not reach.",
    });
  }
  return problems;
}

function isNewer(failed: Transaction | undefined, last: Transaction | undefined): boolean {
  if (failed === undefined) return false;
  return last === undefined || failed.endTime > last.endTime;
}

/** Ids of data updates are free text of whoever published them. */
function shortId(transaction: Transaction | undefined): string {
  return (transaction?.id ?? '').replace(/[^\x20-\x7e]/g, '?').slice(0, 64);
}
