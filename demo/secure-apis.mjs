// APIs with more features than the documents' first examples: HTTPS, a client certificate from the connection, a cache,
// and DPoP nonces.

import express from 'express';
import Fastify from 'fastify';
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';
import { fromSocket } from '@monocloud/backend-node/certificates';
import { protectApi as protectExpress } from '@monocloud/backend-node/express';
import { protectApi as protectFastify } from '@monocloud/backend-node/fastify';

const BOUND = { validateCertificateBinding: true };
const WRITE = { scopes: ['data:write'] };

export function secureExpress() {
  const protect = protectExpress(cachingClient(), { certificateResolver: fromSocket() });
  const app = express();
  app.get('/api/secure', protect(BOUND), (request, response) => response.json(request.claims));
  app.get('/api/protected', protect(), (request, response) => response.json(request.claims));
  app.get('/api/data', protect(WRITE), (request, response) => response.json(request.claims));
  return app;
}

export function secureFastify(tls) {
  const protect = protectFastify(cachingClient(), { certificateResolver: fromSocket() });
  const fastify = Fastify({ https: tls });
  fastify.get('/api/secure', { onRequest: protect(BOUND) }, async (request) => request.claims);
  fastify.get('/api/protected', { onRequest: protect() }, async (request) => request.claims);
  fastify.get('/api/data', { onRequest: protect(WRITE) }, async (request) => request.claims);
  return fastify;
}

/** APIs that accept only tokens with a DPoP proof, and ask for a nonce in each proof (RFC 9449 §9). */
export function nonceExpress() {
  const protect = protectExpress(nonceClient());
  const app = express();
  app.get('/api/protected', protect(), (request, response) => response.json(request.claims));
  return app;
}

export function nonceFastify() {
  const protect = protectFastify(nonceClient());
  const fastify = Fastify();
  fastify.get('/api/protected', { onRequest: protect() }, async (request) => request.claims);
  return fastify;
}

const nonceClient = () =>
  new MonoCloudBackendNodeClient({ validateDPoPBinding: 'required', dpop: { nonce: 'required' } });

/** Everything except the cache comes from the environment. */
const cachingClient = () => new MonoCloudBackendNodeClient({ cache: memoryCache() });
