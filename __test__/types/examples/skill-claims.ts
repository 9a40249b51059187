// The skill's example "After the hook runs, request.claims is populated. Cast the request".
import Fastify from 'fastify';
import { protectApi } from '@monocloud/backend-node/fastify';

const fastify = Fastify();
const protect = protectApi();

import type { AuthenticatedFastifyRequest } from '@monocloud/backend-node/fastify';
fastify.get('/api/me', { onRequest: protect() }, async (request) => {
  const { claims } = request as AuthenticatedFastifyRequest;
  return claims;
});
