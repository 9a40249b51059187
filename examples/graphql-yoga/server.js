// A GraphQL API: every operation requires a token, one field also a scope.

import { serve } from '@hono/node-server';
import { protectApi, withAuth } from '@monocloud/backend-node/web';
import { createGraphQLError, createSchema, createYoga } from 'graphql-yoga';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const protect = protectApi();

/** A resolver with requirements of its own. The guard gets the same request, so a DPoP proof counts once. */
function needs(options, resolve) {
  const guard = protect(options);
  return async (parent, args, context) => {
    const auth = await guard(context.incoming);
    if (auth instanceof Response) throw errorOf(auth);
    return resolve(parent, args, context);
  };
}

/** Yoga sends the status and the headers of `extensions.http`. */
function errorOf(response) {
  const names = ['WWW-Authenticate', 'Retry-After', 'DPoP-Nonce'].filter((name) => response.headers.has(name));
  const headers = Object.fromEntries(names.map((name) => [name, response.headers.get(name)]));
  const message = { 403: 'forbidden', 503: 'service unavailable' }[response.status] ?? 'unauthorized';
  return createGraphQLError(message, { extensions: { http: { status: response.status, headers } } });
}

const yoga = createYoga({
  logging: false,
  schema: createSchema({
    typeDefs: 'type Query { me: String!, report: String }',
    resolvers: {
      Query: {
        me: (parent, args, { claims }) => claims.sub,
        report: needs({ scopes: ['report:read'] }, () => 'all is well'),
      },
    },
  }),
});

// Without a token, Yoga never sees the request. Otherwise the context has the claims.
const fetch = withAuth(protect(), (request, { claims }) => yoga.fetch(request, { incoming: request, claims }));

serve({ fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => console.log(`listening ${port}`));
