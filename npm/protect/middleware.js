'use strict';

/**
 * A route as middleware of Express 4 and 5, Connect, Polka and Restify. The middleware sends rejections itself and never
 * calls `next(error)` for one.
 */

/**
 * @import { IncomingMessage, ServerResponse } from 'node:http'
 * @import { RouteType } from './route.js'
 * @import { Headers, Outcome, ResponseType } from './response.js'
 */
/** @typedef {(error?: unknown) => void} Next */
/** @typedef {typeof import('./admit.js').admit} Admit */

const { memberOf } = require('../client/arguments.js');
const { isPending } = require('../client/pending.js');
const { admit, settled } = require('./admit.js');

/**
 * @param {RouteType} route
 * @param {Admit} admitRequest Decides whether a request may pass.
 */
function middlewareOf(route, admitRequest = admit) {
  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   * @param {Next} next
   * @returns {void | Promise<void>}
   */
  return function protectMiddleware(request, response, next) {
    if (route.letsThrough(request)) return void next();
    const decision = route.authenticate(request, request);
    if (!isPending(decision)) return finish(decision, request, response, next, admitRequest);
    const finished = finishLater(decision, request, response, next, admitRequest);
    return isOfRestify(request) ? undefined : finished;
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
 * @param {Admit} admitRequest
 */
function finish(decision, request, response, next, admitRequest) {
  const refusal = admitRequest(decision, request, response, setHeaders);
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
 * @param {Admit} admitRequest
 */
async function finishLater(pending, request, response, next, admitRequest) {
  const decision = await settled(pending);
  try {
    finish(decision, request, response, next, admitRequest);
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

module.exports = { middlewareOf };
