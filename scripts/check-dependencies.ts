/**
 * What the package is made of: licenses, install scripts and hashes by the lockfile, the bill of materials that npm makes
 * (CycloneDX), and, with `--audit`, known vulnerabilities. Exits 1 for a fault, 75 where the registry answers no audit.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faultsOf, foreignPackages, readLockfile } from './dependencies/lockfile.ts';
import { type Sbom, sbomFaults } from './dependencies/sbom.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const cannotTell = 75;

process.exitCode = process.argv.includes('--audit') ? audit() : checkAll();

function checkAll(): number {
  const lockfile = readLockfile(join(root, 'package-lock.json'));
  const shipped = foreignPackages(lockfile).filter(
    ([place, { dev }]) => dev !== true && place.startsWith('node_modules/'),
  );
  // Node itself comes for development only, by a workspace of its own.
  const wanted = shipped
    .map(([place, { version }]) => `${place.split('node_modules/').at(-1)}@${version}`)
    .filter(name => !name.startsWith('node-'));
  // Not without the development packages: npm 11 then leaves out what both need (seen with yaml and semver).
  const made = npm(['sbom', '--sbom-format', 'cyclonedx']);
  const sbom = JSON.parse(made.stdout) as Sbom;
  const faults = [...faultsOf(lockfile), ...sbomFaults(sbom, new Set(wanted))];
  for (const fault of faults) console.error(fault);
  console.log(
    `${foreignPackages(lockfile).length} packages, ${wanted.length} of them shipped, ${sbom.components?.length ?? 0} in the bill of materials: ${faults.length} faults`,
  );
  return faults.length === 0 ? 0 : 1;
}

function audit(): number {
  const { stdout, stderr } = npm(['audit', '--json', '--omit=dev']);
  let report: { readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> } };
  try {
    report = JSON.parse(stdout) as typeof report;
  } catch {
    report = {};
  }
  const found = report.metadata?.vulnerabilities;
  if (found === undefined) {
    console.error(`not checked: the registry answers no audit\n${stderr}`);
    return cannotTell;
  }
  console.log(`known vulnerabilities of what is shipped: ${found['total'] ?? 0}`);
  if ((found['total'] ?? 0) > 0) console.error(stdout);
  return (found['total'] ?? 0) === 0 ? 0 : 1;
}

function npm(args: readonly string[]): { stdout: string; stderr: string } {
  const { stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 64_000_000 });
  return { stdout: stdout ?? '', stderr: stderr ?? '' };
}
