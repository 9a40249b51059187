// The `handle` hook: every route requires a token, except those that are listed as public.

import { protectApi } from '@monocloud/backend-node/web';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const protect = protectApi();
const authenticated = protect();
// By the id of the route, which is its folder. A path can be spelled in several ways, such as /%61pi/me.
const GUARDS = { '/api/report': protect({ scopes: ['report:read'] }) };
const PUBLIC = ['/health'];

export async function handle({ event, resolve }) {
  const { id } = event.route;
  // In a remote function, the caller chooses the route.
  if (PUBLIC.includes(id) && !event.isRemoteRequest) return resolve(event);
  const guard = Object.hasOwn(GUARDS, id) ? GUARDS[id] : authenticated;
  const auth = await guard(event.request);
  if (auth instanceof Response) return auth;
  event.locals.claims = auth.claims;
  const response = await resolve(event);
  auth.headers.forEach((value, name) => response.headers.set(name, value));
  return response;
}
