import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Check } from '../../domain/checkup.ts';
import { toProblem } from '../../domain/problem.ts';
import type { Client } from './client.ts';

/** `CallerIdentityRep` of LaunchDarkly's API: who a token belongs to. It says nothing of its role or its expiry. */
const identitySchema = Type.Object({
  tokenName: Type.Optional(Type.String()),
  tokenKind: Type.Optional(Type.String()),
  authKind: Type.Optional(Type.String()),
  serviceToken: Type.Optional(Type.Boolean()),
});
const isIdentity = Compile(identitySchema);
const identityShape = {
  what: 'an identity',
  fits: (value: unknown): value is Static<typeof identitySchema> => isIdentity.Check(value),
};

/** Whose token it is, and whether it outlives its owner. https://launchdarkly.com/docs/home/account/api */
export async function* checkToken(
  { client, target }: { readonly client: Client; readonly target: string },
  signal: AbortSignal,
): AsyncGenerator<Check> {
  try {
    const call = {
      method: 'GET',
      route: 'GET caller-identity',
      path: '/caller-identity',
      what: 'caller identity',
      right: { actions: ['viewProject'], resource: 'proj/*' },
    } as const;
    const { tokenName, tokenKind, authKind, serviceToken } = await client.get(call, identityShape, signal);
    const name = tokenName === undefined ? 'a token without a name' : JSON.stringify(tokenName.slice(0, 80));
    const kind = tokenKind ?? authKind;
    const said = `It is ${name}${kind === undefined ? '' : ` (${kind})`}`;
    const end = 'LaunchDarkly tells neither its role nor its end here.';
    yield serviceToken === false
      ? {
          what: 'token',
          state: 'warn',
          message: `${said}, a personal one: it ends with its owner. ${end}`,
          hint: 'Make a service token with the role that the page of this target names.',
        }
      : { what: 'token', state: 'ok', message: `${said}. ${end}` };
  } catch (error) {
    if (signal.aborted) throw error;
    const { message, hint = `Look at the token of ${target}.` } = toProblem(error);
    yield { what: 'token', state: 'fail', message, hint };
  }
}
