'use strict';

/**
 * The one table that maps a failure to an HTTP response (RFC 6750 §3): status, body, challenge, `Retry-After`.
 *
 * A thrown error is identified by its `name`, `code` and `status`, never by `instanceof`. Another copy or version of
 * this package has its own classes (a monorepo, `jest.resetModules()`).
 */

const { Failure, tokenCodeOf } = require('../errors/errors.js');

/** Seconds for `Retry-After` when neither the issuer nor the table of failures has a value. */
const RETRY_AFTER = 5;
const MAX_RETRY_AFTER = 300;
/** How many classes of a prototype chain are searched. */
const MAX_CLASSES = 16;

const JSON_TYPE = 'application/json; charset=utf-8';
/** The bodies, serialized once. */
const TEXTS = Object.fromEntries(
  Object.entries({
    401: 'unauthorized',
    403: 'forbidden',
    500: 'internal server error',
    503: 'service unavailable',
  }).map(([status, message]) => [status, JSON.stringify({ message })]),
);

/** The response that is sent instead of the route's response. */
class Response {
  /** @param headers All headers except the content type. */
  constructor(status, headers) {
    this.status = status;
    this.headers = Object.freeze({ ...headers, 'Content-Type': JSON_TYPE });
    /** The serialized body. An application's own serializers never change it. */
    this.text = TEXTS[status];
  }
}

const NO_TOKEN = new Response(401, { 'WWW-Authenticate': 'Bearer' });
const RESOLVER_FAILED = new Response(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' });
const INTERNAL = new Response(500, {});

/**
 * Returns the response to a `Failure` of this copy's engine, or to any thrown value.
 *
 * @param scopes The scopes that the route requires.
 */
function responseTo(problem, scopes) {
  try {
    return problem instanceof Failure ? responseToFailure(problem, scopes) : responseToError(problem, scopes);
  } catch {
    // Reading the error's members can throw, and a proxy can have an endless prototype chain.
    return INTERNAL;
  }
}

/** The 401 responses by failure. There are few failures, so each response is created once. */
const UNAUTHORIZED_RESPONSES = new Map();

function responseToFailure(failure, scopes) {
  const { spec, detail } = failure;
  // Metadata or keys were not available, so the token was not validated.
  if (detail?.isOutage === true || (spec.isOutage && spec.name === 'MonoCloudValidationError')) {
    return unavailable(undefined, failure.retryAfter);
  }
  let response = UNAUTHORIZED_RESPONSES.get(spec);
  if (response === undefined) {
    const { name, code, message } = spec;
    response = responseToFacts({ name, code, message, status: detail?.status, retryAfter: failure.retryAfter, scopes });
    if (response.status === 401) UNAUTHORIZED_RESPONSES.set(spec, response);
  }
  return response;
}

function responseToError(error, scopes) {
  const isObject = (typeof error === 'object' && error !== null) || typeof error === 'function';
  if (!isObject) return INTERNAL;
  const name = memberOf(error, 'name', (value) => NAMES.has(value));
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
      if (code === 'insufficient_scope') return new Response(403, { 'WWW-Authenticate': insufficientScope(scopes) });
      if (code === 'insufficient_groups') return new Response(403, { 'WWW-Authenticate': insufficientScope([]) });
      return unauthorized(message);
    case 'MonoCloudValidationError':
      return unauthorized(message);
    case 'MonoCloudHttpError':
      return unavailable(status, retryAfter);
    default:
      return INTERNAL;
  }
}

/**
 * Returns an accepted member of an error: its own, or one inherited from its classes, but never one of
 * `Object.prototype`. A subclass may have its own `name`. In this case the name of its parent class counts.
 */
function memberOf(error, name, isAccepted = () => true) {
  let holder = error;
  for (let depth = 0; depth < MAX_CLASSES; depth += 1) {
    const parent = Object.getPrototypeOf(holder);
    if (Object.hasOwn(holder, name)) {
      const value = Reflect.get(holder, name, error);
      if (isAccepted(value)) return value;
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

function unauthorized(message) {
  return new Response(401, {
    'WWW-Authenticate': `Bearer error="invalid_token", error_description="${quotable(message)}"`,
  });
}

function insufficientScope(scopes) {
  const challenge = 'Bearer error="insufficient_scope"';
  const words = scopes.filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope));
  return words.length === 0 ? challenge : `${challenge}, scope="${words.join(' ')}"`;
}

/**
 * A missing response, a 5xx, a 429, or a 200 with an unusable body is an outage. Any other status is a configuration
 * error.
 */
function unavailable(status, retryAfter) {
  const isOutage = !status || status === 200 || status === 429 || status >= 500;
  return isOutage ? new Response(503, { 'Retry-After': String(secondsOf(retryAfter) ?? RETRY_AFTER) }) : INTERNAL;
}

/** Parses seconds from a number or a header value. Returns `undefined` if the value is invalid or too large. */
function secondsOf(retryAfter) {
  return /^\d{1,3}$/.test(retryAfter) && Number(retryAfter) <= MAX_RETRY_AFTER ? Number(retryAfter) : undefined;
}

/**
 * RFC 6750 §3: the characters that `error_description` may contain. The message of a subclass may contain any
 * character.
 */
function quotable(text) {
  return String(text)
    .replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, ' ')
    .slice(0, 200);
}

module.exports = { INTERNAL, NO_TOKEN, RESOLVER_FAILED, Response, responseTo };
