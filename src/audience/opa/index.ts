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
  limitsOf,
  limitsSetting,
  packagesSetting,
  refsOf,
  sentinelsSetting,
  Token,
  tlsOf,
  tlsSetting,
} from '../settings.ts';

const defaultPoll = '10s';

const settings = Type.Object(
  {
    url: Address('The address of OPA, as http://127.0.0.1:8181; a path in front of /v1 may follow.'),
    token: Type.Optional(Token('Bearer token for OPA.')),
    poll: Type.Optional(Duration({ description: 'How often policy is asked.', default: defaultPoll })),
    sentinels: Type.Optional(sentinelsSetting),
    packages: Type.Optional(packagesSetting),
    limits: Type.Optional(limitsSetting),
    tls: Type.Optional(tlsSetting),
  },
  { additionalProperties: false, description: 'A plain OPA, asked at an interval.' },
);

/** A plain OPA: nobody tells of changes, so it is polled. */
export const opaSource: SourceKind = {
  type: 'opa',
  settings,
  create(given: Readonly<Record<string, unknown>>, context: SourceContext): Source {
    const { url, token, poll, sentinels, packages, limits, tls } = given as Static<typeof settings>;
    const { id, clock } = context;
    const client = asProblems(() =>
      createOpaClient({
        name: `OPA of source ${id}`,
        tokenSetting: `token of source ${id}`,
        address: { url, token },
        limits: limitsOf(limits),
        tls: tlsOf(tls, context.folder),
        secrets: [],
        clock,
      }),
    );
    const core = new OpaCore({
      id,
      clock,
      sentinels: refsOf('sentinels', sentinels ?? [], id),
      packages: packages && refsOf('packages', packages, id),
      reloads: false,
    });
    const interval = parseDuration(poll ?? defaultPoll);
    return {
      id,
      type: 'opa',
      announces: false,
      readiness: (seen, signal) => core.look(client, seen, signal),
      resolve: (asks, signal) => core.resolve(client, asks, signal),
      hints: (push, signal) => every(interval, () => push({ kind: 'poll' }), clock, signal),
      close: () => client.close(),
    };
  },
};
