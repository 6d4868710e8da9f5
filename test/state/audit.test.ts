import { describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../src/domain/state.ts';
import { memoryState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const denied: AuditEntry = { at: 1, what: 'denied', member: 'alice', by: 'oncall', until: 100, message: 'left' };

function stateWith(auditUsers: boolean) {
  return memoryState({ instance: 'test', clock: createFakeClock(), auditUsers });
}

describe('a line about a member', () => {
  it('has a keyed hash in the place of the name, the same for the same member', () => {
    const store = stateWith(false);
    store.audit(denied);
    const [line] = store.auditLog();
    expect(line).toEqual({ ...denied, member: store.memberTag('alice') });
    expect(line?.member).toMatch(/^h:[0-9a-f]{16}$/);
    expect(store.memberTag('alice')).toBe(store.memberTag('alice'));
    expect(store.memberTag('bob')).not.toBe(store.memberTag('alice'));
  });

  it('is hashed with another key in another state', () => {
    expect(stateWith(false).memberTag('alice')).not.toBe(stateWith(false).memberTag('alice'));
  });

  it('has the name where the configuration says so', () => {
    const store = stateWith(true);
    store.audit(denied);
    expect([...store.auditLog()]).toEqual([denied]);
  });
});
