import { Client } from 'undici';
import { now } from '../clock.ts';
import { median } from '../stats.ts';

/** Median ms that a bare client needs to send a body of `users` names to the target and have it answered. */
export async function timeToSend(endpoint: string, users: number): Promise<number> {
  const { origin, pathname } = new URL(endpoint);
  const client = new Client(origin);
  const names = Array.from({ length: users }, (_, index) => `user-${String(index).padStart(8, '0')}@acme.com`);
  const body = Buffer.from(JSON.stringify({ users: names }));
  const took: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    const began = now();
    const headers = { 'content-type': 'application/json' };
    const answer = await client.request({ method: 'PATCH', path: `${pathname}/only-sent`, headers, body });
    await answer.body.dump();
    if (round >= 2) took.push(now() - began);
  }
  await client.close();
  return median(took);
}
