import { startDataServer } from '../../test/peers/data-server.ts';
import { createPolicyRepo } from '../../test/peers/git-policy.ts';
import { startOpalClient, startOpalServer } from '../../test/peers/opal.ts';
import { freePort } from '../../test/support/free-port.ts';
import { now, pause } from '../clock.ts';
import { createFolder, writeConfig, writeFlags } from '../files.ts';
import { separateRules } from '../policies.ts';
import { startProgram } from '../program.ts';
import type { Row } from '../result.ts';
import { startSink } from '../sink.ts';
import { median, ms, percentile } from '../stats.ts';

const WARM = 20;
const SAMPLES = 100;

/** Published through a real OPAL server and client (with its OPA) until the target has read the write. */
export async function opalCase(say: (row: Row) => void): Promise<void> {
  const policy = separateRules(2);
  const members = (policy.data['members'] as Record<string, Record<string, boolean>>)[policy.changing];
  const undo: (() => unknown)[] = [];
  try {
    const { folder, remove } = await createFolder();
    undo.push(remove);
    const data = await startDataServer();
    undo.push(() => data.stop());
    data.set('/members', policy.data['members']);
    const repo = await createPolicyRepo({ 'bench.rego': policy.rego });
    undo.push(() => repo.remove());
    const server = await startOpalServer({
      policy: repo.url,
      data: [{ url: data.url('/members'), dst_path: '/members' }],
    });
    undo.push(() => server.stop());
    const client = await startOpalClient({ server });
    undo.push(() => client.stop());
    const sink = await startSink();
    undo.push(() => sink.stop());
    const port = await freePort();
    await writeFlags(folder, policy.toggles);
    const config = await writeConfig(folder, { port, opal: client.url, opa: client.opaUrl, sink: sink.url });
    const program = await startProgram(config, port, 120_000);
    undo.push(() => program.stop());

    const took: number[] = [];
    for (let round = 0; round < WARM + SAMPLES; round += 1) {
      const present = round % 2 === 0;
      const began = now();
      const [write] = await Promise.all([
        sink.next(policy.changing, 30_000),
        server.publish([
          { url: '', dst_path: `/members/${policy.changing}`, data: { ...members, 'zz-extra': present } },
        ]),
      ]);
      if (round >= WARM) took.push(write.at - began);
      await pause(20);
    }
    const p50 = median(took);
    const p95 = percentile(took, 0.95);
    say({
      name: 'published through real OPAL → written, 2 toggles',
      measured: `p50 ${ms(p50)}, p95 ${ms(p95)}`,
      beside: '',
      goal: '',
      met: undefined,
      before: 'p50 17.6, p95 24 ms',
    });
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}
