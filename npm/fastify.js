'use strict';

/** `protectApi` for Fastify 4 and 5: an `onRequest` hook. Sends its answer and returns the reply. */

const { isPending } = require('./client/pending.js');
const { admit, protector } = require('./protect/route.js');

function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options);
  return function protect(protectOptions) {
    const route = routeOf(protectOptions);
    // Two parameters: Fastify takes it for a hook that returns a promise, or nothing when it is done.
    return async function protectHook(request, reply) {
      if (route.letsThrough(request.raw)) return undefined;
      const pending = route.decide(request, request.raw);
      const refusal = admit(isPending(pending) ? await pending : pending, request);
      if (refusal === undefined) return undefined;
      return reply.sent ? reply : send(refusal, reply);
    };
  };
}

/**
 * A refusal is text already. Fastify serializes no text, so the route's response schemas and serializers and
 * `preSerialization` hooks never see it; `asItIs` stands where a hook may have put a serializer for this reply alone.
 * It still goes through `send`: headers that were set before (CORS, cookies), `onSend` hooks (rate limits, compression)
 * and `onResponse` hooks (logs) are as for every reply. `reply.hijack()` would lose them.
 */
function send({ status, headers, text }, reply) {
  return reply.status(status).headers(headers).serializer(asItIs).send(text);
}

const asItIs = (text) => text;

module.exports = { ...require('./index.js'), protectApi };
