// `./cache` and `./certificates`.
import { Cluster, Redis } from 'ioredis';
import { createClient, createClientPool, createCluster } from 'redis';
import { MonoCloudBackendNodeClient, type ICache, type IReplayStore } from '@monocloud/backend-node';
import { memoryCache, redisCache, redisReplayStore, type IoRedisClient } from '@monocloud/backend-node/cache';
import {
  fromAlb,
  fromClientCert,
  fromHeader,
  fromSocket,
  fromXfcc,
  type CertificateRequest,
} from '@monocloud/backend-node/certificates';
import type { Request } from 'express';
import type { FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';

// --- caches ---

const caches: ICache[] = [
  memoryCache(),
  memoryCache({ maxEntries: 100 }),
  memoryCache({ maxEntries: 100, maxBytes: 1e6 }),
  redisCache(createClient()),
  redisCache(createClient({ url: 'redis://localhost', RESP: 3 }), { prefix: 'api:' }),
  redisCache(createClientPool()),
  redisCache(createCluster({ rootNodes: [] })),
  redisCache(new Redis()),
  redisCache(new Cluster([])),
  redisCache({ call: async (command: string, ...args: string[]) => [command, ...args] } satisfies IoRedisClient),
  redisCache({ customCommand: async (args: (string | Buffer)[]) => args }),
];
new MonoCloudBackendNodeClient({ cache: memoryCache() });
// @ts-expect-error must be a number
memoryCache({ maxEntries: '100' });
// @ts-expect-error must be the application's client, not its address
redisCache('redis://localhost');
// @ts-expect-error not a client: it has no `set`
redisCache(new Map<string, string>());

// --- DPoP ---

const replayStores: IReplayStore[] = [
  redisReplayStore(createClient()),
  redisReplayStore(createClient({ url: 'redis://localhost', RESP: 3 }), { prefix: 'api:' }),
  redisReplayStore(createClientPool()),
  redisReplayStore(createCluster({ rootNodes: [] })),
  redisReplayStore(new Redis()),
  redisReplayStore(new Cluster([])),
  redisReplayStore({ customCommand: async (args: (string | Buffer)[]) => args }),
  { add: async (id: string, expiresAt: number) => id.length > expiresAt },
];
new MonoCloudBackendNodeClient({
  validateDPoPBinding: 'required',
  publicUrl: ['https://api.example.com', 'https://api.example.com/svc1'],
  dpop: {
    algorithms: ['ES256', 'Ed25519'],
    maxAge: 60,
    leeway: 30,
    nonce: 'when_stale',
    nonceSecret: process.env['SECRET'],
    nonceRotation: 60,
    replayCacheSize: 1024,
    replayStore: replayStores[0],
    replayStoreFailure: 'refuse',
  },
});
// @ts-expect-error HS256 is symmetric
new MonoCloudBackendNodeClient({ dpop: { algorithms: ['HS256'] } });
// @ts-expect-error `add` resolves with a boolean
new MonoCloudBackendNodeClient({ dpop: { replayStore: { add: async () => 'OK' } } });
// @ts-expect-error must be the application's client, not its address
redisReplayStore('redis://localhost');

// --- certificates ---

async function resolve(
  express: Request,
  fastify: FastifyRequest,
  http: IncomingMessage,
  http2: Http2ServerRequest,
): Promise<void> {
  for (const resolver of [fromAlb(), fromClientCert(), fromHeader('x-client-cert'), fromSocket(), fromXfcc()]) {
    const certificate: string | null | undefined = await resolver(express);
    console.log(certificate, await resolver(fastify), await resolver(http), await resolver(http2));
  }
}
// @ts-expect-error a header needs a name
fromHeader();
const request: CertificateRequest = { headers: { 'client-cert': ':AA==:' }, socket: {} };

export { caches, replayStores, request, resolve };
