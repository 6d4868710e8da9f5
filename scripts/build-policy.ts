// Builds examples/policy/bundle.tar.gz from the .rego files beside it: `node scripts/build-policy.ts`. Needs OPA, as
// `opa` on the path or named by OPA. The same sources and the same OPA give the same bytes. `--check` writes nothing
// and fails when the committed bundle differs.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { policyRevision } from './policy-revision.ts';

const folder = join(import.meta.dirname, '..', 'examples', 'policy');
const bundle = join(folder, 'bundle.tar.gz');

const { files, revision } = await policyRevision(folder);
const work = await mkdtemp(join(folder, '.build-'));
try {
  const built = join(work, 'bundle.tar.gz');
  const opa = process.env['OPA'] ?? 'opa';
  // The data that changes lies beside the bundle, so only the sources go in. Entrypoints: `entrypoint: true` in them.
  await promisify(execFile)(opa, ['build', '-t', 'wasm', '--revision', revision, '-o', built, ...files], {
    cwd: folder,
  });
  if (process.argv.includes('--check')) {
    const same = (await readFile(built)).equals(await readFile(bundle));
    console.log(
      same ? `bundle.tar.gz is what ${revision} gives.` : 'bundle.tar.gz is stale. Run node scripts/build-policy.ts.',
    );
    process.exitCode = same ? 0 : 1;
  } else {
    await rename(built, bundle);
    console.log(`bundle.tar.gz: revision ${revision}, from ${files.join(', ')}.`);
  }
} catch (error) {
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  console.error(missing ? 'OPA was not found. Put opa on the path, or name it: OPA=/path/to/opa.' : String(error));
  process.exitCode = 1;
} finally {
  await rm(work, { recursive: true, force: true });
}
