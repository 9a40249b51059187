'use strict';

/**
 * `protectApi` for the Fetch standard: a `Request` in, claims or a `Response` out. A guard never changes the request and
 * never reads its body.
 */

/**
 * @import { Authenticated, WebGuard } from './web.js'
 * @import { Headers as Fields, ResponseType } from './protect/response.js'
 */

const { isPending } = require('./client/pending.js');
const { checkMessage } = require('./protect/headers.js');
const { admit } = require('./protect/admit.js');
const { protector } = require('./protect/route.js');

/**
 * The claims of the requests that passed a guard.
 *
 * @type {WeakMap<Request, any>}
 */
const CLAIMS = new WeakMap();

/**
 * @param {any} clientOrOptions
 * @param {unknown} [options]
 * @returns {import('./web.js').ProtectWeb}
 */
function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options, 'web');
  return function protect(protectOptions) {
    const route = routeOf(protectOptions);
    return async function guard(request) {
      checkMessage(request, 'a Request of the Fetch standard, such as c.req.raw in Hono or event.req in h3');
      /** @type {{ claims: any, headers: Headers }} */
      const auth = { claims: undefined, headers: new Headers() };
      const decision = route.authenticate(request, request);
      const refusal = admit(isPending(decision) ? await decision : decision, auth, auth.headers, setHeaders);
      if (refusal !== undefined) return responseOf(await route.answer(refusal, request));
      CLAIMS.set(request, auth.claims);
      return auth;
    };
  };
}

/**
 * @param {WebGuard} guard
 * @param {(request: any, auth: Authenticated, ...rest: any[]) => Response | Promise<Response>} handler
 */
function withAuth(guard, handler) {
  return async function guarded(/** @type {Request} */ request, /** @type {any[]} */ ...rest) {
    /** @type {any} */
    const auth = await guard(request);
    // Only claims let a request through. Anything else is the response.
    if (!Object.hasOwn(auth, 'claims')) return auth;
    return withHeaders(await handler(request, auth, ...rest), auth.headers);
  };
}

/** @param {Request} request */
function claimsOf(request) {
  return CLAIMS.get(request);
}

/** @param {ResponseType} refusal */
function responseOf({ status, headers, text }) {
  return new Response(text, initOf({ status, statusText: '', headers: { ...headers } }));
}

/**
 * Options without inherited members, which may come from a polluted prototype.
 *
 * @param {ResponseInit} members
 * @returns {ResponseInit}
 */
function initOf(members) {
  return Object.assign(Object.create(null), members);
}

/**
 * Adds the headers that the handler did not set itself.
 *
 * @param {Response} response
 * @param {Headers} headers
 */
function withHeaders(response, headers) {
  const missing = [...headers].filter(([name]) => response?.headers?.has?.(name) === false);
  if (missing.length === 0) return response;
  try {
    setHeaders(response.headers, Object.fromEntries(missing));
    return response;
  } catch {
    // The headers of `Response.redirect()` and of a response of `fetch` cannot be changed.
    return copyOf(response, missing);
  }
}

/**
 * @param {Response} response
 * @param {[string, string][]} more
 */
function copyOf(response, more) {
  try {
    const { status, statusText, headers } = response;
    return new Response(response.body, initOf({ status, statusText, headers: [...headers, ...more] }));
  } catch {
    // No response can be made with the status of an upgrade (101) or of a network error.
    return response;
  }
}

/**
 * @param {Headers} target
 * @param {Fields} headers
 */
function setHeaders(target, headers) {
  for (const name of Object.keys(headers)) target.set(name, headers[name]);
}

module.exports = { ...require('./index.js'), claimsOf, protectApi, withAuth };
