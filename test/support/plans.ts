import * as fc from 'fast-check';
import type { Who } from '../../src/domain/audience.ts';
import { difference, membersOf } from '../../src/domain/members.ts';
import type { Block, Change, Held, ListingChange, PlacementChange, Plan } from '../../src/domain/plan.ts';
import type { Problem } from '../../src/domain/problem.ts';

function who(names: readonly string[]): Who {
  return { kind: 'members', members: membersOf([...names]) };
}

/** A placement's change with everything filled in; `before` and `after` are members' names. */
export function placement(
  before: readonly string[],
  after: readonly string[],
  over: Partial<Omit<Change & PlacementChange, 'kind'>> = {},
): Change {
  const from = who(before);
  const to = who(after);
  const { added, removed } = difference(membersOf([...before]), membersOf([...after]));
  return {
    id: 'placement us-feature local production',
    phase: 'grant',
    needs: [],
    causes: ['data'],
    toggle: 'us-feature',
    target: 'local',
    key: 'us-feature',
    contextKind: 'user',
    kind: 'placement',
    placement: 'p1',
    environment: 'production',
    source: 'opal',
    audience: 'a1',
    metadata: { name: 'US only' },
    writesMetadata: false,
    before: { known: true, on: true, who: from },
    after: { on: true, who: to },
    granted: added,
    revoked: removed,
    closes: [],
    removal: false,
    from: {
      source: 'opal',
      rule: 'app.rbac.us_users',
      revision: '3f2a',
      dataUpdate: '17',
      answeredAt: 1_793_000_000_000,
    },
    ...over,
  };
}

/** A listing's change with everything filled in. */
export function listing(kind: ListingChange['kind'], over: Partial<Omit<Change & ListingChange, 'kind'>> = {}): Change {
  return {
    id: `${kind} us-feature local`,
    phase: 'prepare',
    needs: [],
    causes: ['definition'],
    toggle: 'us-feature',
    target: 'local',
    key: 'us-feature',
    contextKind: 'user',
    kind,
    environments: ['production', 'test'],
    metadata: { name: 'US only', tags: ['growth'] },
    ...over,
  };
}

export const problem: Problem = { code: 'some-code', message: 'Something is wrong.', hint: 'Do something.' };

export function block(over: Partial<Block> = {}): Block {
  return {
    id: 'b1c2',
    scope: 'audience',
    reason: 'revocations',
    source: 'opal',
    audience: 'a1',
    placements: [{ toggle: 'us-feature', target: 'local', environment: 'production' }],
    revoked: membersOf(['canary-alice', 'canary-bob']),
    granted: membersOf([]),
    of: 3,
    message: '2 of 3 users would lose it.',
    removals: [],
    instance: null,
    ...over,
  };
}

export function held(over: Partial<Held> = {}): Held {
  return { toggle: 'us-feature', target: 'local', environment: 'test', reason: 'undefined', problem, ...over };
}

/** A plan of these parts; nothing in it otherwise. */
export function planOf(over: Partial<Plan> = {}): Plan {
  return {
    version: 1,
    changes: [],
    blocked: [],
    held: [],
    refused: [],
    accepted: [],
    checksum: '00ff',
    warnings: [],
    ...over,
  };
}

/** Plans in which every text from outside is `text`. */
export function planWith(text: fc.Arbitrary<string>): fc.Arbitrary<Plan> {
  const problems = fc.record({ code: fc.constant('some-code'), message: text, hint: text });
  const at = fc.record({ toggle: text, target: text, environment: text });
  const members = fc.uniqueArray(
    text.filter(name => name !== ''),
    { maxLength: 4 },
  );
  const placements = fc
    .record({ before: members, after: members, at, way: text, rule: text, revision: text })
    .map(({ before, after, at, way, rule, revision }) =>
      placement(before, after, {
        ...at,
        id: `placement ${at.toggle}`,
        closes: [{ kind: 'rule', what: way, open: true }],
        from: { source: at.target, rule, revision, answeredAt: 1_793_000_000_000 },
      }),
    );
  const listings = fc
    .record({
      kind: fc.constantFrom('create', 'update', 'adopt', 'archive' as const),
      toggle: text,
      name: text,
      field: text,
    })
    .map(({ kind, toggle, name, field }) =>
      listing(kind, { toggle, environments: [name], before: { [field]: name }, metadata: { name, [field]: [name] } }),
    );
  const blocks = fc
    .record({ at, message: text, revoked: members, removals: fc.array(text, { maxLength: 3 }) })
    .map(({ at, message, revoked, removals }) =>
      block({
        placements: [at],
        message,
        revoked: membersOf(revoked),
        removals,
        scope: removals.length > 0 ? 'removal' : 'audience',
      }),
    );
  return fc
    .record({
      changes: fc.array(fc.oneof(placements, listings), { maxLength: 4 }),
      blocked: fc.array(blocks, { maxLength: 2 }),
      held: fc.array(
        fc.record({ at, problem: problems }).map(({ at, problem }) => held({ ...at, problem })),
        { maxLength: 2 },
      ),
      refused: fc.array(fc.record({ toggle: text, target: text, key: text, problem: problems }), { maxLength: 2 }),
      accepted: fc.array(fc.record({ source: text, instance: text }), { maxLength: 1 }),
      warnings: fc.array(problems, { maxLength: 2 }),
    })
    .map(planOf);
}

/** Texts that try to get out of wherever they are shown. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '@octocat',
    'mail@example.com',
    '<img src=x onerror=alert(1)>',
    '<!-- x',
    '</details>',
    'a | b',
    '``` ```',
    '`code`',
    'line\nline',
    '\r\n::error::owned',
    '::set-output name=x::y',
    '##[error]owned',
    '#123',
    'GH-12',
    'owner/repo#1',
    'https://evil.example/x',
    'www.evil.example',
    '[click](javascript:alert(1))',
    '![x](http://evil.example/x.png)',
    '**bold** _em_ ~~gone~~',
    '&lt;b&gt;',
    '$x$',
    '\u001b[2J\u001b]0;title\u0007',
    '\u202ereversed',
    '\\',
    '- [ ] task',
    '---',
    '',
  ),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom(...Array.from('@<>|`*_#:[]()!&~\\$\n\r\t ab1')) }),
);
