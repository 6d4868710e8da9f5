import { once } from 'node:events';
import net from 'node:net';
import { freePort } from './free-port.ts';

/**
 * What the proxy does to connections from now on; open ones are cut when the fault changes.
 * `refuse`: nothing listens. `reset`: RST as soon as the client connects. `reset-after-request`: the server gets the
 * request, the client gets RST instead of the answer. `stall`: the request is passed on, the answer never arrives.
 * `half-answer`: only so many bytes of the answer arrive, then the connection ends.
 */
export type ProxyFault =
  | { readonly kind: 'none' | 'refuse' | 'reset' | 'reset-after-request' | 'stall' }
  | { readonly kind: 'half-answer'; readonly bytes: number };

export interface FaultProxy {
  readonly port: number;
  /** Connections taken so far. */
  readonly accepted: number;
  set(fault: ProxyFault): Promise<void>;
  close(): Promise<void>;
}

/** A TCP proxy on loopback in front of `upstream` that can fail as networks do. Starts without a fault. */
export async function openFaultProxy(upstream: number): Promise<FaultProxy> {
  let fault: ProxyFault = { kind: 'none' };
  let accepted = 0;
  const open = new Set<net.Socket>();
  // Nobody may get it while it refuses.
  const port = await freePort();
  let server = await listen();

  async function listen(): Promise<net.Server> {
    const made = net.createServer(take);
    made.listen(port, '127.0.0.1');
    await once(made, 'listening');
    return made;
  }

  function keep(socket: net.Socket): void {
    open.add(socket);
    // Errors are what this proxy is for; 'close' follows each of them.
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
  }

  function take(client: net.Socket): void {
    accepted++;
    keep(client);
    if (fault.kind === 'reset') {
      client.resetAndDestroy();
      return;
    }
    const behind = net.connect(upstream, '127.0.0.1');
    keep(behind);
    client.pipe(behind);
    client.once('close', () => behind.destroy());
    behind.once('close', () => {
      if (fault.kind !== 'stall') client.destroy();
    });
    answer(behind, client, fault);
  }

  function answer(behind: net.Socket, client: net.Socket, how: ProxyFault): void {
    switch (how.kind) {
      case 'none':
      case 'refuse':
      case 'reset':
        behind.pipe(client);
        return;
      case 'stall':
        behind.resume();
        return;
      case 'reset-after-request':
        behind.once('data', () => client.resetAndDestroy());
        return;
      case 'half-answer':
        behind.once('data', (chunk: Buffer) => client.end(chunk.subarray(0, how.bytes)));
    }
  }

  function cut(): void {
    for (const socket of open) socket.destroy();
  }

  async function shut(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  }

  return {
    port,
    get accepted() {
      return accepted;
    },
    async set(next) {
      fault = next;
      cut();
      if (next.kind === 'refuse') await shut();
      else if (!server.listening) server = await listen();
    },
    close: shut,
  };
}
