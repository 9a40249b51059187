// The skill's opening example. An ECMAScript module in every consumer, because it uses top-level `await`.
import Fastify from 'fastify';
import { protectApi, type AuthenticatedFastifyRequest } from '@monocloud/backend-node/fastify';
const fastify = Fastify();
// Reads MONOCLOUD_BACKEND_* env vars. Build it once and reuse.
const protect = protectApi();
// Bare protection — any valid token works
fastify.get('/api/me', { onRequest: protect() }, async (request) => {
  const { claims } = request as AuthenticatedFastifyRequest;
  return { sub: claims.sub };
});
// Scope-gated
fastify.post('/api/posts', { onRequest: protect({ scopes: ['posts:write'] }) }, async (request, reply) => {
  reply.code(201);
});
// Group-gated
fastify.delete('/api/posts/:id', { onRequest: protect({ groups: ['admin'] }) }, async (request, reply) => {
  reply.code(204);
});
await fastify.listen({ port: 3000 });
