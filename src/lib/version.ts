import { readFileSync } from 'node:fs';

/** The version of this OPToggles, from package.json: the same two folders up from `src/lib` and from `dist/lib`. */
export const version: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
