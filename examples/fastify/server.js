// An API with Fastify: routes that are protected one by one, and a plugin that is protected as a whole.

import Fastify from 'fastify';
import { protectApi } from '@monocloud/backend-node/fastify';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const protect = protectApi();
const posts = new Map();

const fastify = Fastify();
// Declared once, so that every request object has the same shape.
fastify.decorateRequest('claims', null);

fastify.get('/api/me', { onRequest: protect() }, async (request) => ({ subject: request.claims.sub }));

fastify.post('/api/posts', { onRequest: protect({ scopes: ['posts:write'] }) }, async (request, reply) => {
  const id = String(posts.size + 1);
  posts.set(id, { id, author: request.claims.sub, text: String(request.body?.text ?? '') });
  return reply.status(201).send(posts.get(id));
});

// Every route in this plugin requires the group.
fastify.register(
  async (admin) => {
    admin.addHook('onRequest', protect({ groups: ['admin'] }));
    admin.delete('/posts/:id', async (request, reply) =>
      reply.status(posts.delete(request.params.id) ? 204 : 404).send(),
    );
  },
  { prefix: '/api/admin' },
);

const url = await fastify.listen({ port: Number(process.env.PORT ?? 3000), host: process.env.HOST ?? '127.0.0.1' });
console.log(`listening ${new URL(url).port}`);
