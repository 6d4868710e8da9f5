/** What is used of a CycloneDX document. */
export interface Sbom {
  readonly bomFormat?: string;
  readonly specVersion?: string;
  readonly components?: readonly {
    readonly name: string;
    readonly version: string;
    readonly purl?: string;
    readonly hashes?: readonly unknown[];
    readonly licenses?: readonly unknown[];
  }[];
}

/** What a bill of materials lacks of what it should hold: `wanted` are `name@version`. */
export function sbomFaults(sbom: Sbom, wanted: ReadonlySet<string>): readonly string[] {
  const faults: string[] = [];
  if (sbom.bomFormat !== 'CycloneDX') faults.push('it is no CycloneDX document');
  if (!/^1\.[4-9]$/.test(sbom.specVersion ?? '')) faults.push(`CycloneDX ${sbom.specVersion ?? '?'} is not known here`);
  const components = sbom.components ?? [];
  const there = new Set(components.map(({ name, version }) => `${name}@${version}`));
  for (const name of wanted) if (!there.has(name)) faults.push(`${name} is missing`);
  for (const { name, version, purl, hashes = [], licenses = [] } of components) {
    if (!wanted.has(`${name}@${version}`)) continue;
    if (purl === undefined) faults.push(`${name}@${version} has no purl`);
    if (hashes.length === 0) faults.push(`${name}@${version} has no hash`);
    if (licenses.length === 0) faults.push(`${name}@${version} has no license`);
  }
  return faults;
}
