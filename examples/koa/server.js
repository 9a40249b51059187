// An API with Koa: routes that require a token, and one that also requires a scope.

import Koa from 'koa';
import { protectApi } from '@monocloud/backend-node/koa';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const protect = protectApi();
const app = new Koa();

/** With a router: `router.get(path, middleware, handler)`. */
function get(path, middleware, handler) {
  app.use((ctx, next) => (ctx.path === path ? middleware(ctx, async () => handler(ctx)) : next()));
}

app.use(async (ctx, next) => {
  if (ctx.path !== '/health') return next();
  ctx.body = { status: 'ok' };
  return undefined;
});

get('/api/me', protect(), (ctx) => {
  ctx.body = { subject: ctx.state.claims.sub };
});

get('/api/report', protect({ scopes: ['report:read'] }), (ctx) => {
  ctx.body = { report: 'all is well' };
});

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
