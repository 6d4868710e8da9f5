import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Log } from '../lib/log.ts';
import { createRedactor, type Redactor } from '../lib/redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  /** True: lines for people, in color. False: one JSON object a line. */
  readonly terminal: boolean;
  readonly level: LogLevel;
  /** Every configured secret: none of them ever leaves in a line. */
  readonly secrets: readonly string[];
  /** In place of one for `secrets`: it may learn of more. */
  readonly redact?: Redactor | undefined;
  /** Where the lines go; the program gives its stderr. */
  readonly stream: { write(text: string): unknown };
}

/**
 * The log of the program. Lines are made and written in the call itself, without a worker or a queue, so that the last
 * words before an end are not lost. (`process.exit` may still drop what a slow reader of the stream has not taken: set
 * `process.exitCode` instead.)
 */
export function createLog(options: LogOptions): Log {
  const redact = options.redact ?? createRedactor(options.secrets);
  const render = options.terminal ? prettyLine() : (line: string) => line;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    { write: (line: string) => options.stream.write(redact(render(line))) },
  );
}

function prettyLine(): (line: string) => string {
  const pretty = prettyFactory({
    colorize: true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
    // What came from outside must not move the cursor or fake a line.
    messageFormat: (line, key) => harmless(textOf(line[key])),
  });
  return line => {
    // pino's own lines are JSON; whatever fails to be read is shown as it is.
    const text: unknown = pretty(line);
    return typeof text === 'string' ? text : line;
  };
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? message : '';
}

/** Control characters and those that change the direction of text, as `?`. */
function harmless(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '?');
}
