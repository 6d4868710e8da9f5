import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configEditorSchema, flagEditorSchema } from '../../scripts/generated/editor-schemas.ts';
import { configurationPage } from '../../scripts/generated/configuration-page.ts';
import { exampleConfig, exampleFlag } from '../../scripts/generated/configuration-text.ts';
import { stale } from '../../scripts/generate.ts';
import { sourceKinds, targetKinds } from '../../src/kinds.ts';
import { check } from '../../src/load/check.ts';
import { sourceEntrySchema, specEntrySchema, targetEntrySchema } from '../../src/load/entries.ts';
import { fakeKinds } from '../support/fake-kinds.ts';

function validator(schema: object) {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addKeyword('patternErrorMessage');
  const validate = ajv.compile(schema);
  return (text: string) => {
    validate(parse(text));
    return (validate.errors ?? [])
      .filter(({ keyword }) => keyword !== 'if')
      .map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
  };
}

describe('generated files', () => {
  it('are as the schemas are: else run npm run generate', async () => {
    expect(await stale()).toEqual([]);
  });
});

describe('the schema of the configuration for editors', () => {
  const errors = validator(configEditorSchema(fakeKinds));

  it('takes the example, references and all defaults left out', () => {
    expect(errors(exampleConfig)).toEqual([]);
    expect(
      errors(
        exampleConfig
          .replace('http://opal-client:7000', '${OPAL_URL}')
          .replace('interval: 10m', 'interval: "${I:-10m}"'),
      ),
    ).toEqual([]);
  });

  it.each([
    ['instance: acme-prod', 'instanse: acme-prod', [' additionalProperties', ' required']],
    ['type: opal', 'type: opla', ['/sources/0/type enum']],
    ['    url:', '    ulr:', ['/sources/0 additionalProperties', '/sources/0 required']],
    ['endpointUrl', 'endpointURL', ['/targets/0 additionalProperties', '/targets/0 required']],
    ['    type: restapi\n', '', ['/targets/0 required']],
    ['interval: 10m', 'interval: 10', ['/drift/interval anyOf', '/drift/interval type', '/drift/interval type']],
    ['0.3', '30', ['/guard/maxRevokedShare maximum']],
  ])('%s → %s is underlined', (from, to, expected) => {
    expect(errors(exampleConfig.replace(from, to)).sort()).toEqual(expected);
  });

  it('takes a source without type as opal', () => {
    expect(errors(exampleConfig.replace('    type: opal\n', ''))).toEqual([]);
    expect(errors(exampleConfig.replace('    type: opal\n', '').replace('url:', 'ulr:'))).toHaveLength(2);
  });
});

describe('the schema of flag files for editors', () => {
  const errors = validator(flagEditorSchema(fakeKinds));

  it.each([
    ['', '', []],
    ['owner:', 'ownr:', [' additionalProperties', ' required']],
    ['expires: 2027-02-01\n', '', [' required']],
    ['2026-11-01', '2026-02-30', ['/created format']],
    ['type: release', 'type: relase', ['/type enum']],
    ['package: app.rbac', 'package: [app, "my.pkg"]', []],
  ])('%s → %s', (from, to, expected) => {
    expect(errors(exampleFlag.replace(from, to)).sort()).toEqual(expected);
  });
});

describe('the real kinds', () => {
  const nowhere = () => ({ file: '', line: 1, column: 1 });

  it('have schemas that compile, closed where they say nothing else, every setting described', () => {
    const all = [
      ...Object.values(sourceKinds).map(kind => sourceEntrySchema(kind.settings)),
      ...Object.values(targetKinds).flatMap(kind => [targetEntrySchema(kind), specEntrySchema(kind.spec)]),
    ];
    expect(all.length).toBeGreaterThan(0);
    for (const schema of all) {
      expect(() => check(schema, { nonsense: true }, nowhere)).not.toThrow();
      for (const [key, property] of Object.entries(schema.properties)) {
        const { description, properties } = property as { description?: string; properties?: object };
        if (properties === undefined) expect([key, description]).toEqual([key, expect.any(String)]);
      }
    }
  });

  it('are in the reference, each under its name', () => {
    const page = configurationPage({ sources: sourceKinds, targets: targetKinds });
    for (const type of Object.keys(sourceKinds)) expect(page).toContain(`### Source \`${type}\``);
    for (const type of Object.keys(targetKinds)) expect(page).toContain(`### Target \`${type}\``);
  });

  it('are listed under their own type', () => {
    for (const [type, kind] of [...Object.entries(sourceKinds), ...Object.entries(targetKinds)])
      expect(kind.type).toBe(type);
  });
});
