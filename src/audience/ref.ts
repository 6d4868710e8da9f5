import type { UsersPolicy } from '../domain/toggle.ts';

/**
 * Reads a dotted name as Rego writes it, with or without `data.` in front: `data.app["my-pkg"].v1` → app, my-pkg, v1.
 * Outside brackets a segment may hold anything but dots, brackets and quotes. Undefined: nobody can read it.
 */
export function parseRef(text: string): readonly string[] | undefined {
  const part = /\.?([^.[\]"\s]+)|\[("(?:[^"\\]|\\.)*")\]/y;
  const segments: string[] = [];
  while (part.lastIndex < text.length) {
    const at = part.lastIndex;
    const found = part.exec(text);
    if (found === null) return undefined;
    const [whole, plain, quoted] = found;
    if (plain !== undefined && whole.startsWith('.') !== at > 0) return undefined;
    if (quoted !== undefined && at === 0) return undefined;
    const segment = plain ?? unquoted(quoted ?? '');
    if (segment === undefined) return undefined;
    segments.push(segment);
  }
  if (segments[0] === 'data' && segments.length > 1) segments.shift();
  return segments.length === 0 ? undefined : segments;
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

/** `/v1/data/app/my-pkg`, each segment percent-encoded, with the one query that makes errors errors. */
export function dataPath(segments: readonly string[]): string {
  return `/v1/data/${segments.map(encoded).join('/')}?strict-builtin-errors=true`;
}

// OPA redirects a path with `.` or `..` in it to one without (seen on 1.22), unless they are encoded.
function encoded(segment: string): string {
  if (segment === '.' || segment === '..') return segment.replaceAll('.', '%2E');
  return encodeURIComponent(segment.toWellFormed());
}

/** Where the rule of a policy is asked. */
export function rulePath(policy: UsersPolicy): string {
  return dataPath([...policy.package, policy.rule]);
}
