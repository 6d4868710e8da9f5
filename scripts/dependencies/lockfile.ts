import { readFileSync } from 'node:fs';
import { isAllowed } from './licenses.ts';

/** What package-lock.json says of a package. */
export interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** The packages that come from elsewhere, by their place. */
export function foreignPackages(lockfile: Lockfile): readonly (readonly [string, LockedPackage])[] {
  return Object.entries(lockfile.packages).filter(([place, { link }]) => place.includes('node_modules/') && !link);
}

/** What is wrong with the dependencies as they are locked, in words; empty where nothing is. */
export function faultsOf(lockfile: Lockfile): readonly string[] {
  return foreignPackages(lockfile).flatMap(([place, { version, license, integrity, dev, hasInstallScript }]) => {
    const name = `${place}@${version ?? '?'}`;
    return [
      ...(isAllowed(license, dev === true) ? [] : [`${name}: the license ${license ?? '(none)'} is not on the list`]),
      ...(hasInstallScript === true ? [`${name}: it wants to run a script when it is installed`] : []),
      ...(integrity?.startsWith('sha512-') === true ? [] : [`${name}: nothing says what its content has to be`]),
    ];
  });
}

export function readLockfile(path: string): Lockfile {
  return JSON.parse(readFileSync(path, 'utf8')) as Lockfile;
}
