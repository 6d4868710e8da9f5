import { stripVTControlCharacters } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noMembers } from '../../src/domain/members.ts';
import { planJson, planJsonText } from '../../src/report/json.ts';
import { changeLine } from '../../src/report/line.ts';
import { planSchema } from '../../src/report/plan-schema.ts';
import { reportPlan } from '../../src/report/report.ts';
import { summaryLine } from '../../src/report/wording.ts';
import { block, held, hostileText, listing, placement, planOf, planWith, problem } from '../support/plans.ts';

const full = planOf({
  changes: [
    placement(['canary-bob', 'canary-carol'], ['canary-carol'], { phase: 'revoke', id: 'r' }),
    listing('create'),
    listing('update', { before: { name: 'Old', tags: ['growth'] } }),
    placement(['canary-carol'], ['canary-alice', 'canary-carol'], {
      closes: [{ kind: 'rule', what: 'rule 2 serves true to 20 %', open: true }],
    }),
  ],
  blocked: [block()],
  held: [held()],
  refused: [{ toggle: 'big', target: 'local', key: 'big', problem }],
  accepted: [{ source: 'opal', instance: 'i2' }],
  warnings: [{ ...problem, at: { file: 'flags/a.yaml', line: 3, column: 5 } }],
});

/** The schema with every object closed: what it does not describe is an error. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const entries = Object.entries(schema).map(([key, value]) => [key, closed(value)]);
  return { ...Object.fromEntries(entries), ...('properties' in schema && { additionalProperties: false }) };
}
const validate = new Ajv2020({ allErrors: true }).compile(closed(JSON.parse(JSON.stringify(planSchema))) as object);

describe('the summary', () => {
  it.each([
    [planOf(), 'No changes'],
    [planOf({ changes: [placement([], ['a'])] }), '1 change (+1 −0 users)'],
    [full, '4 changes (+1 −1 users), 1 blocked, 1 held, 1 refused, 1 warning'],
    [planOf({ held: [held(), held()] }), 'No changes, 2 held'],
  ])('%# is one line', (plan, expected) => {
    expect(summaryLine(plan)).toBe(expected);
  });
});

describe('a line of the log', () => {
  it.each([
    [placement([], ['a']), 'us-feature local production +1 −0'],
    [placement(['a', 'b'], [], { removal: true }), 'us-feature local production +0 −2 removed'],
    [
      placement(['a'], [], { after: { on: false, who: { kind: 'members', members: noMembers } } }),
      'us-feature local production +0 −1 off',
    ],
    [
      placement([], [], { closes: [{ kind: 'default', what: 'the default serves true', open: true }] }),
      'us-feature local production +0 −0 ways in closed',
    ],
    [listing('create'), 'us-feature local created'],
    [placement([], ['a'], { toggle: 'x\n::error::y' }), 'x : :error: :y local production +1 −0'],
  ])('%#', (change, expected) => {
    expect(changeLine(change)).toBe(expected);
  });
});

describe('a plan on a terminal', () => {
  it('shows everything, in aligned columns, without color or names', () => {
    expect(reportPlan(full, { form: 'terminal' })).toMatchInlineSnapshot(`
      "toggle      target  environment       change  users   +   −  cause       details
      us-feature  local   production        revoke  2 → 1      −1  data
      us-feature  local   production, test  create                 definition
      us-feature  local   production, test  update                 definition  name
      us-feature  local   production        grant   1 → 2  +1      data        closes rule 2 serves true to 20 %

      Blocked by the guard
        us-feature local production: 2 of 3 users would lose it.
          to let it through: optoggles approve b1c2

      Held
        us-feature local test (undefined): Something is wrong. Do something.

      Refused
        big local: Something is wrong. Do something.

      Accepted after a restart
        opal: the answers of its new instance differ by little

      Warnings
        flags/a.yaml:3:5: Something is wrong. Do something.

      Answers
        app.rbac.us_users of opal, revision 3f2a, data update 17, answered 2026-10-26T07:33:20.000Z

      4 changes (+1 −1 users), 1 blocked, 1 held, 1 refused, 1 warning
      checksum 00ff
      "
    `);
  });

  it('has the same text in color', () => {
    const colored = reportPlan(full, { form: 'terminal', color: true });
    expect(colored).toContain('\u001b[');
    expect(stripVTControlCharacters(colored)).toBe(reportPlan(full, { form: 'terminal' }));
  });

  it('names users only when asked', () => {
    expect(reportPlan(full, { form: 'terminal' })).not.toContain('canary');
    const named = reportPlan(full, { form: 'terminal', showUsers: true });
    expect(named).toContain('us-feature local production + canary-alice\n');
    expect(named).toContain('us-feature local production − canary-bob\n');
    expect(named).toContain('blocked b1c2 − canary-alice, canary-bob\n');
  });

  it('takes the command that lets a block through from whoever knows the configuration', () => {
    const approve = (id: string) => `optoggles approve ${id} --config etc/o.yaml`;
    expect(reportPlan(full, { form: 'terminal', approve })).toContain('optoggles approve b1c2 --config etc/o.yaml');
  });

  it('lets nothing from outside move the cursor or fake a line', () => {
    fc.assert(
      fc.property(planWith(hostileText), plan => {
        const text = reportPlan(plan, { form: 'terminal', showUsers: true });
        expect(text).not.toMatch(/(?!\n)\p{Cc}/u);
        expect(text).not.toMatch(/^\s*::/m);
        expect(text).not.toContain('##[');
      }),
    );
  });
});

describe('a plan in Markdown', () => {
  it('shows everything, without names', () => {
    expect(reportPlan(full, { form: 'markdown' })).toMatchInlineSnapshot(`
      "**4 changes (+1 −1 users), 1 blocked, 1 held, 1 refused, 1 warning**

      | toggle | target | environment | change | users | + | − | cause | details |
      | --- | --- | --- | --- | ---: | ---: | ---: | --- | --- |
      | \`us-feature\` | \`local\` | \`production\` | revoke | 2 → 1 |  | −1 | data |  |
      | \`us-feature\` | \`local\` | production, test | create |  |  |  | definition |  |
      | \`us-feature\` | \`local\` | production, test | update |  |  |  | definition | name |
      | \`us-feature\` | \`local\` | \`production\` | grant | 1 → 2 | +1 |  | data | closes rule 2 serves true to 20 % |

      ### Blocked by the guard

      - **blocked** us-feature local production: 2 of 3 users would lose it. To let it through: \`optoggles approve b1c2\`

      ### Held

      - **undefined** \`us-feature local test\`: Something is wrong. Do something.

      ### Refused

      - **refused** \`big local\`: Something is wrong. Do something.

      ### Accepted after a restart

      - **accepted** \`opal\`

      ### Warnings

      - **\`some-code\`** flags/a.yaml&#58;3&#58;5&#58; Something is wrong. Do something.

      <details><summary>Answers</summary>

      - from app.rbac.us&#95;users of opal, revision 3f2a, data update 17, answered 2026-10-26T07&#58;33&#58;20.000Z

      </details>

      Checksum \`00ff\`
      "
    `);
  });

  it('names users only when asked, folded away', () => {
    expect(reportPlan(full, { form: 'markdown' })).not.toContain('canary');
    expect(reportPlan(full, { form: 'markdown', showUsers: true })).toContain('gained `canary-alice`');
  });

  it('is inert, whatever comes from outside', () => {
    const ours = new Set(['<details>', '<summary>', '</summary>', '</details>']);
    fc.assert(
      fc.property(planWith(hostileText), plan => {
        const text = reportPlan(plan, { form: 'markdown', showUsers: true });
        for (const line of text.split('\n')) {
          const bare = line.replace(/`[^`]*`/g, '').replace(/&#\d+;/g, '');
          expect(bare).not.toMatch(/[`@[\]\\~&$\p{Cc}]|::|##\[/u);
          for (const tag of bare.match(/<[^>]*>?/g) ?? []) expect(ours).toContain(tag);
          expect(bare.replace(/^### /, '')).not.toContain('#');
          if (line.startsWith('|')) expect(line.split('|')).toHaveLength(11);
          expect(line).toMatch(/^($|[|] |- |### |Checksum |\*\*|<\/?details>)/);
        }
      }),
    );
  });
});

describe('a plan as JSON', () => {
  it('is what the schema says and no more', () => {
    for (const showUsers of [true, false]) {
      expect(validate(JSON.parse(planJsonText(full, { showUsers })))).toBe(true);
    }
    fc.assert(
      fc.property(planWith(hostileText), fc.boolean(), (plan, showUsers) => {
        const json: unknown = JSON.parse(planJsonText(plan, { showUsers }));
        expect(validate(json), JSON.stringify(validate.errors)).toBe(true);
      }),
    );
  });

  it('has counts, and names only when asked', () => {
    expect(planJsonText(full)).not.toContain('canary');
    const change = planJson(full, { showUsers: true }).changes[3];
    expect(change).toMatchObject({ granted: 1, revoked: 0, grantedUsers: ['canary-alice'], revokedUsers: [] });
    expect(planJson(full, { showUsers: true }).blocked[0]?.revokedUsers).toEqual(['canary-alice', 'canary-bob']);
  });

  it('tells before and after, provenance and the command of a block', () => {
    const json = planJson(full);
    expect(json.changes[3]).toMatchObject({
      phase: 'grant',
      causes: ['data'],
      environments: ['production'],
      before: { known: true, on: true, users: 1 },
      after: { on: true, users: 2 },
      closes: ['rule 2 serves true to 20 %'],
      from: { source: 'opal', rule: 'app.rbac.us_users', revision: '3f2a', dataUpdate: '17' },
    });
    expect(json.changes[2]?.metadata).toEqual({
      before: { name: 'Old', tags: ['growth'] },
      after: { name: 'US only', tags: ['growth'] },
    });
    expect(json.blocked[0]).toMatchObject({ id: 'b1c2', revoked: 2, of: 3, approve: 'optoggles approve b1c2' });
  });

  it('does not count whom nobody can know', () => {
    const before = { known: false, on: true, who: { kind: 'members', members: noMembers } } as const;
    expect(planJson(planOf({ changes: [placement([], ['a'], { before })] })).changes[0]?.before).toEqual({
      known: false,
      on: true,
      users: null,
    });
  });

  it('gives the same bytes whatever the order of keys and the time of the answer', () => {
    const one = planOf({
      changes: [placement([], ['a'], { writesMetadata: true, metadata: { b: 1, a: { d: 1, c: [{ f: 1, e: 2 }] } } })],
    });
    const other = planOf({
      changes: [
        placement([], ['a'], {
          writesMetadata: true,
          metadata: { a: { c: [{ e: 2, f: 1 }], d: 1 }, b: 1 },
          from: { dataUpdate: '17', revision: '3f2a', rule: 'app.rbac.us_users', source: 'opal', answeredAt: 5 },
        }),
      ],
    });
    expect(planJsonText(other)).toBe(planJsonText(one));
  });
});
