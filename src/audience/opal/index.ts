import { type Static, Type } from 'typebox';
import type { Source } from '../../domain/audience.ts';
import { Duration, parseDuration } from '../../lib/duration.ts';
import type { SourceContext, SourceKind } from '../kind.ts';
import {
  Address,
  asProblems,
  askedSettings,
  connectionSettings,
  opaFindings,
  opaSettingsOf,
  Token,
} from '../settings.ts';
import { callbackFindings, registrationFor } from './callback.ts';
import { OpalSource } from './source.ts';

const defaultResync = '5m';
const defaultWatch = '15s';

const settings = Type.Object(
  {
    url: Address('The address of the OPAL client (port 7000), not of the OPAL server.'),
    token: Type.Optional(
      Token(
        'A JWT of peer_type listener, where OPAL runs in secure mode: POST {opal-server}/token with the master token.',
      ),
    ),
    advertisedAddress: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'host:port at which OPAL reaches this process; the callback is http://{advertisedAddress}/opa_update.',
      }),
    ),
    callbackUrl: Type.Optional(
      Address(
        'The whole address of the callback, in place of advertisedAddress: for https, or another path in front of a proxy.',
      ),
    ),
    opa: Type.Optional(
      Type.Object(
        {
          url: Type.Optional(Address('The address of OPA; default: what OPAL answers to GET /policy-store/config.')),
          token: Type.Optional(Token('Bearer token for OPA; default: what OPAL says.')),
        },
        { additionalProperties: false, description: 'The OPA that this OPAL client feeds.' },
      ),
    ),
    ...askedSettings,
    resync: Type.Optional(Duration({ description: 'How often policy is asked anyway.', default: defaultResync })),
    watch: Type.Optional(
      Duration({ description: 'How often the registration of the callback is looked at.', default: defaultWatch }),
    ),
    reload: Type.Optional(
      Type.Union([Type.Literal('auto'), Type.Literal('never')], {
        default: 'auto',
        description:
          'auto: OPAL may be asked to load policy and data again while the source is suspect, at most once in 5 minutes.',
      }),
    ),
    ...connectionSettings,
  },
  { additionalProperties: false, description: 'An OPAL client with its OPA. OPAL tells of changes by callback.' },
);

/** An OPAL client with its OPA. */
export const opalSource: SourceKind = {
  type: 'opal',
  settings,
  check(given, where) {
    const from = given as Static<typeof settings>;
    return [...opaFindings(from, where), ...callbackFindings(from, where)];
  },
  create(given: Readonly<Record<string, unknown>>, context: SourceContext): Source {
    const from = given as Static<typeof settings>;
    const { callback } = context;
    return asProblems(
      () =>
        new OpalSource(
          {
            url: from.url,
            token: from.token,
            opa: from.opa ?? {},
            ...opaSettingsOf(from, context),
            resync: parseDuration(from.resync ?? defaultResync),
            watch: parseDuration(from.watch ?? defaultWatch),
            reload: from.reload ?? 'auto',
            registration: callback && registrationFor(from, context, callback.bearer),
          },
          context,
        ),
    );
  },
};
