'use strict';

/**
 * Publishes what `protectApi` decided on a request. Loaded with the first request that somebody listens to.
 *
 * The event has the request object itself, as `http.server.request.start` of Node does, so that a logger can find its own
 * request ID.
 */

/**
 * @import { ClientContext } from '../client/events.js'
 * @import { Message } from './headers.js'
 * @import { Outcome } from './response.js'
 * @import { Origin } from '../client/watched.js'
 */

const { memberOf } = require('../client/arguments.js');
const { answered } = require('../client/events.js');
const { printable } = require('../client/printable.js');
const { isPending } = require('../client/pending.js');
const { DpopCredentials, credentialsOf } = require('./credentials.js');
const { ANONYMOUS, Response } = require('./response.js');

/**
 * Publishes the decision, once it has ended, and returns it.
 *
 * @param {Outcome | Promise<Outcome>} decision Never rejects.
 * @param {ClientContext | undefined} context
 * @param {Message} message
 * @param {any} request
 * @returns {Outcome | Promise<Outcome>}
 */
function watchedAnswer(decision, context, message, request) {
  return isPending(decision)
    ? decision.then((ended) => published(ended, context, message, request))
    : published(decision, context, message, request);
}

/**
 * @param {Outcome} decision
 * @param {ClientContext | undefined} context
 * @param {Message} message
 * @param {any} request
 */
function published(decision, context, message, request) {
  const scheme = schemeOf(message);
  const route = routeOf(request);
  const { status, reason } = decision instanceof Response ? decision : { status: undefined, reason: undefined };
  answered(context, {
    outcome: outcomeOf(decision),
    ...(status !== undefined && { status }),
    ...(typeof reason === 'string' && { reason: printable(reason) }),
    ...(scheme !== undefined && { scheme }),
    ...(route !== undefined && { route }),
    request,
  });
  return decision;
}

/** @param {Outcome} decision */
function outcomeOf(decision) {
  if (decision instanceof Response) return 'refused';
  return decision === ANONYMOUS ? 'anonymous' : 'accepted';
}

/**
 * The scheme of the credentials in the `Authorization` header, if there are any.
 *
 * @param {Message} message
 */
function schemeOf(message) {
  const credentials = credentialsOf(message.headers, message.rawHeaders);
  if (credentials === undefined || typeof credentials === 'symbol') return undefined;
  return credentials instanceof DpopCredentials ? 'dpop' : 'bearer';
}

/**
 * What the event of a validation says about its request.
 *
 * @param {any} request
 * @param {object | undefined} retried
 * @returns {Origin}
 */
function originOf(request, retried) {
  return { route: routeOf(request), retried };
}

/**
 * The pattern of the route, such as `/users/:id`, if the framework has matched one. It is never the URL of the request,
 * which has names and identifiers in it. Never throws.
 *
 * @param {any} request
 * @returns {string | undefined}
 */
function routeOf(request) {
  try {
    const pattern = patternOf(request);
    return typeof pattern === 'string' && pattern !== '' ? printable(pattern) : undefined;
  } catch {
    return undefined;
  }
}

/** @param {any} request */
function patternOf(request) {
  // Fastify 4 and 5.
  const ofFastify = memberOf(memberOf(request, 'routeOptions'), 'url');
  if (ofFastify !== undefined) return ofFastify;
  // @koa/router.
  const ofKoa = memberOf(request, '_matchedRoute');
  if (ofKoa !== undefined) return ofKoa;
  // Express and Restify. The mount path of a router of Express is the text of the URL if it has parameters.
  const path = memberOf(memberOf(request, 'route'), 'path');
  return typeof path === 'string' ? path : undefined;
}

module.exports = { originOf, watchedAnswer };
