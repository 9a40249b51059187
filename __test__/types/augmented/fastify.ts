// The skill's section "Alternatively, declare a module augmentation to avoid casting". The augmentation applies to a
// whole program, so this file has its own folder.
import type { AccessTokenClaims } from '@monocloud/backend-node';
declare module 'fastify' {
  interface FastifyRequest {
    claims?: AccessTokenClaims;
  }
}

import Fastify from 'fastify';
import { protectApi, type AuthenticatedFastifyRequest } from '@monocloud/backend-node/fastify';

const fastify = Fastify();
const protect = protectApi();

fastify.get('/api/me', { onRequest: protect() }, async (request) => request.claims?.sub.length);
fastify.get('/api/cast', { onRequest: protect() }, async (request) => {
  const { claims } = request as AuthenticatedFastifyRequest;
  return claims.sub.length;
});
