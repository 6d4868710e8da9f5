import * as core from '@actions/core';
import { formatProblem, type Problem } from '../domain/problem.ts';
import type { Log } from '../lib/log.ts';
import { createRedactor, type Redactor } from '../lib/redact.ts';
import { inertLine } from '../report/inert.ts';

export type Level = 'error' | 'warning' | 'notice';

/** What a step can say to its runner. Nothing leaves it with a secret in it, or as a command of its own. */
export interface Runner {
  input(name: string): string;
  output(name: string, value: string | number | boolean): void;
  /** A line of the step's log. */
  say(text: string): void;
  /**
   * An annotation at the problem's place (a path from the root of the checkout), once; from the eleventh of a level on a
   * line of the log.
   */
  annotate(level: Level, problem: Problem): void;
  /** Markdown for the step's summary, shown in the order of the calls. */
  summarize(markdown: string): void;
  /** From now on none of these is shown. */
  hide(secrets: readonly string[]): void;
  redact: Redactor;
  readonly log: Log;
  /** Writes the summary. To be called once, at the end. */
  finish(): Promise<void>;
}

const annotations = { error: core.error, warning: core.warning, notice: core.notice };

/** GitHub shows so many annotations of each level a step. */
const annotationsAtMost = 10;
const longestAnnotation = 4_000;
/** A step summary may have 1 MiB; what is longer is not shown at all. */
const longestSummary = 1_000_000;
/** Masking shorter ones would blacken ordinary words of the log. */
const shortestSecret = 4;

/** The runner of this process. */
export function createRunner(): Runner {
  const hidden = new Set<string>();
  const shown: Record<Level, number> = { error: 0, warning: 0, notice: 0 };
  const annotated = new Set<string>();
  let redact: Redactor = text => text;
  let summary = '';
  const line = (text: string) => inertLine(redact(text));
  const runner: Runner = {
    input: name => core.getInput(name),
    output: (name, value) => core.setOutput(name, redact(String(value))),
    say: text => core.info(line(text)),
    annotate(level, problem) {
      const text = line([problem.message, problem.hint].filter(Boolean).join(' ')).slice(0, longestAnnotation);
      const whole = `${level} ${formatProblem(problem)}`;
      if (annotated.has(whole)) return;
      annotated.add(whole);
      shown[level] += 1;
      if (shown[level] > annotationsAtMost) {
        core.info(line(`${level}: ${formatProblem(problem)}`));
        return;
      }
      const place = problem.at && {
        file: problem.at.file,
        startLine: problem.at.line,
        startColumn: problem.at.column,
      };
      annotations[level](text, { title: `OPToggles: ${line(problem.code)}`, ...place });
    },
    summarize(markdown) {
      summary += `${redact(markdown)}\n`;
    },
    hide(secrets) {
      for (const secret of secrets) {
        if (secret.length < shortestSecret) continue;
        hidden.add(secret);
        // The runner looks for secrets line by line.
        for (const part of new Set([secret, ...secret.split(/\r?\n/)])) {
          if (part.length >= shortestSecret) core.setSecret(part);
        }
      }
      redact = createRedactor(hidden);
    },
    redact: text => redact(text),
    log: logOf(fields => line(fields)),
    async finish() {
      if (summary === '' || !process.env.GITHUB_STEP_SUMMARY) return;
      await core.summary.addRaw(cutAtLine(summary, longestSummary)).write();
    },
  };
  return runner;
}

/** At most so many bytes, whole lines, with a word on what is missing. */
function cutAtLine(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  const short = Buffer.from(text).subarray(0, most).toString('utf8');
  return `${short.slice(0, short.lastIndexOf('\n'))}\n\nThe rest is left out: a summary can hold no more.\n`;
}

function logOf(line: (text: string) => string): Log {
  const log: Log = {
    debug: (_, message) => core.debug(line(message)),
    info: (_, message) => core.info(line(message)),
    warn: (_, message) => core.info(line(`warning: ${message}`)),
    error: (_, message) => core.info(line(`error: ${message}`)),
    child: () => log,
  };
  return log;
}
