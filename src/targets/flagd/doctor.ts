import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Check } from '../../domain/checkup.ts';
import type { FlagStore } from './store.ts';

/** Whether each file could be replaced: that takes its folder, not the file. */
export async function* checkWritable(stores: readonly Pick<FlagStore, 'name' | 'place'>[]): AsyncGenerator<Check> {
  for (const { name, place } of stores) {
    const folder = await nearestFolder(dirname(place));
    try {
      await access(folder, constants.W_OK | constants.X_OK);
      yield { what: 'file', state: 'ok', message: `${name} can be written.` };
    } catch {
      yield {
        what: 'file',
        state: 'fail',
        message: `${name} cannot be written: its folder may not be changed by this user.`,
        hint: 'Let this process write that folder, not only the file: files are replaced as a whole.',
      };
    }
  }
}

/** What is not there yet is made where something is. */
async function nearestFolder(folder: string): Promise<string> {
  for (let here = folder; ; here = dirname(here)) {
    const isThere = await access(here).then(
      () => true,
      () => false,
    );
    if (isThere || dirname(here) === here) return here;
  }
}
