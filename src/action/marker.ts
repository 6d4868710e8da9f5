import { createHash } from 'node:crypto';

/** A line that nobody sees, by which something we wrote is found again. */
export interface Marker {
  /** The same for the same thing. */
  readonly start: string;
  /** Text below the marker; what was written before holds `signature` if it is the same. */
  write(body: string): string;
  signature(body: string): string;
}

/** A marker of these names (instance, path, owner), which may come from anywhere. */
export function markerOf(kind: 'plan' | 'stale', ...names: readonly string[]): Marker {
  const start = `<!-- optoggles ${kind} ${names.map(safe).join(' ')} `;
  const signature = (body: string) => `sha256=${hashOf(body)}`;
  return { start, signature, write: body => `${start}${signature(body)} -->\n${body}` };
}

const longestName = 200;

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** No space, and nothing that could end an HTML comment. */
function safe(name: string): string {
  const whole = encodeURIComponent(name.toWellFormed()).replaceAll('-', '%2D');
  return whole.length <= longestName ? whole : hashOf(name);
}
