'use strict';

/** `protectApi` for Express 4 and 5. Answers itself; never `next(error)`. */

const { protector } = require('./protect.js');
const { Reply } = require('./reply.js');

function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options);
  return function protect(protectOptions) {
    const route = routeOf(protectOptions);
    return function protectMiddleware(request, response, next) {
      const decision = route.decide(request, request);
      if (!(decision instanceof Promise)) return finish(decision, request, response, next);
      // What `next` throws is the application's: it stays out of this promise's own handling.
      return decision.then((decided) => finish(decided, request, response, next));
    };
  };
}

function finish(decision, request, response, next) {
  if (!(decision instanceof Reply)) {
    request.claims = decision;
    next();
    return;
  }
  // Somebody answered while the decision was on its way: a timeout, the resolver.
  if (response.headersSent) return;
  response.statusCode = decision.status;
  for (const [name, value] of Object.entries(decision.headers)) response.setHeader(name, value);
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(decision.text);
}

module.exports = { ...require('./index.js'), protectApi };
