'use strict';

/**
 * The one table from a failure to an HTTP answer (contract 9, RFC 6750 §3): status, body, challenge, `Retry-After`.
 */

const { memberOf, own } = require('./arguments.js');
const { Failure, MonoCloudAuthBaseError } = require('./errors.js');

/** Seconds after which a client may ask again when the issuer did not say. */
const RETRY_AFTER = 5;
const MAX_RETRY_AFTER = 300;

const BODIES = {
  401: Object.freeze({ message: 'unauthorized' }),
  403: Object.freeze({ message: 'forbidden' }),
  500: Object.freeze({ message: 'internal server error' }),
  503: Object.freeze({ message: 'service unavailable' }),
};
/** The same as JSON, written once. */
const TEXTS = Object.fromEntries(Object.entries(BODIES).map(([status, body]) => [status, JSON.stringify(body)]));

/** An answer instead of the route's. */
class Reply {
  constructor(status, headers) {
    this.status = status;
    this.headers = Object.freeze(headers);
    this.body = BODIES[status];
    this.text = TEXTS[status];
  }
}

const NO_TOKEN = new Reply(401, { 'WWW-Authenticate': 'Bearer' });
const RESOLVER_FAILED = new Reply(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' });
const INTERNAL = new Reply(500, {});

/** The answer to a failure, thrown or not; `scopes` are the ones the route asks for. */
function replyTo(problem, scopes) {
  const isFailure = problem instanceof Failure;
  if (!isFailure && !(problem instanceof MonoCloudAuthBaseError)) return INTERNAL;
  const said = isFailure ? problem.spec : problem;
  const [name, code] = [memberOf(said, 'name'), memberOf(said, 'code')];
  switch (name) {
    case 'MonoCloudTokenError':
      if (code === 'insufficient_scope') return new Reply(403, { 'WWW-Authenticate': insufficient(scopes) });
      if (code === 'insufficient_groups') return new Reply(403, { 'WWW-Authenticate': insufficient([]) });
      return refused(problem);
    case 'MonoCloudValidationError':
      return refused(problem);
    case 'MonoCloudHttpError':
      return unavailable(isFailure ? problem.detail?.status : memberOf(problem, 'status'), retryAfterOf(problem));
    default:
      return INTERNAL;
  }
}

/** By the engine's rows: it has few, and the answer to each is made once. */
const REFUSED = new Map();

function refused(problem) {
  if (!(problem instanceof Failure)) return refusedFor(problem.message);
  const { spec } = problem;
  let reply = REFUSED.get(spec);
  if (reply === undefined) REFUSED.set(spec, (reply = refusedFor(spec.message)));
  return reply;
}

function refusedFor(message) {
  return new Reply(401, {
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
  return isOutage ? new Reply(503, { 'Retry-After': String(retryAfter ?? RETRY_AFTER) }) : INTERNAL;
}

/** What the issuer said, in seconds: of a failure, of an error of ours, or of one that a subclass made. */
function retryAfterOf(problem) {
  const headers = own(Object(own(problem, 'raw')), 'headers');
  const said = problem instanceof Failure
    ? problem.detail?.retryAfter
    : (memberOf(problem, 'retryAfter') ?? own(Object(headers), 'retry-after'));
  return /^\d{1,3}$/.test(said) && Number(said) <= MAX_RETRY_AFTER ? Number(said) : undefined;
}

/** RFC 6750 §3: what `error_description` may hold. A subclass's message may hold anything. */
function quotable(text) {
  return String(text).replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, ' ').slice(0, 200);
}

module.exports = { NO_TOKEN, RESOLVER_FAILED, Reply, replyTo };
