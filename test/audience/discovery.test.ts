import { describe, expect, it } from 'vitest';
import { opaAddressOf } from '../../src/audience/opal/discovery.ts';
import { ProblemError } from '../../src/domain/problem.ts';

const canary = 'canary-store-token';

describe('opaAddressOf', () => {
  it.each<[string, string, string]>([
    ['http://opal:7000', 'http://localhost:8181', 'http://opal:8181/'],
    ['http://opal:7000/', 'http://127.0.0.1:8181/', 'http://opal:8181/'],
    ['https://opal.example/client/', 'http://localhost:8181', 'http://opal.example:8181/'],
    ['http://opal:7000', 'https://localhost:8443/opa', 'https://opal:8443/opa'],
    ['http://opal:7000', 'http://0.0.0.0:8181', 'http://opal:8181/'],
    ['http://opal:7000', 'http://[::1]:8181', 'http://opal:8181/'],
    ['http://[fd00::7]:7000', 'http://127.0.0.2:8181', 'http://[fd00::7]:8181/'],
    ['http://127.0.0.1:7000', 'http://localhost:8181', 'http://127.0.0.1:8181/'],
    ['http://[::1]:7000', 'http://localhost:8181', 'http://[::1]:8181/'],
    ['http://opal:7000', 'http://opa:8181', 'http://opa:8181/'],
    ['http://opal:7000', 'http://127.example.com:8181', 'http://127.example.com:8181/'],
    ['http://opal:7000', 'http://localhost', 'http://opal/'],
  ])('OPAL at %s says %s: %s', (opal, url, expected) => {
    expect(opaAddressOf({ type: 'OPA', url, auth_type: 'none' }, opal, 's', undefined)).toEqual({
      url: expected,
      token: undefined,
    });
  });

  it.each<[Record<string, unknown>, string | undefined, string | undefined]>([
    [{ auth_type: 'token', token: canary }, undefined, canary],
    [{ token: canary }, undefined, canary],
    [{ auth_type: 'token', token: canary }, 'own', 'own'],
    [{ auth_type: 'token' }, 'own', 'own'],
    [{ auth_type: 'oauth' }, 'own', 'own'],
    [{ auth_type: 'none', token: '' }, '', undefined],
  ])('token of %j with our own %j: %j', (config, own, token) => {
    expect(opaAddressOf({ type: 'OPA', url: 'http://opa:1', ...config }, 'http://opal:7000', 's', own).token).toBe(
      token,
    );
  });

  it.each<[unknown, RegExp]>([
    [{ type: 'OPA', url: 'http://opa:1', auth_type: 'oauth', oauth_client_secret: canary }, /opa\.token/],
    [{ type: 'OPA', url: 'http://opa:1', auth_type: 'tls' }, /tls\.cert/],
    [{ type: 'OPA', url: 'http://opa:1', auth_type: 'token' }, /OPAL_EXCLUDE_POLICY_STORE_SECRETS/],
    [{ type: 'CEDAR', url: 'http://opa:1' }, /Only OPA/],
    [{ type: 'OPA', url: `${canary}:8181` }, /opa\.url/],
    [{ type: 'OPA' }, /opa\.url/],
    [null, /opa\.url/],
    ['text', /opa\.url/],
  ])('%j names what to configure', (config, hint) => {
    let error: unknown;
    try {
      opaAddressOf(config, 'http://opal:7000', 's', undefined);
    } catch (caught) {
      error = caught;
    }
    if (!(error instanceof ProblemError)) throw new Error('it is accepted');
    expect(error.problem.hint).toMatch(hint);
    expect(JSON.stringify(error.problem)).not.toContain(canary);
  });
});
