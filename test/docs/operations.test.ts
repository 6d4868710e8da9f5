import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { BlockReason } from '../../src/domain/plan.ts';
import { createMetrics } from '../../src/server/metrics.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8');
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => readFileSync(join(root, 'src', name), 'utf8'));

const reasons: Readonly<Record<BlockReason, true>> = {
  revocations: true,
  'becomes-empty': true,
  grants: true,
  'max-users': true,
  removals: true,
  adoption: true,
  'unknown-contents': true,
  suspect: true,
};

/** Texts of the same form that are no codes: headers, packages, states, kinds of toggles. A new one is named here. */
const noCodes: ReadonlySet<string> = new Set([
  'accept-encoding',
  'ajv-formats',
  'base-path',
  'cache-control',
  'cat-file',
  'content-encoding',
  'content-length',
  'content-security-policy',
  'content-type',
  'date-time',
  'cross-origin-resource-policy',
  'fastest-levenshtein',
  'github-token',
  'if-none-match',
  'in-flight',
  'in-sync',
  'kept-out',
  'kill-switch',
  'isomorphic-git',
  'let-in',
  'ls-remote',
  'ls-tree',
  'merge-base',
  'modern-tar',
  'no-referrer',
  'no-store',
  'ld-api-version',
  'not-asked',
  'not-ready',
  'not-served',
  'off-variation',
  'optoggles-bundle',
  'pino-pretty',
  'plan-path',
  'prom-client',
  'referrer-policy',
  'retry-after',
  'rev-list',
  'rev-parse',
  'same-origin',
  'show-users',
  'upsert-only',
  'user-agent',
  'written-by',
  'www-authenticate',
  'x-access-token',
  'x-content-type-options',
  'x-github-event',
  'x-hub-signature-256',
  'x-ratelimit-auth-token-remaining',
  'x-ratelimit-global-remaining',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-ratelimit-route-remaining',
]);

it('the page says of each problem code what to do', () => {
  const codes = new Set<string>();
  for (const text of sources) {
    for (const [, code] of text.matchAll(/\bcode: '([a-z0-9-]+)'/g)) codes.add(code ?? '');
    for (const [, code] of text.matchAll(/'([a-z][a-z0-9]*(?:-[a-z0-9]+)+)'/g)) codes.add(code ?? '');
  }
  expect(codes.size).toBeGreaterThan(100);
  const missing = [...codes].filter(code => !noCodes.has(code) && !(code in reasons) && !page.includes(`\`${code}\``));
  expect(missing).toEqual([]);
});

it('the page names no code that is nowhere', () => {
  const all = sources.join('\n');
  const tables = page.slice(page.indexOf('## Problems and what to do'));
  const named = [...tables.matchAll(/^\| ((?:`[a-z0-9-]+`(?:, )?)+) \|/gm)].flatMap(([, cell]) =>
    [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? ''),
  );
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(code => !all.includes(`'${code}'`))).toEqual([]);
});

it('the page explains every reason of a block', () => {
  for (const reason of Object.keys(reasons)) expect(page).toContain(`| \`${reason}\` |`);
});

it('the page explains every metric of ours, and none that is not there', async () => {
  const names = (await createMetrics('1').registry.getMetricsAsJSON()).map(({ name }) => name);
  const ours = names.filter(name => name.startsWith('optoggles_'));
  const named = new Set([...page.matchAll(/`(optoggles_[a-z_]+)/g)].map(([, name]) => name));
  expect([...named].filter(name => !ours.includes(name ?? ''))).toEqual([]);
  expect(ours.filter(name => !named.has(name))).toEqual([]);
});
