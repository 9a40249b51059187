'use strict';

/**
 * `protectApi` for requests of `node:http` and `node:http2`: a request in, claims or a response out. A guard sends
 * nothing, never changes the request and never reads its body.
 */

/** @import { ResponseType } from './protect/response.js' */

const { isPending } = require('./client/pending.js');
const { checkMessage } = require('./protect/headers.js');
const { keepAnonymous, keepReason } = require('./protect/renewal.js');
const { admit } = require('./protect/admit.js');
const { ANONYMOUS } = require('./protect/response.js');
const { protector } = require('./protect/route.js');

/**
 * @param {any} clientOrOptions
 * @param {unknown} [options]
 * @returns {import('./node.js').ProtectNode}
 */
function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options, 'node');
  return function protect(protectOptions) {
    const route = routeOf(protectOptions);
    return async function guard(request) {
      checkMessage(request, 'a request of node:http or node:http2, such as request.raw.req in Hapi');
      /** @type {{ claims: any, headers: Record<string, string> }} */
      const auth = { claims: undefined, headers: {} };
      const pending = route.authenticate(request, request);
      const decision = isPending(pending) ? await pending : pending;
      const refusal = admit(decision, auth, auth.headers, Object.assign);
      if (refusal !== undefined) return responseOf(await route.answer(refusal, request));
      return decision === ANONYMOUS ? keepAnonymous(auth) : auth;
    };
  };
}

/** @param {ResponseType} refusal */
function responseOf({ status, headers, text, reason }) {
  const response = { status, headers: { ...headers, 'Content-Length': String(Buffer.byteLength(text)) }, body: text };
  return keepReason(response, reason);
}

module.exports = { ...require('./index.js'), protectApi };
