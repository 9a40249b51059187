// A route handler of the app router. GET requires a token, POST also a scope.

import { protectApi, withAuth } from '@monocloud/backend-node/web';

// The edge runtime cannot load a native add-on.
export const runtime = 'nodejs';
// A response depends on its token, so Next.js must not cache it. The variables are read at run time, not by the build.
export const dynamic = 'force-dynamic';

let protect;

/** Creates the client with the first request, because `next build` loads this file without your variables. */
function guarded(options, handler) {
  let handle;
  return (request, context) => {
    protect ??= protectApi();
    handle ??= withAuth(protect(options), handler);
    return handle(request, context);
  };
}

const posts = [];

export const GET = guarded({}, (request, { claims }) => Response.json({ subject: claims.sub, posts }));

export const POST = guarded({ scopes: ['posts:write'] }, async (request, { claims }) => {
  const { text } = await request.json();
  posts.push({ author: claims.sub, text: String(text) });
  return Response.json(posts.at(-1), { status: 201 });
});
