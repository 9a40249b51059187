'use strict';

/**
 * `protectApi` for Express 4 and 5, Connect, Polka and Restify. The middleware sends rejections itself and never calls
 * `next(error)` for one.
 */

/**
 * @import { IncomingMessage, ServerResponse } from 'node:http'
 * @import { Outcome } from './protect/route.js'
 * @import { Headers, ResponseType } from './protect/response.js'
 */
/** @typedef {(error?: unknown) => void} Next */

const { memberOf } = require('./client/arguments.js');
const { isPending } = require('./client/pending.js');
const { admit, protector, settled } = require('./protect/route.js');

/**
 * @param {any} clientOrOptions
 * @param {unknown} [options]
 * @returns {import('./express.js').ProtectMiddleware}
 */
function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options, 'express');
  return function protect(protectOptions) {
    const route = routeOf(protectOptions);
    return function protectMiddleware(request, response, next) {
      if (route.letsThrough(request)) return void next();
      const decision = route.authenticate(request, request);
      if (!isPending(decision)) return finish(decision, request, response, next);
      const finished = finishLater(decision, request, response, next);
      return isOfRestify(request) ? undefined : finished;
    };
  };
}

/**
 * Restify calls `next` itself when a returned promise resolves. It would run the route of a rejected request, and that of
 * an accepted one twice.
 *
 * @param {any} request
 */
function isOfRestify(request) {
  return typeof memberOf(request, 'startHandlerTimer') === 'function';
}

/**
 * Throws only what `next` throws.
 *
 * @param {Outcome} decision
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 * @param {Next} next
 */
function finish(decision, request, response, next) {
  const refusal = admit(decision, request, response, setHeaders);
  if (refusal === undefined) next();
  else send(refusal, response);
}

/**
 * Express 4 ignores the promise that a middleware returns, so a rejection would be unhandled and end the process.
 *
 * @param {Promise<Outcome>} pending
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 * @param {Next} next
 */
async function finishLater(pending, request, response, next) {
  const decision = await settled(pending);
  try {
    finish(decision, request, response, next);
  } catch (error) {
    // An error of `next` belongs to the application, as if a handler had thrown it. A `next` without parameters is
    // not Express's own, and a second call could do its work twice. In this case the promise rejects.
    if (next.length === 0) throw error;
    next(error);
  }
}

/**
 * @param {ResponseType} refusal
 * @param {ServerResponse} response
 */
function send({ status, headers, text }, response) {
  // Another part of the application, such as a timeout, may have sent a response already.
  if (response.headersSent) return;
  try {
    response.statusCode = status;
    setHeaders(response, headers);
    response.setHeader('Content-Length', Buffer.byteLength(text));
    response.end(text);
  } catch {
    // The response cannot be written any more (a closed HTTP/2 stream). It is destroyed, and the route does not run.
    response.destroy?.();
  }
}

/**
 * @param {ServerResponse} response
 * @param {Headers} headers
 */
function setHeaders(response, headers) {
  for (const name of Object.keys(headers)) response.setHeader(name, headers[name]);
}

module.exports = { ...require('./index.js'), protectApi };
