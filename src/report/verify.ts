import type { Mismatch, Verdict, Verification, VerifiedPlacement } from '../domain/verification.ts';
import { fromJson, problemJson } from './json.ts';
import { type Column, type Look, textTable, type Tone } from './table.ts';
import { nameText, section } from './terminal.ts';
import type { VerifyJson } from './verify-schema.ts';
import { counted, placementText, problemText } from './wording.ts';

export interface VerifyReportOptions {
  /** Names too; without it only counts. */
  readonly showUsers?: boolean | undefined;
}

const columns: readonly Column[] = [
  { title: 'toggle' },
  { title: 'target' },
  { title: 'environment' },
  { title: 'result' },
  { title: 'users', align: 'right' },
  { title: 'asked', align: 'right' },
  { title: 'let in', align: 'right' },
  { title: 'kept out', align: 'right' },
  { title: 'not served', align: 'right' },
];

const tones: Readonly<Record<Verdict, Tone>> = { agrees: 'good', differs: 'bad', unknown: 'warn', failed: 'bad' };

/** What was verified, for people at a terminal or in a pipe; ended by a line end. */
export function reportVerification(found: Verification, options: VerifyReportOptions & Look): string {
  const rows = found.placements.map(one => [
    one.toggle,
    one.target,
    one.environment,
    { text: one.verdict, tone: tones[one.verdict] },
    one.expected === 'nobody' ? '0' : one.members === undefined ? '?' : String(one.members),
    String(one.asked),
    ...(['let-in', 'kept-out', 'not-served'] as const).map(kind => countText(one, kind)),
  ]);
  const having = (verdict: Verdict) => found.placements.filter(one => one.verdict === verdict);
  const parts = [
    textTable(columns, rows, options),
    section(
      'Differs from policy',
      'bad',
      having('differs').flatMap(one => differenceLines(one, options)),
      options,
    ),
    section('Failed', 'bad', having('failed').map(reasonLine), options),
    section('Unknown', 'warn', having('unknown').map(reasonLine), options),
    `${summaryText(found)}\n`,
  ];
  return parts.filter(part => part !== '').join('\n');
}

/** The verification by `verifySchema`, as text ended by a line end. The same verification gives the same bytes. */
export function verificationJsonText(found: Verification, options: VerifyReportOptions): string {
  const { seed, strangers, placements, failed, warnings } = found;
  const json: VerifyJson = {
    version: 1,
    seed,
    strangers,
    summary: countsOf(found),
    placements: placements.map(one => placementJson(one, options)),
    failed: failed.map(problemJson),
    warnings: warnings.map(problemJson),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function placementJson(one: VerifiedPlacement, options: VerifyReportOptions): VerifyJson['placements'][number] {
  const { toggle, target, environment, key, verdict, asked } = one;
  return {
    toggle,
    target,
    environment,
    key,
    verdict,
    expected: one.expected ?? null,
    members: one.members ?? null,
    asked,
    mismatches: one.mismatches.map(({ kind, cause, members }) => ({
      kind,
      cause,
      count: members.size,
      ...(options.showUsers && { users: [...members.values()] }),
    })),
    problems: one.problems.map(problemJson),
    from: one.from ? fromJson(one.from) : null,
  };
}

function countsOf({ placements }: Verification): VerifyJson['summary'] {
  const having = (verdict: Verdict) => placements.filter(one => one.verdict === verdict).length;
  return {
    placements: placements.length,
    agree: having('agrees'),
    differ: having('differs'),
    unknown: having('unknown'),
    failed: having('failed'),
    asked: placements.reduce((sum, { asked }) => sum + asked, 0),
    mismatches: placements.reduce((sum, one) => sum + mismatchCount(one.mismatches), 0),
  };
}

function mismatchCount(mismatches: readonly Mismatch[]): number {
  return mismatches.reduce((sum, { members }) => sum + members.size, 0);
}

function countText({ mismatches }: VerifiedPlacement, kind: Mismatch['kind']): string {
  const count = mismatchCount(mismatches.filter(one => one.kind === kind));
  return count === 0 ? '' : String(count);
}

const kindText: Readonly<Record<Mismatch['kind'], string>> = {
  'let-in': 'let in against policy',
  'kept-out': 'kept out against policy',
  'not-served': "given the application's own default",
};

function differenceLines(one: VerifiedPlacement, { showUsers }: VerifyReportOptions): string[] {
  const lines = one.mismatches.flatMap(({ kind, cause, members }) => [
    `${placementText(one)}: ${members.size} ${kindText[kind]}: ${cause}`,
    ...(showUsers ? [`  ${[...members.values()].map(nameText).join(', ')}`] : []),
  ]);
  return [...lines, ...one.problems.map(problem => `  ${problemText(problem)}`)];
}

function reasonLine(one: VerifiedPlacement): string {
  return `${placementText(one)}: ${one.problems.map(problemText).join(' ')}`;
}

function summaryText(found: Verification): string {
  const counts = countsOf(found);
  if (counts.placements === 0) return 'Nothing to verify';
  const parts = [
    [counts.agree, counts.agree === 1 ? 'agrees' : 'agree'],
    [counts.differ, counts.differ === 1 ? 'differs' : 'differ'],
    [counts.unknown, 'unknown'],
    [counts.failed, 'failed'],
  ] as const;
  const verdicts = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const questions = `${counted(counts.asked, 'question')}, ${counted(found.strangers, 'stranger')} each, seed ${found.seed}`;
  return `${counted(counts.placements, 'placement')}: ${verdicts.join(', ')}; ${counted(counts.mismatches, 'mismatch', 'mismatches')} (${questions})`;
}
