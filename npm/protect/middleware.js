'use strict';

/**
 * A route as middleware of Express 4 and 5, Connect, Polka and Restify. The middleware sends rejections itself and never
 * calls `next(error)` for one, unless the application sets `delegate`.
 */

/**
 * @import { IncomingMessage, ServerResponse } from 'node:http'
 * @import { Answer, RefusalErrorType, RefusalsType } from './refusal.js'
 * @import { RouteType } from './route.js'
 * @import { Headers, Outcome, ResponseType } from './response.js'
 */
/** @typedef {(error?: unknown) => void} Next */
/** @typedef {typeof import('./admit.js').admit} Admit */
/** @typedef {(refusal: ResponseType, request: any, response: ServerResponse, next: Next) => void | Promise<void>} Refuse */
/** @typedef {{ admitRequest: Admit, refuse: Refuse }} Guard What becomes of a decision. */

const { memberOf } = require('../client/arguments.js');
const { isPending } = require('../client/pending.js');
const { admit, settled } = require('./admit.js');
const { Response } = require('./response.js');

/**
 * @param {RouteType} route
 * @param {Admit} admitRequest Decides whether a request may pass.
 */
function middlewareOf(route, admitRequest = admit) {
  const { refusals } = route;
  const guard = { admitRequest, refuse: refusals === undefined ? refuse : refuserOf(refusals) };
  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   * @param {Next} next
   * @returns {void | Promise<void>}
   */
  return function protectMiddleware(request, response, next) {
    const decision = route.authenticate(request, request);
    const finished = isPending(decision)
      ? finishLater(decision, request, response, next, guard)
      : finish(decision, request, response, next, guard);
    return finished === undefined || isOfRestify(request) ? undefined : finished;
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
 * @param {Guard} guard
 * @returns {void | Promise<void>}
 */
function finish(decision, request, response, next, guard) {
  const refusal = guard.admitRequest(decision, request, response, setHeaders);
  if (refusal !== undefined) return guard.refuse(refusal, request, response, next);
  next();
  return undefined;
}

/**
 * Express 4 ignores the promise that a middleware returns, so a rejection would be unhandled and end the process.
 *
 * @param {Promise<Outcome>} pending
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 * @param {Next} next
 * @param {Guard} guard
 */
async function finishLater(pending, request, response, next, guard) {
  const decision = await settled(pending);
  try {
    // Not awaited here: what `guard.refuse` does later handles its own errors.
    return finish(decision, request, response, next, guard);
  } catch (error) {
    return passOn(error, next);
  }
}

/**
 * An error of `next` belongs to the application, as if a handler had thrown it. A `next` without parameters is not
 * Express's own, and a second call could do its work twice. In this case the promise rejects.
 *
 * @param {unknown} error
 * @param {Next} next
 */
function passOn(error, next) {
  if (next.length === 0) throw error;
  next(error);
}

/**
 * @param {ResponseType} refusal
 * @param {unknown} _request
 * @param {ServerResponse} response
 */
function refuse(refusal, _request, response) {
  send(refusal, response);
}

/**
 * @param {RefusalsType} refusals
 * @returns {Refuse}
 */
function refuserOf(refusals) {
  return (refusal, request, response, next) => {
    const answer = refusals.answer(refusal, request, response, isAnswered);
    return isPending(answer) ? concludeLater(answer, response, next) : conclude(answer, response, next);
  };
}

/**
 * @param {Promise<Answer>} pending
 * @param {ServerResponse} response
 * @param {Next} next
 */
async function concludeLater(pending, response, next) {
  const answer = await pending;
  try {
    conclude(answer, response, next);
  } catch (error) {
    passOn(error, next);
  }
}

/**
 * @param {Answer} answer
 * @param {ServerResponse} response
 * @param {Next} next
 */
function conclude(answer, response, next) {
  if (answer === undefined) return;
  if (answer instanceof Response) send(answer, response);
  else delegate(answer, response, next);
}

/**
 * The headers are set before, because many error handlers send only a status and a body.
 *
 * @param {RefusalErrorType} error
 * @param {ServerResponse} response
 * @param {Next} next
 */
function delegate(error, response, next) {
  if (response.headersSent) return;
  try {
    setHeaders(response, error.headers);
  } catch {
    // The response cannot be written any more (a closed HTTP/2 stream). The error handler finds out.
  }
  next(error);
}

/** @param {ServerResponse} response */
function isAnswered(response) {
  return response.headersSent || response.writableEnded;
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
