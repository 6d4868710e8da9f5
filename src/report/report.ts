import type { Plan } from '../domain/plan.ts';
import { planJsonText } from './json.ts';
import { planMarkdown } from './markdown.ts';
import { planTerminal } from './terminal.ts';

export interface ReportOptions {
  readonly form: 'terminal' | 'markdown' | 'json';
  /** Terminal only. */
  readonly color?: boolean | undefined;
  /** Names too; without it only counts. */
  readonly showUsers?: boolean | undefined;
  /** Columns of the terminal; undefined: nothing is cut. */
  readonly width?: number | undefined;
  /** The command that lets a block through; by default `optoggles approve ID`. */
  readonly approve?: ((id: string) => string) | undefined;
}

/** The plan in one of its forms, as text ended by a line end. The same plan and options give the same bytes. */
export function reportPlan(plan: Plan, options: ReportOptions): string {
  if (options.form === 'json') return planJsonText(plan, options);
  if (options.form === 'markdown') return planMarkdown(plan, options);
  return planTerminal(plan, { ...options, color: options.color ?? false });
}
