/** A line of a stack that names a place in a file. */
const frame = /^ {4}at (?:[\w.#<>$ [\]]+ \()?(?:async )?(?:file:\/\/|node:|\/)\S*:\d+:\d+\)?$/;

/**
 * What may be said of an error that nobody foresaw: its name, its code and where in the program it came from. Its
 * message may quote anything that was read, tokens and names of members too, so it is left out; so are its causes.
 */
export function lastWords(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${error === null ? 'null' : typeof error}`;
  const code = 'code' in error && typeof error.code === 'string' && /^[A-Z0-9_]{1,60}$/.test(error.code);
  const name = /^[A-Za-z]{1,40}$/.test(error.name) ? error.name : 'Error';
  const frames = (error.stack ?? '').split('\n').filter(line => frame.test(line));
  return [code ? `${name} ${String((error as { code?: unknown }).code)}` : name, ...frames].join('\n');
}
