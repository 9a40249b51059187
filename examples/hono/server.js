// An API with Hono: a middleware for each protected route.

import { serve } from '@hono/node-server';
import { protectApi } from '@monocloud/backend-node/web';
import { Hono } from 'hono';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const protect = protectApi();

/** A middleware that sets `c.get('claims')`, or sends the response of the guard. */
function authenticated(options) {
  const guard = protect(options);
  return async (c, next) => {
    const auth = await guard(c.req.raw);
    if (auth instanceof Response) return auth;
    c.set('claims', auth.claims);
    await next();
    auth.headers.forEach((value, name) => c.header(name, value));
    return undefined;
  };
}

const app = new Hono();

app.get('/health', (c) => c.json({ status: 'ok' }));
app.get('/api/me', authenticated(), (c) => c.json({ subject: c.get('claims').sub }));
app.get('/api/report', authenticated({ scopes: ['report:read'] }), (c) => c.json({ report: 'all is well' }));

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => console.log(`listening ${port}`));
