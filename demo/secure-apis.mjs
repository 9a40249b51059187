// APIs with more features than the documents' first examples: HTTPS, a client certificate from the connection, and a
// cache.

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

/** Everything except the cache comes from the environment. */
const cachingClient = () => new MonoCloudBackendNodeClient({ cache: memoryCache() });
