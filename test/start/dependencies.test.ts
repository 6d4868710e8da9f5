import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAllowed } from '../../scripts/dependencies/licenses.ts';
import { faultsOf, foreignPackages, readLockfile } from '../../scripts/dependencies/lockfile.ts';
import { sbomFaults } from '../../scripts/dependencies/sbom.ts';

describe('the dependencies', () => {
  it('have a license on the list, a hash, and no script that runs when they are installed', () => {
    const lockfile = readLockfile(join(import.meta.dirname, '../../package-lock.json'));
    expect(foreignPackages(lockfile).length).toBeGreaterThan(50);
    expect(faultsOf(lockfile)).toEqual([]);
  });

  it.each([
    ['MIT', false, true],
    ['(MIT AND Zlib)', false, true],
    ['MIT OR GPL-3.0-only', false, true],
    ['MPL-2.0', true, true],
    ['MPL-2.0', false, false],
    ['GPL-3.0-only', true, false],
    ['(MIT AND GPL-2.0-only)', false, false],
    ['(MIT AND BSD-3-Clause) OR SSPL-1.0', false, false],
    ['UNLICENSED', false, false],
    [undefined, true, false],
  ])('the license %j (dev: %j) may be used: %j', (license, dev, allowed) => {
    expect(isAllowed(license, dev)).toBe(allowed);
  });

  it('are named when something is wrong with them', () => {
    const packages = {
      '': { version: '1.0.0' },
      'node_modules/good': { version: '1.0.0', license: 'MIT', integrity: 'sha512-x' },
      'node_modules/bad': { version: '2.0.0', license: 'AGPL-3.0', hasInstallScript: true },
    };
    expect(faultsOf({ packages })).toEqual([
      'node_modules/bad@2.0.0: the license AGPL-3.0 is not on the list',
      'node_modules/bad@2.0.0: it wants to run a script when it is installed',
      'node_modules/bad@2.0.0: nothing says what its content has to be',
    ]);
  });
});

describe('the bill of materials', () => {
  const whole = { name: 'a', version: '1.0.0', purl: 'pkg:npm/a@1.0.0', hashes: [{}], licenses: [{}] };

  it('holds what is shipped, each with its hash and license', () => {
    const sbom = { bomFormat: 'CycloneDX', specVersion: '1.5', components: [whole] };
    expect(sbomFaults(sbom, new Set(['a@1.0.0']))).toEqual([]);
    expect(sbomFaults(sbom, new Set(['a@1.0.0', 'b@2.0.0']))).toEqual(['b@2.0.0 is missing']);
    expect(sbomFaults({ ...sbom, components: [{ name: 'a', version: '1.0.0' }] }, new Set(['a@1.0.0']))).toEqual([
      'a@1.0.0 has no purl',
      'a@1.0.0 has no hash',
      'a@1.0.0 has no license',
    ]);
    expect(sbomFaults({}, new Set())).toHaveLength(2);
  });
});
