'use strict';

/** `protectApi` for Express 4 and 5. Sends refusals itself; never `next(error)` for one. */

const { isPending } = require('./client/pending.js');
const { admit, protector } = require('./protect/route.js');
const { INTERNAL } = require('./protect/response.js');

function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options);
  return function protect(protectOptions) {
    const route = routeOf(protectOptions);
    return function protectMiddleware(request, response, next) {
      if (route.letsThrough(request)) return void next();
      const decision = route.decide(request, request);
      return isPending(decision) ? finishLater(decision, request, response, next) : finish(decision, request, response, next);
    };
  };
}

/** Throws nothing but what `next` throws. */
function finish(decision, request, response, next) {
  const refusal = admit(decision, request);
  if (refusal === undefined) next();
  else send(refusal, response);
}

/** Express 4 does not look at the promise that a middleware gives: a rejection nobody handles would end the process. */
async function finishLater(pending, request, response, next) {
  const decision = await pending.then((decided) => decided, () => INTERNAL);
  try {
    finish(decision, request, response, next);
  } catch (error) {
    // What `next` throws is the application's, as it is when a handler throws. A `next` without a parameter is not
    // one of Express and could do its work twice: then whoever waits for the promise is told.
    if (next.length === 0) throw error;
    next(error);
  }
}

function send({ status, headers, text }, response) {
  // Somebody answered while the decision was on its way: a timeout, the resolver.
  if (response.headersSent) return;
  try {
    response.statusCode = status;
    for (const name of Object.keys(headers)) response.setHeader(name, headers[name]);
    response.setHeader('Content-Length', Buffer.byteLength(text));
    response.end(text);
  } catch {
    // A response that cannot be written any more (an HTTP/2 stream that was closed) is given up, and nobody let in.
    response.destroy?.();
  }
}

module.exports = { ...require('./index.js'), protectApi };
