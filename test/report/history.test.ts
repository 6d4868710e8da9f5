import { describe, expect, it } from 'vitest';
import type { AuditLine } from '../../src/domain/state.ts';
import { auditJsonLines } from '../../src/report/history.ts';

function lineOf(granted: readonly string[], revoked: readonly string[]): AuditLine {
  return {
    id: 7,
    entry: { at: Date.UTC(2026, 10, 21), what: 'written', toggle: 'beta', until: 0 },
    granted: () => granted,
    revoked: () => revoked,
    touched: () => undefined,
    isMember: () => false,
  };
}

function tags(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `h:${index}`);
}

describe('a line of an export', () => {
  it('has ISO times', () => {
    const [text = ''] = auditJsonLines([lineOf([], [])]);
    expect(JSON.parse(text)).toEqual({
      version: 1,
      id: 7,
      time: '2026-11-21T00:00:00.000Z',
      what: 'written',
      toggle: 'beta',
      until: '1970-01-01T00:00:00.000Z',
    });
  });

  it.each([
    [0, 0, 1],
    [1000, 1000, 1],
    [1001, 0, 2],
    [0, 2500, 3],
    [3000, 10, 3],
  ])('with %i granted and %i revoked goes on in %i lines, and loses nobody', (more, less, count) => {
    const lines = [...auditJsonLines([lineOf(tags(more), tags(less))])].map(
      text => JSON.parse(text) as { part?: number; id: number; members?: { granted?: string[]; revoked?: string[] } },
    );
    expect(lines.map(({ part }) => part)).toEqual(
      Array.from({ length: count }, (_, at) => (at === 0 ? undefined : at + 1)),
    );
    expect(lines.every(({ id }) => id === 7)).toBe(true);
    expect(lines.flatMap(({ members }) => members?.granted ?? [])).toEqual(tags(more));
    expect(lines.flatMap(({ members }) => members?.revoked ?? [])).toEqual(tags(less));
  });
});
