// `./cache` and `./certificates`.
import { Cluster, Redis } from 'ioredis';
import { createClient, createClientPool, createCluster } from 'redis';
import {
  MonoCloudBackendNodeClient,
  MonoCloudOidcBackendClient,
  type ICache,
  type IReplayStore,
  type IRevocationStore,
  type MonoCloudReason,
  type RevocationKey,
  type RevocationOptions,
  type RevocationStore,
} from '@monocloud/backend-node';
import {
  memoryCache,
  memoryRevocationStore,
  redisCache,
  redisReplayStore,
  redisRevocationStore,
  type IoRedisClient,
} from '@monocloud/backend-node/cache';
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

// --- revocation ---

const revocationStores: RevocationStore[] = [
  memoryRevocationStore(),
  memoryRevocationStore({ maxEntries: 100, maxTtl: 3600 }),
  redisRevocationStore(createClient()),
  redisRevocationStore(createClient({ url: 'redis://localhost', RESP: 3 }), { prefix: 'api:', maxTtl: 3600 }),
  redisRevocationStore(createClientPool()),
  redisRevocationStore(createCluster({ rootNodes: [] })),
  redisRevocationStore(new Redis()),
  redisRevocationStore(new Cluster([])),
  redisRevocationStore({ customCommand: async (args: (string | Buffer)[]) => args }),
];
const ownStores: IRevocationStore[] = [
  { cutoff: () => undefined },
  { cutoff: async ({ issuer, kind, value }) => (kind === 'sub' && issuer === value ? Date.now() / 1000 : null) },
  { cutoff: () => 0, cutoffs: async (keys) => keys.map(({ kind }) => (kind === 'jti' ? 1 : undefined)) },
  ...revocationStores,
];
const revocation: RevocationOptions = {
  store: memoryRevocationStore(),
  kinds: ['sid', 'sub'],
  onFailure: 'allow',
  requireIat: true,
};
new MonoCloudBackendNodeClient({ revocation });
new MonoCloudOidcBackendClient('acme.us.monocloud.com', 'https://api.example.com', { revocation });
const key: RevocationKey = { issuer: 'https://acme.us.monocloud.com', kind: 'sub', value: 'user-1' };
const revoked: Promise<void>[] = revocationStores.flatMap((store) => [
  store.revoke(key),
  store.revoke(key, {}),
  store.revoke(key, { at: Date.now() / 1000, ttl: 3600 }),
]);
const revocationReasons: MonoCloudReason[] = ['revoked', 'revocation_store_failed'];
// @ts-expect-error there is no revocation by user name
void memoryRevocationStore().revoke({ ...key, kind: 'username' });
// @ts-expect-error `cutoff` returns seconds
new MonoCloudBackendNodeClient({ revocation: { store: { cutoff: () => new Date() } } });
// @ts-expect-error a store is needed
new MonoCloudBackendNodeClient({ revocation: { kinds: ['sub'] } });
// @ts-expect-error must be the application's client, not its address
redisRevocationStore('redis://localhost');

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

export { caches, ownStores, replayStores, request, resolve, revocationReasons, revoked };
