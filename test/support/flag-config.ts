import { join } from 'node:path';
import type { Config } from '../../src/domain/config.ts';

/** A configuration to check flag files against: two sources, three targets, a guard. */
export function flagConfig(folder: string): Config {
  return {
    file: 'optoggles.yaml',
    folder,
    instance: 'acme',
    bind: { host: '127.0.0.1', port: 0 },
    flags: { folder: join(folder, 'flags') },
    legacy: undefined,
    stateDir: join(folder, '.optoggles'),
    sources: [
      { id: 'main', type: 'opal', settings: { url: 'http://opal:7000', packages: ['app.rbac', 'app.other'] } },
      { id: 'other', type: 'static', settings: { path: 'audiences.yaml' } },
    ],
    targets: [
      {
        name: 'ld',
        type: 'launchdarkly',
        policy: 'sync',
        environments: ['production', 'test', 'staging'],
        settings: {},
      },
      { name: 'local', type: 'flagd', policy: 'sync', environments: ['production', 'test'], settings: {} },
      { name: 'rest', type: 'restapi', policy: 'sync', environments: undefined, settings: {} },
    ],
    onRemoved: 'disable',
    drift: { interval: 600_000, reopen: false },
    guard: {
      maxRevokedShare: 0.3,
      alwaysAllowedRevocations: 5,
      maxGrantedShare: 1,
      alwaysAllowedGrants: 50,
      maxUsers: 500,
      window: 600_000,
      maxRemovedToggles: 0.3,
    },
    callbackSecret: undefined,
    adminTokens: [],
    readTokens: [],
    publicStatus: false,
  };
}
