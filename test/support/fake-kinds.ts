import { Type } from 'typebox';
import { Duration } from '../../src/lib/duration.ts';
import type { KindSchemas } from '../../src/load/kinds.ts';

const named = (entry: Readonly<Record<string, unknown>>) => {
  const { environments, environment } = entry;
  if (Array.isArray(environments)) return environments as string[];
  if (typeof environments === 'object' && environments !== null) return Object.keys(environments);
  return typeof environment === 'string' ? [environment] : undefined;
};

/** Kinds with the settings of the real ones, as far as loading looks at them, and nothing behind them. */
export const fakeKinds: KindSchemas = {
  sources: {
    opal: {
      settings: Type.Object({
        url: Type.String({ pattern: '^https?://', description: 'The address of the OPAL client.' }),
        token: Type.Optional(Type.String({ description: 'The token for the OPAL client.' })),
        advertisedAddress: Type.Optional(Type.String({ description: 'Where OPAL reaches us.' })),
        packages: Type.Optional(Type.Array(Type.String(), { description: 'The packages that may be used.' })),
        resync: Duration({ default: '5m', description: 'How often policy is asked anyway.' }),
      }),
    },
    static: { settings: Type.Object({ path: Type.String({ description: 'The file with the lists.' }) }) },
  },
  targets: {
    restapi: {
      settings: Type.Object({
        endpointUrl: Type.String({ description: 'Where toggles are created and updated.' }),
        extraHeaders: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Sent each time.' })),
        environment: Type.Optional(Type.String({ description: 'Which environment it serves.' })),
        read: Type.Boolean({ default: false, description: 'It answers GET.' }),
      }),
      spec: Type.Object({}, { additionalProperties: true }),
      environments: ({ environment }) => (typeof environment === 'string' ? [environment] : undefined),
    },
    flagd: {
      settings: Type.Object({ path: Type.String({ description: 'The file to write.' }) }),
      spec: Type.Object({}),
      environments: named,
    },
    launchdarkly: {
      settings: Type.Object({
        token: Type.String({ description: 'The access token.' }),
        baseUrl: Type.Optional(Type.String({ description: 'The address of the API.' })),
        projKey: Type.Optional(Type.String({ description: 'The project, where a flag names none.' })),
      }),
      spec: Type.Object({
        projKey: Type.Optional(Type.String({ description: 'The project.' })),
        tags: Type.Optional(Type.Array(Type.String(), { description: 'Its tags.' })),
        temporary: Type.Optional(Type.Union([Type.Boolean(), Type.Literal('keep')], { description: 'Short-lived.' })),
      }),
      environments: named,
    },
  },
};
