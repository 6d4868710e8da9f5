import { pause } from '../clock.ts';
import { separateRules } from '../policies.ts';
import type { Row } from '../result.ts';
import { inWorld, type World } from '../world.ts';

const WARM = 1_000;
const PASSES = 10_000;

async function passes(world: World, count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    await world.change(round % 2 === 0);
    await world.callbackToWrite(60_000);
  }
}

/** What is alive, once the work of the last pass is over. */
async function look(world: World): Promise<{ sockets: number; timers: number; heap: number; memory: number }> {
  await pause(2_000);
  const { resources, heapUsed } = await world.program.alive();
  const timers = resources['Timeout'] ?? 0;
  return { sockets: world.program.sockets(), timers, heap: heapUsed, memory: world.program.peakMemory() };
}

/** 10,000 passes, each with a change and a write: nothing may be left behind. */
export async function enduranceCase(say: (row: Row) => void): Promise<void> {
  await inWorld(separateRules(2), async world => {
    await passes(world, WARM);
    const first = await look(world);
    await passes(world, PASSES);
    const last = await look(world);
    const grown = (last.heap - first.heap) / 1e6;
    say({
      name: `${PASSES.toLocaleString('en')} passes after ${WARM.toLocaleString('en')} of warm-up`,
      measured: `sockets ${first.sockets} → ${last.sockets}, timers ${first.timers} → ${last.timers}, heap after GC ${grown >= 0 ? '+' : ''}${grown.toFixed(2)} MB`,
      beside: `peak ${(last.memory / 1e6).toFixed(0)} MB`,
      goal: 'sockets and timers equal, heap at most +5 MB',
      met: last.sockets === first.sockets && last.timers === first.timers && grown <= 5,
      before: 'one socket lost per write with a body: stops after 20,000',
    });
  });
}
