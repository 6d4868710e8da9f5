import type { PlacementRef } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import { blockedPlaces } from './sections.ts';
import { section } from './terminal.ts';
import { type Column, type Look, textTable, type Tone } from './table.ts';
import { counted, minus, plus, problemText } from './wording.ts';

/** What is shown of `/api/status`; the answer itself fits. */
export interface StatusView {
  readonly version: string;
  readonly instance: string;
  readonly started: string;
  readonly commit: string | null;
  readonly restartNeeded: boolean;
  readonly problems: readonly Problem[];
  readonly sources: readonly {
    readonly id: string;
    readonly type: string;
    readonly state: string;
    readonly revision: string | null;
    readonly lastAnswerAt: string | null;
    readonly error: string | null;
    readonly warnings: readonly string[];
  }[];
  readonly targets: readonly {
    readonly name: string;
    readonly type: string;
    readonly state: string;
    readonly error: string | null;
  }[];
  readonly toggles: readonly {
    readonly key: string;
    readonly target: string;
    readonly environment: string;
    readonly state: string;
    readonly users: number | null;
    readonly lastAppliedAt: string | null;
    readonly reason: string | null;
  }[];
  readonly blocked: readonly {
    readonly id: string;
    readonly placements: readonly PlacementRef[];
    readonly revoked: number;
    readonly granted: number;
    readonly of: number;
    readonly reason: string;
    readonly since: string;
    readonly approve: string;
    /** Of the policy; not there where an older instance answers. */
    readonly revision?: string | null;
    readonly also?: { readonly changes: number; readonly granted: number; readonly revoked: number } | null;
  }[];
  /** Not there where an older instance answers. */
  readonly overrides?: readonly {
    readonly id: string;
    readonly what: string;
    readonly since: string;
    readonly until: string | null;
    readonly by: string;
    readonly reason: string;
    readonly resume: string;
  }[];
}

const toggleColumns: readonly Column[] = [
  { title: 'toggle' },
  { title: 'target' },
  { title: 'environment' },
  { title: 'state' },
  { title: 'users', align: 'right' },
  { title: 'applied' },
  { title: 'reason', flexible: true },
];

const tones: Readonly<Record<string, Tone>> = {
  'in-sync': 'good',
  ready: 'good',
  ok: 'good',
  failing: 'bad',
  failed: 'bad',
  blocked: 'bad',
  pending: 'warn',
  held: 'warn',
  waiting: 'warn',
  suspect: 'warn',
};

/** How a running instance stands, for a terminal. Counts only; ended by a line end. */
export function reportStatus(status: StatusView, look: Look): string {
  const state = (text: string) => ({ text, tone: tones[text] ?? 'plain' });
  const sources = textTable(
    [{ title: 'source' }, { title: 'type' }, { title: 'state' }, { title: 'revision' }, { title: 'last answer' }],
    status.sources.map(each => [each.id, each.type, state(each.state), each.revision ?? '', each.lastAnswerAt ?? '']),
    look,
  );
  const targets = textTable(
    [{ title: 'target' }, { title: 'type' }, { title: 'state' }],
    status.targets.map(each => [each.name, each.type, state(each.state)]),
    look,
  );
  const toggles = textTable(
    toggleColumns,
    status.toggles.map(each => [
      each.key,
      each.target,
      each.environment,
      state(each.state),
      each.users === null ? '?' : String(each.users),
      each.lastAppliedAt ?? '',
      each.reason ?? '',
    ]),
    look,
  );
  const troubles = [
    ...status.sources.flatMap(each => [each.error, ...each.warnings].map(text => ({ of: `source ${each.id}`, text }))),
    ...status.targets.map(each => ({ of: `target ${each.name}`, text: each.error })),
  ].filter(each => each.text !== null);
  const parts = [
    `${headLine(status)}\n`,
    sources,
    targets,
    toggles,
    section(
      'Blocked by the guard',
      'bad',
      status.blocked.flatMap(block => [
        `${blockedPlaces(block.placements)}: ${block.reason} (since ${block.since})`,
        ...blockedAround(block),
        `  to let it through: ${block.approve}`,
      ]),
      look,
    ),
    section(
      'Against git and policy',
      'warn',
      (status.overrides ?? []).flatMap(each => [overrideText(each), `  to take it back: ${each.resume}`]),
      look,
    ),
    section(
      'Troubles',
      'warn',
      [...troubles.map(each => `${each.of}: ${each.text}`), ...status.problems.map(problemText)],
      look,
    ),
    status.restartNeeded ? 'The configuration changed: it is read at the next start.\n' : '',
  ];
  return parts.filter(part => part !== '').join('\n');
}

/** What was behind it, and what else went through at that time. */
function blockedAround({ revision, also }: StatusView['blocked'][number]): string[] {
  const of = revision === null || revision === undefined ? [] : [`revision ${revision}`];
  const changes = also?.changes ?? 0;
  const rest =
    also === null || also === undefined
      ? []
      : changes === 0
        ? ['nothing else changed with it']
        : [`${counted(changes, 'other change')} with it (${plus(also.granted)} ${minus(also.revoked)} users)`];
  return of.length + rest.length === 0 ? [] : [`  ${[...of, ...rest].join(', ')}`];
}

function overrideText(each: NonNullable<StatusView['overrides']>[number]): string {
  const until = each.until === null ? '' : `, until ${each.until}`;
  const reason = each.reason === '' ? '' : `: ${each.reason}`;
  return `${each.what}, by ${each.by} since ${each.since}${until}${reason}`;
}

function headLine(status: StatusView): string {
  const commit = status.commit === null ? [] : [`commit ${status.commit}`];
  const placements = counted(status.toggles.length, 'placement');
  return [`${status.instance} (optoggles ${status.version})`, `since ${status.started}`, ...commit, placements].join(
    ', ',
  );
}
