// A tRPC API: every procedure requires a token, `report` also a scope.

import { serve } from '@hono/node-server';
import { protectApi, withAuth } from '@monocloud/backend-node/web';
import { TRPCError, initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const protect = protectApi();
const t = initTRPC.context().create();

const CODES = { 400: 'BAD_REQUEST', 401: 'UNAUTHORIZED', 403: 'FORBIDDEN', 503: 'SERVICE_UNAVAILABLE' };

/** A procedure with requirements of its own. The guard gets the same request, so a DPoP proof counts once. */
function procedure(options) {
  const guard = protect(options);
  return t.procedure.use(async ({ ctx, next }) => {
    const auth = await guard(ctx.request);
    if (!(auth instanceof Response)) return next();
    ctx.refusal = auth;
    throw new TRPCError({ code: CODES[auth.status] ?? 'INTERNAL_SERVER_ERROR' });
  });
}

const router = t.router({
  me: t.procedure.query(({ ctx }) => ({ subject: ctx.claims.sub })),
  report: procedure({ scopes: ['report:read'] }).query(() => ({ report: 'all is well' })),
});

/** The challenge of the guard. */
function responseMeta({ ctx }) {
  const names = ['WWW-Authenticate', 'Retry-After', 'DPoP-Nonce'];
  const headers = names.map((name) => [name, ctx?.refusal?.headers.get(name)]);
  return { headers: new Headers(headers.filter(([, value]) => value)) };
}

// Without a token, tRPC never sees the request. Otherwise the context has the claims.
const fetch = withAuth(protect(), (request, { claims }) =>
  fetchRequestHandler({
    endpoint: '/trpc',
    req: request,
    router,
    createContext: () => ({ request, claims }),
    responseMeta,
  }),
);

serve({ fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => console.log(`listening ${port}`));
