'use strict';

/**
 * The one table from a failure to an HTTP response (RFC 6750 §3): status, body, challenge, `Retry-After`.
 *
 * An error that was thrown is judged by its `name`, `code` and `status`, never by `instanceof`: another copy of this
 * package, or another version of it, has classes of its own (a monorepo, `jest.resetModules()`).
 */

const { Failure, tokenCodeOf } = require('../errors/errors.js');

/** Seconds after which a client may ask again when neither the issuer nor the catalogue says. */
const RETRY_AFTER = 5;
const MAX_RETRY_AFTER = 300;
/** Classes above an error that are looked at. */
const MAX_CLASSES = 16;

const JSON_TYPE = 'application/json; charset=utf-8';
/** Written once. */
const TEXTS = Object.fromEntries(
  Object.entries({ 401: 'unauthorized', 403: 'forbidden', 500: 'internal server error', 503: 'service unavailable' })
    .map(([status, message]) => [status, JSON.stringify({ message })]),
);

/** The response that is sent instead of the route's. */
class Response {
  /** @param headers Beside the type of the body. */
  constructor(status, headers) {
    this.status = status;
    this.headers = Object.freeze({ ...headers, 'Content-Type': JSON_TYPE });
    /** The body, serialized: nothing that serializes an application's values has a say in it. */
    this.text = TEXTS[status];
  }
}

const NO_TOKEN = new Response(401, { 'WWW-Authenticate': 'Bearer' });
const RESOLVER_FAILED = new Response(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' });
const INTERNAL = new Response(500, {});

/**
 * The reply to a failure of this copy's engine, or to whatever was thrown instead of given.
 *
 * @param scopes The ones the route asks for.
 */
function responseTo(problem, scopes) {
  try {
    return problem instanceof Failure ? responseToFailure(problem, scopes) : responseToError(problem, scopes);
  } catch {
    // An error whose members throw when they are read, or a proxy that has no end of prototypes.
    return INTERNAL;
  }
}

/** By the engine's rows: there are few, and the 401 for each is made once. */
const REFUSED = new Map();

function responseToFailure(failure, scopes) {
  const { spec, detail } = failure;
  // Metadata or keys could not be had, for whatever reason: the token was not judged.
  if (detail?.isOutage === true || (spec.isOutage && spec.name === 'MonoCloudValidationError')) {
    return unavailable(undefined, failure.retryAfter);
  }
  let reply = REFUSED.get(spec);
  if (reply === undefined) {
    const { name, code, message } = spec;
    reply = responseToFacts({ name, code, message, status: detail?.status, retryAfter: failure.retryAfter, scopes });
    if (reply.status === 401) REFUSED.set(spec, reply);
  }
  return reply;
}

function responseToError(error, scopes) {
  const isObject = (typeof error === 'object' && error !== null) || typeof error === 'function';
  if (!isObject) return INTERNAL;
  const name = memberOf(error, 'name', (word) => NAMES.has(word));
  const message = memberOf(error, 'message');
  const code = memberOf(error, 'code');
  const retryAfter = memberOf(error, 'retryAfter') ?? headerOf(memberOf(error, 'raw'), 'retry-after');
  if (name !== undefined && memberOf(error, 'isOutage') === true) return unavailable(undefined, retryAfter);
  const status = memberOf(error, 'status');
  return responseToFacts({ name, code: tokenCodeOf(code, message), message, status, retryAfter, scopes });
}

const NAMES = new Set(['MonoCloudTokenError', 'MonoCloudValidationError', 'MonoCloudOPError', 'MonoCloudHttpError']);

function responseToFacts({ name, code, message, status, retryAfter, scopes }) {
  switch (name) {
    case 'MonoCloudTokenError':
      if (code === 'insufficient_scope') return new Response(403, { 'WWW-Authenticate': insufficient(scopes) });
      if (code === 'insufficient_groups') return new Response(403, { 'WWW-Authenticate': insufficient([]) });
      return refused(message);
    case 'MonoCloudValidationError':
      return refused(message);
    case 'MonoCloudHttpError':
      return unavailable(status, retryAfter);
    default:
      return INTERNAL;
  }
}

/**
 * A member of an error that fits: its own, or one that its classes give it; never one that somebody put on
 * `Object.prototype`. A subclass may have given itself a name of its own: then the name of its parent counts.
 */
function memberOf(error, name, isFitting = () => true) {
  let holder = error;
  for (let depth = 0; depth < MAX_CLASSES; depth += 1) {
    const parent = Object.getPrototypeOf(holder);
    if (Object.hasOwn(holder, name)) {
      const value = Reflect.get(holder, name, error);
      if (isFitting(value)) return value;
    }
    if (parent === null || Object.getPrototypeOf(parent) === null) return undefined;
    holder = parent;
  }
  return undefined;
}

function headerOf(raw, name) {
  const headers = raw?.headers;
  return headers !== undefined && headers !== null && Object.hasOwn(headers, name) ? headers[name] : undefined;
}

function refused(message) {
  return new Response(401, {
    'WWW-Authenticate': `Bearer error="invalid_token", error_description="${quotable(message)}"`,
  });
}

function insufficient(scopes) {
  const challenge = 'Bearer error="insufficient_scope"';
  const words = scopes.filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope));
  return words.length === 0 ? challenge : `${challenge}, scope="${words.join(' ')}"`;
}

/**
 * Out of reach, overloaded or broken (a good status with a body that is none) is an outage; any other status is a
 * misunderstanding.
 */
function unavailable(status, retryAfter) {
  const isOutage = !status || status === 200 || status === 429 || status >= 500;
  return isOutage ? new Response(503, { 'Retry-After': String(secondsOf(retryAfter) ?? RETRY_AFTER) }) : INTERNAL;
}

/** A number of seconds, as a number or as a header has it; nothing when it is no such thing, or too many. */
function secondsOf(retryAfter) {
  return /^\d{1,3}$/.test(retryAfter) && Number(retryAfter) <= MAX_RETRY_AFTER ? Number(retryAfter) : undefined;
}

/** RFC 6750 §3: what `error_description` may hold. A subclass's message may hold anything. */
function quotable(text) {
  return String(text).replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, ' ').slice(0, 200);
}

module.exports = { INTERNAL, NO_TOKEN, RESOLVER_FAILED, Response, responseTo };
