import { mkdtempSync, rmSync } from 'node:fs';
import { openState } from '../../src/state/store.ts';
import { encodeFull } from '../../src/state/encoding.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { membersOf } from '../../src/domain/members.ts';
import { write, list, became } from '../support/state-changes.ts';
const folder = mkdtempSync('/tmp/stb-');
const s = openState({ folder, instance: 'i', clock: systemClock, log: silentLog, access: 'own' });
const t = <T>(n: string, f: () => T): T => {
  const b = performance.now();
  const r = f();
  console.log(n, (performance.now() - b).toFixed(1));
  return r;
};
for (let k = 0; k < 5; k++) {
  const a: string[] = [];
  for (let i = 0; i < 1e6; i++) a.push(`user-${k}-${String(i).padStart(8, '0')}@example.tst`);
  const m1 = membersOf(JSON.parse(JSON.stringify(a)));
  t('hash', () => m1.hash);
  if (k % 2) t('encode', () => encodeFull(m1));
  const key = `big-${k}`;
  s.record('A', [became(list('create', key))], 20);
  const w1 = write({ key, before: [], after: m1 });
  t('first 1M intend', () => s.intend('A', [w1], 21));
}
s.close();
rmSync(folder, { recursive: true });
