'use strict';

/** `protectApi` for Fastify 4 and 5: an `onRequest` hook. It sends rejections itself and returns the reply. */

/**
 * @import { RefusalsType } from './protect/refusal.js'
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
      const pending = route.authenticate(request.raw, request);
      const refusal = admit(isPending(pending) ? await pending : pending, request, reply, setHeaders);
      if (refusal === undefined) return undefined;
      if (reply.sent) return reply;
      return route.refusals === undefined ? send(refusal, reply) : answer(route.refusals, refusal, request, reply);
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
 * `onRefused` may send a response that `reply.sent` does not show yet, because an `onSend` hook or a stream delays it.
 *
 * @param {RefusalsType} refusals
 * @param {ResponseType} refusal
 * @param {any} request
 * @param {any} reply
 */
async function answer(refusals, refusal, request, reply) {
  const original = reply.send;
  let isSent = false;
  reply.send = function send(/** @type {any[]} */ ...args) {
    isSent = true;
    return original.apply(this, args);
  };
  const answered = await refusals.answer(refusal, request, reply, () => {
    reply.send = original;
    return isSent || reply.sent;
  });
  reply.send = original;
  if (answered === undefined) return reply;
  if (!(answered instanceof Error)) return send(answered, reply);
  setHeaders(reply, answered.headers);
  throw answered;
}

/**
 * @param {any} reply
 * @param {Headers} headers
 */
const setHeaders = (reply, headers) => reply.headers(headers);

/** @param {string} text */
const asItIs = (text) => text;

module.exports = { ...require('./index.js'), protectApi };
