// The documents' Fastify API, unchanged except for `listen`.

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

export default fastify;
