import { rm } from 'node:fs/promises';
import { installChartTools } from './chart-tools.ts';
import { installPeers } from './install.ts';
import { LOGS } from './process.ts';

/** Before the peers' tests: the real programs are there in the pinned versions, or the run fails with what is missing. */
export async function setup(): Promise<void> {
  await rm(LOGS, { recursive: true, force: true });
  const say = (line: string) => console.log(`peers: ${line}`);
  await installPeers(say);
  await installChartTools(say);
}
