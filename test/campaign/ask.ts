import { globalAgent, request } from 'node:http';

export interface Asked {
  readonly status: number;
  readonly text: string;
}

/** One request on a connection of its own, closed afterwards: what stays open in the program is its own doing. */
export function ask(url: string, method = 'GET', headers: Record<string, string> = {}, body?: string): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false, timeout: 5_000 }, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`${url} did not answer within 5 s`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Closes what the fakes of this process keep open to the program. */
export function closeIdle(): void {
  globalAgent.destroy();
}
