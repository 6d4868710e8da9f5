import { bundleSource } from './audience/bundle/index.ts';
import type { SourceKind } from './audience/kind.ts';
import { opaSource } from './audience/opa/index.ts';
import { opalSource } from './audience/opal/index.ts';
import { staticSource } from './audience/static/index.ts';
import { flagdTarget } from './targets/flagd/index.ts';
import type { TargetKind } from './targets/kind.ts';
import { launchdarklyTarget } from './targets/launchdarkly/index.ts';
import { restapiTarget } from './targets/restapi/index.ts';

/** The one list of source kinds, by the `type` in the configuration. */
export const sourceKinds: Readonly<Record<string, SourceKind>> = {
  bundle: bundleSource,
  opa: opaSource,
  opal: opalSource,
  static: staticSource,
};

/** The one list of target kinds. */
export const targetKinds: Readonly<Record<string, TargetKind>> = {
  flagd: flagdTarget,
  launchdarkly: launchdarklyTarget,
  restapi: restapiTarget,
};
