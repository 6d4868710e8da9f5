import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');

/** `file`: “one test”, “another” */
const named = [...page.matchAll(/`(test\/[\w./-]+\.ts)`: ((?:“[^”]+”(?:, )?)+)/g)].flatMap(
  ([, file = '', titles = '']) => [...titles.matchAll(/“([^”]+)”/g)].map(([, title = '']) => [file, title] as const),
);

describe('SECURITY.md', () => {
  it.each(named)('%s: %s', (file, title) => {
    expect(existsSync(join(root, file)), file).toBe(true);
    const text = readFileSync(join(root, file), 'utf8');
    const isTest = [`'${title}'`, `"${title}"`, `\`${title}\``].some(
      quoted => text.includes(`(${quoted},`) || text.includes(`)(${quoted}`),
    );
    expect(isTest, `${file} has no test “${title}”`).toBe(true);
  });

  it('has a test, or says why not, for each threat', () => {
    const rows = page
      .slice(page.indexOf('\n## Threats'), page.indexOf('\n## What is not covered'))
      .split('\n')
      .filter(line => line.startsWith('| ') && !line.startsWith('| threat') && !line.startsWith('| ---'));
    expect(rows.length).toBeGreaterThan(25);
    for (const row of rows) {
      const [, , , shown = ''] = row.split(' | ').length === 3 ? ['', ...row.split(' | ')] : [];
      expect(/`test\/|the same|not shown/.test(shown), row).toBe(true);
    }
  });

  it('names every test once it is there, and no test twice for the same threat', () => {
    expect(named.length).toBeGreaterThan(30);
    const lines = named.map(([file, title]) => `${file} ${title}`);
    expect(lines.length - new Set(lines).size).toBe(0);
  });
});
