import { readFileSync, renameSync, rmSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Target } from '../../../src/domain/target.ts';
import { describeTarget } from '../contract.ts';
import type { Harness } from '../contract-harness.ts';
import { flagdFolder, served } from './flagd-harness.ts';

async function open(): Promise<Harness> {
  const folder = await flagdFolder();
  let writes = 0;
  const counted = (target: Target): Target => ({
    ...target,
    async *apply(batch, signal, mayStart) {
      const before = await marks();
      yield* target.apply(batch, signal, mayStart);
      if ((await marks()) !== before) writes++;
    },
  });
  const marks = async () => {
    const all = ['production', 'test'].map(name => stat(folder.file(name), { bigint: true }).catch(() => undefined));
    return (await Promise.all(all)).map(found => `${found?.ino} ${found?.mtimeNs}`).join();
  };
  return {
    target: counted(folder.target()),
    restarted: () => counted(folder.target()),
    async serves(key, environment, member) {
      const text = await readFile(folder.file(environment), 'utf8').catch(() => '{"flags":{}}');
      return served(text, key, member);
    },
    async shows(key) {
      const flag = (await folder.read().catch(() => undefined))?.flags[key];
      if (flag === undefined) return undefined;
      const { state: _, users: __, ...metadata } = flag.metadata;
      return metadata;
    },
    async plant({ key, owner, members }) {
      const flag = {
        state: 'ENABLED',
        variants: { on: true, off: false },
        defaultVariant: 'off',
        targeting: { if: [{ in: [{ var: 'targetingKey' }, members] }, 'on', 'off'] },
        metadata: owner === 'nobody' ? { team: 'payments' } : { managedBy: 'optoggles:somebody-else' },
      };
      for (const name of ['production', 'test']) await plantInto(folder.file(name), key, flag);
    },
    writes: () => writes,
    faults: {
      failing() {
        const file = folder.file();
        renameSync(file, `${file}.kept`);
        mkdirSync(file);
        return () => {
          rmSync(file, { recursive: true });
          renameSync(`${file}.kept`, file);
        };
      },
      conflicting() {
        const text = readFileSync(folder.file(), 'utf8');
        writeFileSync(folder.file(), text.replaceAll('"alice"', '"alice","mallory"'));
        return () => writeFileSync(folder.file(), text);
      },
    },
    close: () => folder.close(),
  };
}

async function plantInto(file: string, key: string, flag: JsonObject): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const text = await readFile(file, 'utf8').catch(() => '{"flags":{}}');
  const content = JSON.parse(text) as { flags: Record<string, JsonObject> };
  content.flags[key] = flag;
  await writeFile(file, JSON.stringify(content));
}

const noAnswer = 'a rename happened or did not: nothing is silent, nothing is half';

describeTarget('flagd', {
  open,
  leftOut: {
    'renames with the users': 'metadata are written alone',
    'waits as long as it is told': 'a file has no rate limit',
    'does not claim to know what a silent platform did': noAnswer,
    'does not claim to know what a broken connection did': noAnswer,
    'gets over a create that was done but not answered': noAnswer,
  },
});
