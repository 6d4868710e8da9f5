import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openBundle } from '../../../src/audience/bundle/files.ts';
import { policyRevision } from '../../../scripts/policy-revision.ts';

const folder = join(import.meta.dirname, '../../../examples/policy');

it("the example's bundle is built from the sources beside it (else run node scripts/build-policy.ts)", async () => {
  const files = new Map([['', await readFile(join(folder, 'bundle.tar.gz'))]]);
  const { revision, data } = await openBundle({ hash: '', marks: '', files }, 'bundle.tar.gz');
  expect(revision).toBe((await policyRevision(folder)).revision);
  // The live data lies beside it.
  expect(data?.value).toEqual({});
});
