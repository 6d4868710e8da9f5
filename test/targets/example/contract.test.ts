import { readFile, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flagsIn } from '../../../examples/target-jsonfile/flags.ts';
import { jsonfileTarget } from '../../../examples/target-jsonfile/index.ts';
import { targetContext } from '../../support/target-context.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { describeTarget } from '../contract.ts';
import type { Harness } from '../contract-harness.ts';

async function open(): Promise<Harness> {
  const folder = tempFolder();
  const path = join(folder, 'flags.json');
  const context = targetContext({ folder, environments: ['production', 'test'] });
  const create = () => jsonfileTarget.create({ path: 'flags.json' }, context);
  const flags = async () => (existsSync(path) ? flagsIn(await readFile(path, 'utf8'), 'test') : {});
  let writes = 0;
  let last = '';

  return {
    target: create(),
    restarted: create,
    async serves(key, environment, member) {
      return (await flags())[key]?.who[environment]?.includes(member) ?? 'missing';
    },
    async shows(key) {
      return (await flags())[key]?.about;
    },
    async plant({ key, owner, members }) {
      const who = { production: [...members], test: [] };
      const planted = { about: {}, who, ...(owner === 'somebody-else' && { owner: 'optoggles:other' }) };
      await writeFile(path, JSON.stringify({ ...(await flags()), [key]: planted }));
    },
    writes() {
      const now = existsSync(path) ? readFileSync(path, 'utf8') : '';
      if (now !== last) writes++;
      last = now;
      return writes;
    },
    faults: {
      failing() {
        const before = readFileSync(path, 'utf8');
        writeFileSync(path, 'no JSON');
        return () => writeFileSync(path, before);
      },
    },
    close: async () => {},
  };
}

const noNetwork = 'a file answers at once or not at all';

describeTarget('the documented example', {
  open,
  leftOut: {
    'renames with the users': 'what a flag says is written by itself',
    'waits as long as it is told': noNetwork,
    'does not claim to know what a silent platform did': noNetwork,
    'does not claim to know what a broken connection did': noNetwork,
    'gets over a create that was done but not answered': noNetwork,
    'reports a conflict as one': 'the file is read and written in one go',
  },
});
