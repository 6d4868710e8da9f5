import { createFolder, writeConfig, writeFlags } from '../files.ts';
import { separateRules } from '../policies.ts';
import { runOnce } from '../program.ts';
import type { Row } from '../result.ts';
import { mb, median, ms } from '../stats.ts';

/** `optoggles validate` of 10,000 flag files, from process start to exit. */
export async function validateCase(say: (row: Row) => void): Promise<void> {
  const { folder, remove } = await createFolder();
  try {
    await writeFlags(folder, separateRules(10_000).toggles);
    const nowhere = { opal: 'http://127.0.0.1:7000', opa: 'http://127.0.0.1:8181', sink: 'http://127.0.0.1:9' };
    const config = await writeConfig(folder, { port: 8080, ...nowhere });
    const runs = [];
    for (let round = 0; round < 4; round += 1) {
      const run = await runOnce(['validate', '--config', config], folder);
      if (run.code !== 0) throw new Error(`validate exited with ${run.code}:\n${run.output.slice(-2_000)}`);
      // The first one reads the files from the disk.
      if (round > 0) runs.push(run);
    }
    const took = median(runs.map(run => run.ms));
    const memory = Math.max(...runs.map(run => run.memory));
    say({
      name: 'validate 10,000 files',
      measured: `${ms(took)}, ${mb(memory)} peak`,
      beside: '',
      goal: '≤ 5 s, ≤ 600 MB',
      met: took <= 5_000 && memory <= 600e6,
      before: '',
    });
  } finally {
    await remove();
  }
}
