'use strict';

/** `protectApi` for Fastify 4 and 5: an `onRequest` hook. It sends rejections itself and returns the reply. */

/**
 * @import { Headers, ResponseType } from './protect/response.js'
 */

const { isPending } = require('./client/pending.js');
const { admit } = require('./protect/admit.js');
const { protector } = require('./protect/route.js');

/**
 * @param {any} clientOrOptions
 * @param {unknown} [options]
 * @returns {import('./fastify.js').ProtectHook}
 */
function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options, 'fastify');
  return function protect(protectOptions) {
    const route = routeOf(protectOptions);
    // With two parameters, Fastify treats the function as an async hook.
    return async function protectHook(/** @type {any} */ request, /** @type {any} */ reply) {
      if (route.letsThrough(request.raw)) return undefined;
      const pending = route.authenticate(request.raw, request);
      const refusal = admit(isPending(pending) ? await pending : pending, request, reply, setHeaders);
      if (refusal === undefined) return undefined;
      return reply.sent ? reply : send(refusal, reply);
    };
  };
}

/**
 * The body is text already. Fastify does not serialize text, so the route's response schemas, serializers and
 * `preSerialization` hooks never see it. `asItIs` replaces a serializer that a hook may have set for this reply.
 *
 * The reply goes through `send`, so earlier headers (CORS, cookies), `onSend` hooks (rate limits, compression) and
 * `onResponse` hooks (logs) work as for every reply. `reply.hijack()` would skip them.
 *
 * @param {ResponseType} refusal
 * @param {any} reply
 */
function send({ status, headers, text }, reply) {
  return setHeaders(reply.status(status), headers).serializer(asItIs).send(text);
}

/**
 * @param {any} reply
 * @param {Headers} headers
 */
const setHeaders = (reply, headers) => reply.headers(headers);

/** @param {string} text */
const asItIs = (text) => text;

module.exports = { ...require('./index.js'), protectApi };
