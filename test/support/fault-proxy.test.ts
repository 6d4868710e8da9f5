import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, openFaultProxy } from './fault-proxy.ts';

let server: net.Server;
let proxy: FaultProxy;
const got: string[] = [];

beforeEach(async () => {
  got.length = 0;
  server = net.createServer(socket => {
    socket.on('error', () => {});
    socket.on('data', data => {
      got.push(String(data));
      socket.write('0123456789');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await openFaultProxy((server.address() as net.AddressInfo).port);
});

afterEach(async () => {
  await proxy.close();
  server.close();
});

/** Sends `ping`, collects until the end or the ten bytes; says how it ended. */
function ping(): Promise<string> {
  return new Promise(resolve => {
    const socket = net.connect(proxy.port, '127.0.0.1', () => socket.write('ping'));
    let text = '';
    socket.on('data', data => {
      text += String(data);
      if (text.length === 10) socket.destroy();
    });
    socket.on('error', error => resolve(`${text} ${'code' in error ? String(error.code) : ''}`));
    socket.on('close', () => resolve(text));
  });
}

describe('the fault proxy', () => {
  it('passes on what it gets', async () => {
    expect(await ping()).toBe('0123456789');
    expect(proxy.accepted).toBe(1);
  });

  it('refuses, and listens again on the same port', async () => {
    await proxy.set({ kind: 'refuse' });
    expect(await ping()).toBe(' ECONNREFUSED');
    await proxy.set({ kind: 'none' });
    expect(await ping()).toBe('0123456789');
  });

  it('resets before anything is passed on', async () => {
    await proxy.set({ kind: 'reset' });
    expect(await ping()).toBe(' ECONNRESET');
    expect(got).toEqual([]);
  });

  it('resets after the request was passed on', async () => {
    await proxy.set({ kind: 'reset-after-request' });
    expect(await ping()).toBe(' ECONNRESET');
    expect(got).toEqual(['ping']);
  });

  it('gives half an answer', async () => {
    await proxy.set({ kind: 'half-answer', bytes: 4 });
    expect(await ping()).toBe('0123');
  });

  it('stalls until the fault changes, which cuts what is open', async () => {
    await proxy.set({ kind: 'stall' });
    const waiting = ping();
    const asked = once(server, 'connection');
    await asked;
    await proxy.set({ kind: 'none' });
    expect((await waiting).trim()).toMatch(/^(ECONNRESET)?$/);
  });
});
