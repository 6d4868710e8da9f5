import type { Check } from '../../domain/checkup.ts';
import { toProblem } from '../../domain/problem.ts';
import type { HttpClient } from '../../lib/http.ts';

/** Of a service that cannot be read only this can be told: that it is there, and does not refuse us at once. */
export async function* checkReachable(client: HttpClient, signal: AbortSignal): AsyncGenerator<Check> {
  const request = { signal };
  try {
    const response = await client.send(request);
    if ([401, 403].includes(response.status) || response.status >= 500) throw client.unexpected(request, response);
    yield {
      what: 'service',
      state: 'ok',
      message: `It answers (${response.status}). It is not read ("read: false"), so nothing more can be told.`,
    };
  } catch (error) {
    if (signal.aborted) throw error;
    const { message, hint } = toProblem(error);
    yield { what: 'service', state: 'fail', message, ...(hint !== undefined && { hint }) };
  }
}
