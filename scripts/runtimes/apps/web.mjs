// The routes of the Express example under the runtime's own server, `Bun.serve` or `Deno.serve`, on a free port.

import { protectApi, withAuth } from '@monocloud/backend-node/web';

/* global Bun, Deno */

// Create the guard factory (reads from environment variables)
const protect = protectApi();

const routes = {
  '/api/protected': withAuth(protect(), (_request, { claims }) => Response.json({ claims })),
  '/api/data': withAuth(protect({ scopes: ['data:write'] }), () => Response.json({ message: 'access granted' })),
  '/api/team': withAuth(protect({ groups: ['engineering'] }), () => Response.json({ message: 'access granted' })),
};

const fetch = (request) => routes[new URL(request.url).pathname]?.(request) ?? new Response(null, { status: 404 });
const address = { port: 0, hostname: '127.0.0.1' };

if (typeof Bun === 'object') {
  console.log(`listening ${Bun.serve({ ...address, fetch }).port}`);
} else {
  Deno.serve({ ...address, onListen: ({ port }) => console.log(`listening ${port}`) }, fetch);
}
