import type { ProxyFault } from '../../test/support/fault-proxy.ts';
import { pause } from '../clock.ts';
import type { SoakWorld } from './world.ts';

export interface Fault {
  readonly name: string;
  begin(world: SoakWorld): Promise<void>;
  end(world: SoakWorld): Promise<void>;
}

function on(way: 'opaWay' | 'targetWay', name: string, fault: ProxyFault): Fault {
  return {
    name: `${name}: ${fault.kind}`,
    begin: world => world[way].set(fault),
    end: world => world[way].set({ kind: 'none' }),
  };
}

/** In turn, again and again. */
export const FAULTS: readonly Fault[] = [
  on('targetWay', 'target', { kind: 'refuse' }),
  on('opaWay', 'OPA', { kind: 'refuse' }),
  on('targetWay', 'target', { kind: 'reset' }),
  {
    name: 'OPAL restarted: forgets the callback',
    begin: async world => world.opal.restart(),
    end: async () => {},
  },
  on('opaWay', 'OPA', { kind: 'half-answer', bytes: 200 }),
  on('targetWay', 'target', { kind: 'reset-after-request' }),
  {
    name: 'OPA killed, started empty, loaded after 3 s',
    async begin(world) {
      await world.opa.process().kill();
      await world.opa.startAgain();
      await pause(3_000);
      await world.load();
    },
    // What changed while it was loaded is not in what was loaded.
    end: world => world.load(),
  },
  on('targetWay', 'target', { kind: 'stall' }),
  on('opaWay', 'OPA', { kind: 'reset' }),
  on('targetWay', 'target', { kind: 'half-answer', bytes: 10 }),
  {
    name: 'OPAL down',
    async begin({ opal }) {
      await opal.stop();
      opal.restart();
    },
    end: world => world.opal.start(),
  },
  on('opaWay', 'OPA', { kind: 'stall' }),
];
