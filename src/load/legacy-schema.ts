import { type Static, Type } from 'typebox';
import { Segment } from './pieces.ts';

const text = (description: string) => Type.String({ description });
const filled = (description: string) => Type.String({ minLength: 1, description });

const policy = Type.Object(
  {
    source: filled('The `id` of a source.'),
    package: filled('The Rego package, with dots.'),
    rule: Segment({ description: 'The rule whose value is the list of users.' }),
  },
  { description: 'Which rule of which source says who has it.' },
);

/** OPToggles' own `config.yaml`; `targetSpec` is read by its `targetType`. */
export const legacySchema = Type.Object({
  bind: Type.String({ default: ':8080', description: 'Where HTTP is served.' }),
  sources: Type.Array(
    Type.Object({
      id: filled('What toggles call it.'),
      url: filled('The address of the OPAL client.'),
      token: Type.String({ default: '', description: 'The token for the OPAL client.' }),
      advertisedAddress: Type.String({ default: '', description: 'Where OPAL reaches us.' }),
    }),
    { description: 'The OPAL clients.' },
  ),
  target: Type.Object(
    {
      targetType: filled('`restapi` or `launchdarkly`.'),
      targetSpec: Type.Object({}, { description: 'The settings of the target.' }),
    },
    { description: 'Where toggles are written to.' },
  ),
  toggles: Type.Array(
    Type.Object({
      key: filled('The key of the toggle.'),
      usersPolicy: policy,
      spec: Type.Object({}, { default: {}, description: 'What the target is told.' }),
    }),
    { default: [], description: 'The toggles.' },
  ),
});

export const restapiSpec = Type.Object({
  endpointUrl: text('Where toggles are created and updated.'),
  extraHeaders: Type.Record(Type.String(), Type.String()),
});

export const launchdarklySpec = Type.Object({
  launchdarklyToken: text('The access token.'),
  baseUrl: text('The address of the API.'),
});

export type LegacyFile = Static<typeof legacySchema>;
export type LegacyToggle = LegacyFile['toggles'][number];
