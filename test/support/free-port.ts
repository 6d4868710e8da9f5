import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that a system gives away by itself (Linux 32768 to 60999, others from 49152), above those of services. */
const [lowest, highest] = [20_000, 32_000];

/**
 * A TCP port of the loopback on which nobody listens, and that nobody gets who lets the system choose: it may be used, or
 * left alone, for as long as a test takes.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
