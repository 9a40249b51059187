'use strict';

/** `protectApi` for Fastify 4 and 5: an `onRequest` hook. Sends its answer and returns the reply. */

const { protector } = require('./protect.js');
const { Reply } = require('./reply.js');

function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options);
  return function protect(protectOptions) {
    const route = routeOf(protectOptions);
    // Two parameters: Fastify takes it for a hook that returns a promise, or nothing when it is done.
    return async function protectHook(request, reply) {
      const pending = route.decide(request, request.raw);
      const decision = pending instanceof Promise ? await pending : pending;
      if (!(decision instanceof Reply)) {
        request.claims = decision;
        return undefined;
      }
      if (reply.sent) return reply;
      return reply.status(decision.status).headers(decision.headers).send(decision.body);
    };
  };
}

module.exports = { ...require('./index.js'), protectApi };
