import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlagdCore } from '@openfeature/flagd-core';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Target } from '../../../src/domain/target.ts';
import { flagdTarget } from '../../../src/targets/flagd/index.ts';
import { targetContext } from '../../support/target-context.ts';

/** A folder with flag files, and targets that write there. */
export interface FlagdFolder {
  readonly folder: string;
  target(environments?: readonly string[] | null, path?: string, mark?: string): Target;
  file(environment?: string): string;
  read(environment?: string): Promise<FlagdJson>;
  text(environment?: string): Promise<string>;
  write(content: unknown, environment?: string): Promise<void>;
  close(): Promise<void>;
}

export interface FlagdJson extends JsonObject {
  readonly flags: { readonly [key: string]: FlagJson };
  readonly $evaluators: { readonly [name: string]: JsonObject };
}

export interface FlagJson extends JsonObject {
  readonly state: string;
  readonly defaultVariant: string;
  readonly metadata: JsonObject;
}

export async function flagdFolder(): Promise<FlagdFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'optoggles-flagd-'));
  const file = (environment = 'production') => join(folder, `out/${environment}.json`);
  const text = (environment?: string) => readFile(file(environment), 'utf8');
  return {
    folder,
    target(environments = ['production', 'test'], path = 'out/{environment}.json', mark = 'optoggles:acme-test') {
      const context = targetContext({ name: 'local', folder, mark, environments: environments ?? undefined });
      return flagdTarget.create({ path }, context);
    },
    file,
    text,
    read: async environment => JSON.parse(await text(environment)) as FlagdJson,
    write: (content, environment) =>
      writeFile(file(environment), typeof content === 'string' ? content : JSON.stringify(content, null, 2)),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** flagd's own engine over a text; `missing` where an application would get its own default. */
export function served(text: string, key: string, member: string): boolean | 'missing' {
  const engine = new FlagdCore();
  engine.setConfigurations(text);
  return servedBy(engine, key, member);
}

const silent = { error() {}, warn() {}, info() {}, debug() {} };

export function servedBy(engine: FlagdCore, key: string, member: string): boolean | 'missing' {
  if (engine.getFlag(key)?.state !== 'ENABLED') return 'missing';
  const answers = [true, false].map(fallback =>
    engine.resolveBooleanEvaluation(key, fallback, { targetingKey: member }, silent),
  );
  const [one, other] = answers.map(({ value }) => value);
  return one === other && one !== undefined ? one : 'missing';
}
