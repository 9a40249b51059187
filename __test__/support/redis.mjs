// How does a test start a real Redis?
//
// `redis-server` of this machine, on a free port of loopback, without persistence.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';

import { Redis } from 'ioredis';
import { createClient, createClientPool, RESP_TYPES } from 'redis';

import { open } from './http.mjs';
import { needsCommand } from './suite.mjs';

const ATTEMPTS = 5;

/** Why Redis is missing, for `describeWhere`; `false` if it is present. */
export const unavailable = needsCommand('redis-server');

/**
 * The libraries by name. Each creates `{ client, close }` at `port`, as users do; `close` also works without a
 * server.
 */
export const LIBRARIES = {
  'node-redis': async (port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: 20 } });
    client.on('error', () => {});
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  'a node-redis pool': async (port) => {
    const client = createClientPool({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: 20 } });
    client.on('error', () => {});
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  ioredis: async (port) => {
    const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20 });
    client.on('error', () => {});
    return { client, close: () => client.disconnect() };
  },
};

/** The libraries, and two more forms of a client that an application may pass. */
export const CLIENTS = {
  ...LIBRARIES,
  'the commands of Valkey GLIDE': async (port) => {
    const { client, close } = await LIBRARIES.ioredis(port);
    return { client: { customCommand: ([command, ...parts]) => client.call(command, ...parts) }, close };
  },
  'node-redis with buffers for replies': async (port) => {
    const { client, close } = await LIBRARIES['node-redis'](port);
    const types = { [RESP_TYPES.SIMPLE_STRING]: Buffer, [RESP_TYPES.BLOB_STRING]: Buffer };
    return { client: client.withTypeMapping(types), close };
  },
};

/**
 * Starts a Redis for the tests of one suite, and empties it before each. `admin` is a client of the tests themselves.
 * `connect(name)` makes one of `CLIENTS`, which ends with its test, as everything in `closers` does.
 */
export function redisOfSuite() {
  const suite = { admin: undefined, closers: [], connect, port: undefined };
  let redis;
  before(async () => {
    redis = await startRedis();
    suite.port = redis.port;
    suite.admin = await createClient({ url: `redis://127.0.0.1:${redis.port}` }).connect();
  });
  after(async () => {
    suite.admin?.destroy();
    await redis?.close();
  });
  beforeEach(() => suite.admin.flushAll());
  afterEach(async () => {
    while (suite.closers.length > 0) await suite.closers.pop()();
  });

  async function connect(name, port = suite.port) {
    const { client, close } = await CLIENTS[name](port);
    suite.closers.push(close);
    return client;
  }
  return suite;
}

/**
 * Returns `{ port, close }`. `isCluster`: a cluster of this one node, without slots at first. If another process
 * takes the port, another one is tried.
 */
export async function startRedis({ isCluster = false } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const cluster = {
        'cluster-enabled': 'yes',
        'cluster-port': await freePort(),
        'cluster-announce-ip': '127.0.0.1',
      };
      return await startAt(await freePort(), isCluster ? cluster : {});
    } catch (error) {
      if (attempt === ATTEMPTS || !isInstalled) throw error;
    }
  }
}

async function startAt(port, others) {
  const directory = await mkdtemp(join(tmpdir(), 'monocloud-redis-'));
  const options = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: directory, ...others };
  const server = spawn(
    'redis-server',
    Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
  );
  const exited = new Promise((resolve) => {
    server.once('error', resolve);
    server.once('exit', resolve);
  });
  const close = async () => {
    server.kill('SIGKILL');
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  const output = [];
  const ready = new Promise((resolve) => {
    server.stdout.on('data', (chunk) => {
      output.push(chunk);
      if (Buffer.concat(output).includes('Ready to accept connections')) resolve(true);
    });
  });
  if ((await Promise.race([ready, exited])) !== true) {
    await close();
    throw new Error(`redis-server did not start: ${Buffer.concat(output)}`);
  }
  return { port, close };
}

async function freePort() {
  const server = await open(net.createServer(), { port: 0, host: '127.0.0.1' });
  const { port } = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
