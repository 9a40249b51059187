// APIs that know more than the documents' first examples: over HTTPS, where the
// caller's certificate is seen, and with a cache.

import express from 'express';
import Fastify from 'fastify';
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { protectApi as protectExpress } from '@monocloud/backend-node/express';
import { protectApi as protectFastify } from '@monocloud/backend-node/fastify';

const BOUND = { validateCertificateBinding: true };
const WRITE = { scopes: ['data:write'] };

export function secureExpress() {
  const protect = protectExpress(cachingClient(), {
    certificateResolver: async (request) => callerCertificate(request.socket),
  });
  const app = express();
  app.get('/api/secure', protect(BOUND), (request, response) => response.json(request.claims));
  app.get('/api/protected', protect(), (request, response) => response.json(request.claims));
  app.get('/api/data', protect(WRITE), (request, response) => response.json(request.claims));
  return app;
}

export function secureFastify(tls) {
  const protect = protectFastify(cachingClient(), {
    certificateResolver: async (request) => callerCertificate(request.raw.socket),
  });
  const fastify = Fastify({ https: tls });
  fastify.get('/api/secure', { onRequest: protect(BOUND) }, async (request) => request.claims);
  fastify.get('/api/protected', { onRequest: protect() }, async (request) => request.claims);
  fastify.get('/api/data', { onRequest: protect(WRITE) }, async (request) => request.claims);
  return fastify;
}

/** All but the cache comes from the environment. */
function cachingClient() {
  const entries = new Map();
  return new MonoCloudBackendNodeClient({
    cache: {
      get: async (token) => entries.get(token),
      set: async (token, claims) => void entries.set(token, claims),
      delete: async (token) => void entries.delete(token),
    },
  });
}

/** PEM of the certificate with which the caller opened the connection, if any. */
const callerCertificate = (socket) => socket.getPeerX509Certificate()?.toString();
