import { describe, expect, it } from 'vitest';
import { reportStatus } from '../../src/report/status.ts';
import { exampleStatus } from '../support/engine.ts';

describe('the status on a terminal', () => {
  it('shows sources, targets, toggles, blocks and troubles', () => {
    expect(reportStatus(exampleStatus(), { color: false })).toMatchInlineSnapshot(`
      "acme-prod (optoggles 1.2.3), since 2026-11-01T11:00:00.000Z, 2 placements

      source  type  state    revision  last answer
      opal    opal  suspect  3f2a      2026-11-01T12:00:00.000Z

      target  type   state
      local   flagd  failing

      toggle      target  environment  state    users  applied                   reason
      us-feature  local   production   in-sync      3  2026-11-01T12:00:00.000Z
      beta        local   production   blocked      ?  2026-11-01T12:00:00.000Z  Blocked by the guard.

      Blocked by the guard
        beta local production: 40 of 50 users would lose it. (since 2026-11-01T12:00:00.000Z)
          revision 3f2a, 2 other changes with it (+5 −1 users)
          to let it through: optoggles approve b1c2

      Against git and policy
        beta is switched off in production, by oncall since 2026-11-01T12:00:00.000Z: an incident
          to take it back: optoggles resume 0a1b2c3d4e5f

      Troubles
        source opal: OPA restarted: its data are not known to be complete.
        source opal: OPAL reports a failed data update.
        target local: The folder cannot be written.
        flags/a.yaml:3:1: The flag is not valid. Correct it.
      "
    `);
  });

  it('tells of a configuration that waits for a restart, and of the commit', () => {
    const text = reportStatus({ ...exampleStatus(), restartNeeded: true, commit: 'abc123' }, { color: false });
    expect(text).toContain('commit abc123');
    expect(text).toContain('read at the next start');
  });
});
