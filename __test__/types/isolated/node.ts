// `./node` needs `@types/node` alone.
import { createServer } from 'node:http';
import { protectApi } from '@monocloud/backend-node/node';

const guard = protectApi()({ scopes: ['data:read'] });

createServer(async (request, response) => {
  const auth = await guard(request);
  if ('status' in auth) return response.writeHead(auth.status, auth.headers).end(auth.body);
  return response.writeHead(200, auth.headers).end(auth.claims.sub);
});
