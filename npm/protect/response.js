'use strict';

/**
 * The one table that maps a failure to an HTTP response (RFC 6750 §3, RFC 9449 §7.1): status, body, challenge,
 * `Retry-After`.
 *
 * The engine's table of failures has the status of our own failures. A thrown error is identified by its `name`, `code`
 * and `status`, never by `instanceof`. Another copy or version of this package has its own classes (a monorepo,
 * `jest.resetModules()`).
 */

/**
 * @import { FailureData } from '../errors/errors.js'
 * @import { FailureSpec } from '../native/values.js'
 * @import { ChallengeSettings, Params, Scheme } from './challenge.js'
 */
/** @typedef {Record<string, string>} Headers Names and values. */
/** @typedef {Responses} ResponsesType The class as a type, for other files. */
/** @typedef {Response} ResponseType The class as a type, for other files. */
/** @typedef {Accepted} AcceptedType The class as a type, for other files. */
/** @typedef {Decision} DecisionType The class as a type, for other files. */
/** @typedef {object | DecisionType} Outcome Claims, `Accepted` or a `Response`. */
/**
 * What the route requires. The last two are those of RFC 9470.
 *
 * @typedef {object} Requirements
 * @property {readonly string[]} [scopes]
 * @property {readonly string[]} [anyScopes]
 * @property {readonly string[]} [acr]
 * @property {number} [maxAge]
 */
/**
 * How the token came, and what the DPoP proof adds to the response: `description` instead of the failure's message, and
 * `nonce`.
 *
 * @typedef {{ readonly scheme: Scheme, readonly description?: string, readonly nonce?: string }} Presentation
 */
/** @typedef {{ status: number, code: string, message: unknown, lacksScopes?: boolean, reason?: string }} Rejection */

const { own } = require('../client/arguments.js');
const { FAILURES, Failure, isOutageStatus, tokenCodeOf } = require('../errors/errors.js');
const { LIMITS } = require('../native/constants.js');
const { Challenges, neededScopes, wordsOf } = require('./challenge.js');

/** Seconds for `Retry-After` when neither the issuer nor the table of failures has a value. */
const RETRY_AFTER = 5;
/** How many classes of a prototype chain are searched. */
const MAX_CLASSES = 16;

const JSON_TYPE = 'application/json; charset=utf-8';
/**
 * The bodies, serialized once.
 *
 * @type {Record<number, string>}
 */
const TEXTS = Object.fromEntries(
  Object.entries({
    400: 'bad request',
    401: 'unauthorized',
    403: 'forbidden',
    500: 'internal server error',
    503: 'service unavailable',
  }).map(([status, message]) => [status, JSON.stringify({ message })]),
);

/** A decision that is more than claims. */
class Decision {}

/** A request without credentials, which passes without claims. */
const ANONYMOUS = Object.freeze(new Decision());

/** The response that is sent instead of the route's response. */
class Response extends Decision {
  /**
   * @param {number} status
   * @param {Headers} headers All headers except the content type.
   * @param {string} [reason] The reason of the failure, which is not sent.
   * @param {string} [code] What is wrong with the credentials, as `code` of an error says it.
   */
  constructor(status, headers, reason, code) {
    super();
    this.status = status;
    this.reason = reason;
    this.code = code;
    /**
     * What was refused: a `Failure` or a thrown value. Only a copy has one, because the requests share the others.
     *
     * @type {unknown}
     */
    this.cause = undefined;
    /**
     * The body that `text` was made of, if the application gave one.
     *
     * @type {unknown}
     */
    this.value = undefined;
    /** @type {Readonly<Headers>} */
    this.headers = Object.freeze({ ...headers, 'Content-Type': JSON_TYPE });
    /** The serialized body. An application's own serializers never change it. */
    this.text = TEXTS[status];
  }

  /**
   * Returns a copy for one request.
   *
   * @param {{ cause?: unknown, headers?: Readonly<Headers>, text?: string, value?: unknown }} members
   * @returns {Response}
   */
  with(members) {
    return Object.assign(Object.create(Response.prototype), this, members);
  }
}

/** Claims with headers for the route's own response. Without such headers, the claims stand alone. */
class Accepted extends Decision {
  /**
   * @param {object} claims
   * @param {Headers} headers Such as `DPoP-Nonce`.
   */
  constructor(claims, headers) {
    super();
    this.claims = claims;
    this.headers = headers;
  }
}

const INTERNAL = new Response(500, {}, 'internal');

/**
 * The codes for which the challenge has another `error` (RFC 6750 §3.1).
 *
 * @type {Record<string, string | null>}
 */
const CHALLENGE_ERRORS = {
  __proto__: null,
  access_denied: 'insufficient_scope',
  inactive_token: 'invalid_token',
  insufficient_claims: 'insufficient_scope',
  insufficient_groups: 'insufficient_scope',
  insufficient_permissions: 'insufficient_scope',
};
/**
 * The status of each code of a token failure.
 *
 * @type {Map<string, number>}
 */
const STATUSES = new Map();
for (const reason of Object.keys(FAILURES)) {
  const { code, status } = FAILURES[reason].spec;
  if (typeof code === 'string') STATUSES.set(code, status);
}
/** The code of a rejection that has none, or one of another version. */
const INVALID = 'invalid_token';

/** @type {Presentation} */
const BEARER = Object.freeze({ scheme: 'bearer' });
/**
 * A token with a proof that adds nothing to the response.
 *
 * @type {Presentation}
 */
const DPOP = Object.freeze({ scheme: 'dpop' });

/** The responses of one `protectApi`. */
class Responses {
  #challenges;
  /**
   * The 401 responses by scheme and failure. There are few failures, so each response is created once.
   *
   * @type {Record<Scheme, Map<FailureSpec, Response>>}
   */
  #unauthorized = { bearer: new Map(), dpop: new Map() };

  /** @param {ChallengeSettings} [settings] */
  constructor(settings) {
    this.#challenges = new Challenges(settings);
    /** @param {string} text */
    const challenge = (text) => ({ 'WWW-Authenticate': text });
    /** The request has no credentials. */
    this.noToken = new Response(401, challenge(this.#challenges.withoutCredentials()), 'token_required');
    /** A resolver of the application failed. */
    this.resolverFailed = new Response(
      401,
      challenge(this.#challenges.rejected('bearer', { error: INVALID })),
      'resolver_failed',
      INVALID,
    );
    /** The request has more than one token. An API that knows only `Bearer` counts that as none. */
    this.ambiguous = this.#challenges.knowsDpop
      ? new Response(400, challenge(this.#challenges.multipleCredentials()), 'multiple_tokens', 'invalid_request')
      : this.noToken;
  }

  /**
   * Returns the response to a `Failure` of this copy's engine, or to any thrown value.
   *
   * @param {unknown} problem
   * @param {Requirements} required
   * @param {Presentation} presented
   */
  to(problem, required, presented = BEARER) {
    try {
      return problem instanceof Failure
        ? this.#toFailure(problem, required, presented)
        : this.#toError(problem, required, presented);
    } catch {
      // Reading the error's members can throw, and a proxy can have an endless prototype chain.
      return INTERNAL;
    }
  }

  /**
   * @param {FailureData} failure
   * @param {Requirements} required
   * @param {Presentation} presented
   */
  #toFailure(failure, required, presented) {
    const { spec, detail } = failure;
    if (spec.status === 503) {
      // Metadata or keys were not available, so the token was not validated, whatever the status of that exchange was.
      const isOutage = detail?.isOutage === true || spec.name !== 'MonoCloudHttpError';
      return unavailable(isOutage ? undefined : detail?.status, failure.retryAfter, spec.reason);
    }
    if (detail?.isOutage === true) return unavailable(undefined, failure.retryAfter, spec.reason);
    if (spec.status === 500) return INTERNAL;
    const isUsual = presented === BEARER || presented === DPOP;
    const isShared = isUsual && spec.status === 401 && spec.code !== 'insufficient_user_authentication';
    const responses = this.#unauthorized[presented.scheme];
    const known = isShared ? responses.get(spec) : undefined;
    if (known !== undefined) return known;
    const { code, message, reason, status } = spec;
    const { lacksScopes } = failure;
    const rejection = { status, code: code ?? INVALID, message, lacksScopes, reason };
    const response = this.#rejection(rejection, required, presented);
    if (isShared) responses.set(spec, response);
    return response;
  }

  /**
   * @param {any} thrown
   * @param {Requirements} required
   * @param {Presentation} presented
   */
  #toError(thrown, required, presented) {
    const isObject = (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function';
    if (!isObject) return INTERNAL;
    const name = memberOf(thrown, 'name', (value) => NAMES.has(value));
    const message = memberOf(thrown, 'message');
    const reason = memberOf(thrown, 'reason');
    const retryAfter = memberOf(thrown, 'retryAfter') ?? headerOf(memberOf(thrown, 'raw'), 'retry-after');
    if (name !== undefined && memberOf(thrown, 'isOutage') === true) return unavailable(undefined, retryAfter, reason);
    switch (name) {
      case 'MonoCloudTokenError': {
        const given = tokenCodeOf(memberOf(thrown, 'code'), message);
        const code = STATUSES.has(given) ? given : INVALID;
        const lacksScopes = memberOf(thrown, 'lacksScopes') === true;
        const rejection = { status: STATUSES.get(code) ?? 401, code, message, lacksScopes, reason };
        return this.#rejection(rejection, required, presented);
      }
      case 'MonoCloudValidationError':
        return this.#rejection({ status: 401, code: INVALID, message, reason }, required, presented);
      case 'MonoCloudHttpError':
        return unavailable(memberOf(thrown, 'status'), retryAfter, reason);
      default:
        return INTERNAL;
    }
  }

  /**
   * @param {Rejection} rejection
   * @param {Requirements} required
   * @param {Presentation} presented
   */
  #rejection({ status, code, message, lacksScopes, reason }, required, presented) {
    const params = paramsOf(code, quotable(own(presented, 'description') ?? message), required, lacksScopes);
    const challenge = this.#challenges.rejected(presented.scheme, params, params.error === INVALID);
    const headers = { 'WWW-Authenticate': challenge };
    const nonce = own(presented, 'nonce');
    return new Response(status, nonce === undefined ? headers : { ...headers, ...nonceHeaders(nonce) }, reason, code);
  }
}

/**
 * The headers that give a client a nonce for its next proof. The response must not be cached (RFC 9449 §8.2).
 *
 * @param {string} nonce
 */
function nonceHeaders(nonce) {
  return { 'DPoP-Nonce': nonce, 'Cache-Control': 'no-store' };
}

/**
 * The parameters that say why, and what would be enough. Groups, permissions, roles and claims are no scopes, so they are
 * not listed. Neither helps a token that the application itself denies.
 *
 * @param {string} code
 * @param {string} error_description
 * @param {Requirements} required
 * @param {boolean | undefined} lacksScopes Whether a token that fails the step-up lacks scopes too (RFC 9470 §3).
 * @returns {Params}
 */
function paramsOf(code, error_description, required, lacksScopes) {
  const error = CHALLENGE_ERRORS[code] ?? code;
  switch (code) {
    case 'access_denied':
    case 'insufficient_claims':
    case 'insufficient_groups':
    case 'insufficient_permissions':
      return { error };
    case 'insufficient_scope':
      return { error, scope: scopesOf(required) };
    case 'insufficient_user_authentication':
      return {
        error,
        error_description,
        acr_values: wordsOf(own(required, 'acr')),
        max_age: own(required, 'maxAge'),
        scope: lacksScopes ? scopesOf(required) : undefined,
      };
    default:
      return { error, error_description };
  }
}

/** @param {Requirements} required */
function scopesOf(required) {
  return wordsOf(neededScopes(own(required, 'scopes'), own(required, 'anyScopes')));
}

/** The classes of errors that a client throws. */
const NAMES = new Set(['MonoCloudTokenError', 'MonoCloudValidationError', 'MonoCloudOPError', 'MonoCloudHttpError']);

/**
 * Returns an accepted member of an error: its own, or one inherited from its classes, but never one of
 * `Object.prototype`. A subclass may have its own `name`. In this case the name of its parent class counts.
 *
 * @param {object} error
 * @param {string} name
 * @param {(value: any) => boolean} isAccepted
 * @returns {any}
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

/**
 * @param {any} raw
 * @param {string} name
 */
function headerOf(raw, name) {
  const headers = raw?.headers;
  return headers !== undefined && headers !== null && Object.hasOwn(headers, name) ? headers[name] : undefined;
}

/**
 * A missing response, a 5xx, a 429, or a 200 with an unusable body is an outage. Any other status is a configuration
 * error.
 *
 * @param {number | null | undefined} status
 * @param {unknown} retryAfter
 * @param {string} [reason]
 */
function unavailable(status, retryAfter, reason) {
  if (!isOutageStatus(status)) return INTERNAL;
  return new Response(503, { 'Retry-After': String(secondsOf(retryAfter) ?? RETRY_AFTER) }, reason);
}

/**
 * Parses seconds from a number or a header value. Returns `undefined` if the value is invalid or too large.
 *
 * @param {any} retryAfter
 */
function secondsOf(retryAfter) {
  return /^\d{1,9}$/.test(retryAfter) && Number(retryAfter) <= LIMITS.retryAfter ? Number(retryAfter) : undefined;
}

/**
 * RFC 6750 §3: the characters that `error_description` may contain. The message of a subclass may contain any
 * character.
 *
 * @param {unknown} text
 */
function quotable(text) {
  return String(text)
    .replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, ' ')
    .slice(0, 200);
}

/** The responses of a `protectApi` without options, which the documents show. */
const DEFAULT = new Responses();
const { noToken: NO_TOKEN, resolverFailed: RESOLVER_FAILED } = DEFAULT;

/**
 * @param {unknown} problem
 * @param {readonly string[]} [scopes]
 */
function responseTo(problem, scopes) {
  return DEFAULT.to(problem, { scopes });
}

module.exports = {
  ANONYMOUS,
  Accepted,
  DPOP,
  Decision,
  INTERNAL,
  NAMES,
  NO_TOKEN,
  RESOLVER_FAILED,
  Response,
  Responses,
  nonceHeaders,
  responseTo,
};
