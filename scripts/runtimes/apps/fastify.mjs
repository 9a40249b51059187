// The Fastify example of the documents, on a free port.

import Fastify from 'fastify';
import { protectApi } from '@monocloud/backend-node/fastify';

const fastify = Fastify();

// Create the hook (reads from environment variables)
const protect = protectApi();

// Protect a route
fastify.get('/api/protected', { onRequest: protect() }, async (request) => {
  const { claims } = request;
  return { claims };
});

// Require specific scopes
fastify.get('/api/data', { onRequest: protect({ scopes: ['data:write'] }) }, async () => {
  return { message: 'data:write access granted' };
});

// Require specific groups
fastify.get('/api/team', { onRequest: protect({ groups: ['engineering'] }) }, async () => {
  return { message: 'team access granted' };
});

const url = await fastify.listen({ port: 0, host: '127.0.0.1' });
console.log(`listening ${new URL(url).port}`);
