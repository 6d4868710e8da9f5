import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config, SourceEntry } from '../domain/config.ts';
import { quoted } from '../load/problems.ts';
import { type Checkout, mustBeInside } from './checkout.ts';

/** What of a bundle's folder is read. */
const bundleFiles = ['policy.wasm', 'data.json', '.manifest'];

/** Whether a source reads files beside the configuration, so that a commit can change what it answers. */
export function isLocal({ type }: Pick<SourceEntry, 'type'>): boolean {
  return type === 'bundle' || type === 'static';
}

/** Throws a ProblemError where a link leads one of these files below `folder` out of that checkout. */
export async function checkLocalPolicy(config: Config, checkout: Checkout, folder: string): Promise<void> {
  for (const { id, settings } of config.sources.filter(isLocal)) {
    for (const setting of ['path', 'data']) {
      const file = settings[setting];
      if (typeof file !== 'string') continue;
      const what = `The file ${quoted(file)} of the source ${quoted(id)}`;
      await mustBeInside(checkout, join(folder, file), what);
      const isFolder = (await stat(join(folder, file)).catch(noFile))?.isDirectory() ?? false;
      for (const name of isFolder ? bundleFiles : []) await mustBeInside(checkout, join(folder, file, name), what);
    }
  }
}

/** Whether the files that such sources read are others below `folder` than below the configuration's own. */
export async function localPolicyDiffers(config: Config, folder: string): Promise<boolean> {
  for (const entry of config.sources.filter(isLocal)) {
    const { path, data } = entry.settings;
    for (const file of [path, data]) {
      if (typeof file === 'string' && (await differs(join(config.folder, file), join(folder, file)))) return true;
    }
  }
  return false;
}

async function differs(one: string, other: string): Promise<boolean> {
  for (const name of ['', ...bundleFiles]) {
    const [before, after] = await Promise.all([one, other].map(path => readFile(join(path, name)).catch(noFile)));
    if ((before === undefined) !== (after === undefined)) return true;
    if (before !== undefined && after !== undefined && !before.equals(after)) return true;
  }
  return false;
}

function noFile(): undefined {
  return undefined;
}
