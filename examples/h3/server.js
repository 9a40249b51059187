// An API with h3: a middleware for each protected route. Nitro has the same events.

import { protectApi } from '@monocloud/backend-node/web';
import { H3, serve } from 'h3';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const protect = protectApi();

/** A middleware that sets `event.context.claims`, or sends the response of the guard. */
function authenticated(options) {
  const guard = protect(options);
  return async (event) => {
    const auth = await guard(event.req);
    // What a middleware returns is the response. With `undefined`, the handler runs.
    if (auth instanceof Response) return auth;
    event.context.claims = auth.claims;
    auth.headers.forEach((value, name) => event.res.headers.set(name, value));
    return undefined;
  };
}

const app = new H3();

app.get('/health', () => ({ status: 'ok' }));
app.get('/api/me', (event) => ({ subject: event.context.claims.sub }), { middleware: [authenticated()] });
app.get('/api/report', () => ({ report: 'all is well' }), {
  middleware: [authenticated({ scopes: ['report:read'] })],
});

const server = serve(app, { port: Number(process.env.PORT ?? 3000), silent: true });
await server.ready();
console.log(`listening ${new URL(server.url).port}`);
