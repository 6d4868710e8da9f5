import { type Static, Type } from 'typebox';
import type { Source } from '../../domain/audience.ts';
import { Duration, parseDuration } from '../../lib/duration.ts';
import { every } from '../every.ts';
import type { SourceContext, SourceKind } from '../kind.ts';
import { createOpaClient } from '../opa-client.ts';
import { OpaCore } from '../opa-core.ts';
import {
  Address,
  asProblems,
  askedSettings,
  connectionSettings,
  opaFindings,
  opaSettingsOf,
  Token,
} from '../settings.ts';

const defaultPoll = '10s';

const settings = Type.Object(
  {
    url: Address('The address of OPA, as http://127.0.0.1:8181; a path in front of /v1 may follow.'),
    token: Type.Optional(Token('Bearer token for OPA.')),
    poll: Type.Optional(Duration({ description: 'How often policy is asked.', default: defaultPoll })),
    ...askedSettings,
    ...connectionSettings,
  },
  { additionalProperties: false, description: 'A plain OPA, asked at an interval.' },
);

/** A plain OPA: nobody tells of changes, so it is polled. */
export const opaSource: SourceKind = {
  type: 'opa',
  settings,
  check: opaFindings,
  create(given: Readonly<Record<string, unknown>>, context: SourceContext): Source {
    const from = given as Static<typeof settings>;
    const { url, token, poll } = from;
    const { id, clock } = context;
    const { sentinels, packages, limits, tls } = opaSettingsOf(from, context);
    const client = asProblems(() =>
      createOpaClient({
        name: `OPA of source ${id}`,
        tokenSetting: `token of source ${id}`,
        address: { url, token },
        limits,
        tls,
        secrets: [],
        clock,
        network: context.network,
      }),
    );
    const core = new OpaCore({ id, clock, sentinels, packages, reloads: false });
    const interval = parseDuration(poll ?? defaultPoll);
    return {
      id,
      type: 'opa',
      announces: false,
      looksItself: true,
      readiness: (seen, signal) => core.look(client, seen, signal),
      resolve: (asks, signal, look) => core.resolve(client, asks, signal, look),
      hints: (push, signal) => every(interval, () => push({ kind: 'poll' }), clock, signal),
      close: () => client.close(),
    };
  },
};
