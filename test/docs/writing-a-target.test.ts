import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonfileTarget } from '../../examples/target-jsonfile/index.ts';
import { targetKinds } from '../../src/kinds.ts';
import type { TargetKind } from '../../src/targets/kind.ts';
import { embeddedFiles, withEmbedded } from './embedded.ts';

const root = join(import.meta.dirname, '../..');
const path = join(root, 'docs/writing-a-target.md');

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

describe('docs/writing-a-target.md', () => {
  it('shows the code as it is (UPDATE_DOCS=1 writes it anew)', () => {
    const page = readFileSync(path, 'utf8');
    const fresh = withEmbedded(page, read);
    if (process.env.UPDATE_DOCS === '1') writeFileSync(path, fresh);
    else expect(page).toBe(fresh);
  });

  it('shows the whole example and how it is tested', () => {
    expect(embeddedFiles(readFileSync(path, 'utf8'))).toEqual([
      'examples/target-jsonfile/index.ts',
      'examples/target-jsonfile/flags.ts',
      'test/targets/example/contract.test.ts',
    ]);
  });

  it('names files that are there', () => {
    const named = [...readFileSync(path, 'utf8').matchAll(/`((?:src|test|examples)\/[^`<*]+\.ts)`/g)];
    expect(named.length).toBeGreaterThan(4);
    for (const [, file] of named) expect(existsSync(join(root, file ?? '')), file).toBe(true);
  });

  it('needs one line in the list of kinds', () => {
    const kinds: Readonly<Record<string, TargetKind>> = { ...targetKinds, jsonfile: jsonfileTarget };
    for (const [type, kind] of Object.entries(kinds)) expect(kind.type).toBe(type);
    const lines = read('src/kinds.ts').split('\n');
    for (const type of Object.keys(targetKinds)) {
      // Its import and its entry.
      expect(lines.filter(line => line.includes(`${type}Target`)).length, type).toBe(2);
    }
  });
});

describe.each(Object.keys(targetKinds))('the target kind %s', type => {
  it('has a page of its own and passes the contract', () => {
    expect(existsSync(join(root, 'src/targets', type, 'README.md'))).toBe(true);
    expect(read(`test/targets/${type}/contract.test.ts`)).toContain('describeTarget(');
  });

  it('is imported by the list of kinds alone', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(file =>
      file.endsWith('.ts'),
    );
    const importing = sources.filter(file => read(join('src', file)).includes(`targets/${type}/`));
    expect(importing).toEqual(['kinds.ts']);
  });
});
