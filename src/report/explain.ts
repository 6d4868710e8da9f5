import type { Explanation, ExplainedPlacement, Since } from '../domain/verification.ts';
import { inertLine } from './inert.ts';
import { fromJson, problemJson } from './json.ts';
import { type Look, paint, type Tone } from './table.ts';
import { counted, originText, problemText } from './wording.ts';

/** One toggle and one member, for people; ended by a line end. The member's name is shown: it was given. */
export function reportExplanation(found: Explanation, look: Look): string {
  const name = inertLine(JSON.stringify(found.member));
  const title = `${inertLine(found.toggle)} for ${name}${found.file === '' ? '' : ` (${inertLine(found.file)})`}`;
  const parts = found.placements.map(one => {
    const { text, tone } = verdictOf(one);
    const lines = linesOf(one).map(([label, line]) => `  ${label.padEnd(8)}  ${inertLine(line)}`);
    const head = [inertLine(`${one.target} ${one.environment}`), paint(text, tone, look)].join(': ');
    return `${head}\n${lines.join('\n')}\n`;
  });
  if (parts.length === 0) parts.push('It is in no target.\n');
  return [`${title}\n`, ...parts].join('\n');
}

/** The explanation as JSON, ended by a line end. The same explanation gives the same bytes. */
export function explanationJsonText(found: Explanation): string {
  const { toggle, member, file, placements, failed, warnings } = found;
  const json = {
    version: 1,
    toggle,
    user: member,
    file,
    placements: placements.map(placementJson),
    failed: failed.map(problemJson),
    warnings: warnings.map(problemJson),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function placementJson(one: ExplainedPlacement) {
  const { target, environment, key, contextKind, state, policy, holds, served, since } = one;
  return {
    target,
    environment,
    key,
    contextKind,
    verdict: verdictOf(one).word,
    state,
    ...(one.operator && { operator: [...one.operator] }),
    expected: one.expected ?? null,
    policy: {
      source: policy.source,
      rule: policy.rule,
      state: policy.state,
      member: policy.member ?? null,
      users: policy.size ?? null,
      from: policy.from ? fromJson(policy.from) : null,
      problem: policy.problem ? problemJson(policy.problem) : null,
    },
    holds: holds
      ? {
          there: holds.there,
          seen: holds.seen,
          on: holds.on,
          listed: holds.listed ?? null,
          waysIn: [...holds.waysIn],
          pending: holds.pending,
        }
      : null,
    served: served ? { answer: served.answer, why: served.why ?? null } : null,
    unserved: one.unserved ? problemJson(one.unserved) : null,
    since: since
      ? {
          in: since.in,
          at: since.at === undefined ? null : new Date(since.at).toISOString(),
          exact: since.exact,
          revision: since.revision ?? null,
        }
      : null,
    problems: one.problems.map(problemJson),
  };
}

interface Told {
  readonly word: 'agrees' | 'differs' | 'unknown';
  readonly text: string;
  readonly tone: Tone;
}

function verdictOf({ expected, served }: ExplainedPlacement): Told {
  if (served === undefined) return { word: 'unknown', text: 'nobody can tell what is served', tone: 'warn' };
  const has = {
    true: 'has it',
    false: 'does not have it',
    'not-served': "gets the application's own default",
  } as const;
  const text = has[String(served.answer) as keyof typeof has];
  if (expected === undefined) return { word: 'unknown', text: `${text}; policy has no answer`, tone: 'warn' };
  if (served.answer === expected) return { word: 'agrees', text: `${text}, as policy says`, tone: 'good' };
  return { word: 'differs', text: `${text}, against policy`, tone: 'bad' };
}

type Labelled = readonly [label: string, line: string];

function linesOf(one: ExplainedPlacement): Labelled[] {
  const { served, unserved, since } = one;
  return [
    ['policy', policyText(one)],
    ...(one.operator ?? []).map(text => ['operator', text] as const),
    ...(one.state === 'off' ? [['file', 'state: off, so nobody has it'] as const] : []),
    ['holds', holdsText(one)],
    ...(served ? [['serves', [String(served.answer), served.why].filter(Boolean).join(': ')] as const] : []),
    ...(unserved ? [['serves', problemText(unserved)] as const] : []),
    ...(since ? [['since', sinceText(since)] as const] : []),
    ...one.problems.map(problem => ['do', problemText(problem)] as const),
  ];
}

function policyText({ policy }: ExplainedPlacement): string {
  const origin = policy.from ? originText(policy.from) : `${policy.rule} of ${policy.source}`;
  if (policy.member === undefined) return `no answer (${policy.state}): ${origin}`;
  return `${policy.member ? 'yes' : 'no'}: ${origin}, ${counted(policy.size ?? 0, 'user')}`;
}

function holdsText({ holds }: ExplainedPlacement): string {
  if (holds === undefined) return 'it could not be read';
  if (!holds.there) return 'nothing of this toggle';
  const listed =
    holds.listed === undefined ? 'nobody can tell its list' : holds.listed ? 'on its list' : 'not on its list';
  return [
    holds.on ? 'on' : 'off',
    listed,
    ...(holds.seen === 'remembered' ? ['as last written'] : []),
    ...(holds.pending ? ['a write is not settled'] : []),
    ...holds.waysIn,
  ].join('; ');
}

function sinceText(since: Since): string {
  const what = since.in ? 'let in' : 'not in';
  if (since.at === undefined) return 'never let in by what was written, as far as the state goes back';
  const when = new Date(since.at).toISOString();
  const by = since.revision === undefined ? '' : ` by revision ${since.revision}`;
  return `${what} ${since.exact ? 'since' : 'at the latest since'} ${when}${by}`;
}
