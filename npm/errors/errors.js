'use strict';

/**
 * The five error classes, and the conversion of the engine's failures into errors.
 *
 * The engine defines each failure once, with its outcome code, reason, class, code and message. This module reads that table
 * at load. A decision is a `Failure` value, which costs little. An `Error` with its stack is created only to be thrown.
 */

/**
 * @import { FailureDetail, FailureSpec, Json } from '../native/values.js'
 * @import { AccessTokenClaims } from '../types/claims.js'
 * @import { MonoCloudRawResponse, MonoCloudReason, MonoCloudTokenErrorCode } from '../types/errors.js'
 */
/** @typedef {Failure} FailureData The class as a type, for other files. */
/**
 * What a DPoP proof adds to a failure.
 *
 * @typedef {object} ProofFacts
 * @property {string} [description] Replaces the message of the reason.
 * @property {string} [expected] What the proof must say, for the event: a method or a URL without its query.
 * @property {string} [got] What the proof says.
 * @property {string} [nonce] The value of `DPoP-Nonce` in the response.
 */

const native = require('../native/load.js');

class MonoCloudAuthBaseError extends Error {
  /**
   * In every class, the first parameters are those of the published package. Ours follow them.
   *
   * @param {string} message
   * @param {MonoCloudRawResponse} [raw]
   * @param {MonoCloudReason} [reason]
   */
  constructor(message, raw = undefined, reason = undefined) {
    super(message);
    this.reason = reason;
    // Code can read the server's response. A log that prints the error does not show it.
    hide(this, 'raw', raw);
  }
}

class MonoCloudValidationError extends MonoCloudAuthBaseError {}

class MonoCloudTokenError extends MonoCloudAuthBaseError {
  /**
   * @param {string} message
   * @param {MonoCloudRawResponse} [raw]
   * @param {MonoCloudReason} [reason]
   * @param {MonoCloudTokenErrorCode} [code]
   */
  constructor(message, raw = undefined, reason = undefined, code = undefined) {
    const documented = TOKEN_FAILURES.get(message);
    super(message, raw, reason ?? documented?.reason);
    this.code = code ?? documented?.code ?? 'invalid_token';
  }
}

class MonoCloudOPError extends MonoCloudAuthBaseError {
  /**
   * @param {string} error
   * @param {string} [errorDescription]
   * @param {MonoCloudRawResponse} [raw]
   * @param {MonoCloudReason} [reason]
   */
  constructor(error, errorDescription = undefined, raw = undefined, reason = undefined) {
    super(error, raw, reason);
    hide(this, 'error', error);
    hide(this, 'errorDescription', errorDescription);
  }
}

class MonoCloudHttpError extends MonoCloudAuthBaseError {
  /**
   * @param {string} message
   * @param {MonoCloudRawResponse} [raw]
   * @param {MonoCloudReason} [reason]
   */
  constructor(message, raw = undefined, reason = undefined) {
    super(message, raw, reason);
    this.status = raw?.status;
    this.statusText = raw?.statusText;
  }
}

/** @param {number | null | undefined} status */
function isOutageStatus(status) {
  return !status || status === 200 || status === 429 || status >= 500;
}

/**
 * Sets a member that is not enumerable, so that logs do not print it.
 *
 * @template {Error} E
 * @param {E} error
 * @param {string} name
 * @param {unknown} value
 */
function hide(error, name, value) {
  return Object.defineProperty(error, name, { __proto__: null, value, configurable: true, writable: true });
}

const CLASSES = {
  MonoCloudAuthBaseError,
  MonoCloudValidationError,
  MonoCloudTokenError,
  MonoCloudOPError,
  MonoCloudHttpError,
};

for (const [name, { prototype }] of Object.entries(CLASSES)) {
  Object.defineProperty(prototype, 'name', { __proto__: null, value: name, configurable: true, writable: true });
}

/** A failure as data. `spec` is a row of the engine's table. `detail` describes the exchange with the issuer. */
class Failure {
  /**
   * @param {FailureSpec} spec
   * @param {FailureDetail} [detail]
   * @param {ProofFacts} [proof]
   * @param {AccessTokenClaims} [claims] Those of a valid token that this route rejects.
   */
  constructor(spec, detail, proof, claims) {
    this.spec = spec;
    this.detail = detail;
    this.proof = proof;
    this.claims = claims;
  }

  /** Whether the token is valid, and only the requirements of the route reject it. */
  get isOfRoute() {
    const { concernsRequest, status, code } = this.spec;
    return concernsRequest && (status === 403 || code === 'insufficient_user_authentication');
  }

  /**
   * This failure with the claims of the token, if the token is valid. A revoked token is rejected for that instead.
   *
   * @param {AccessTokenClaims} claims
   */
  withClaims(claims) {
    return this.isOfRoute ? new Failure(this.spec, this.detail, this.proof, claims) : this;
  }

  /**
   * The status of the response. A missing response, a 5xx, a 429, or a 200 with an unusable body is an outage. Any other
   * status of the issuer is a configuration error.
   */
  get status() {
    const { status, name } = this.spec;
    if (this.detail?.isOutage === true) return 503;
    const isExchange = status === 503 && name === 'MonoCloudHttpError';
    return isExchange && !isOutageStatus(this.detail?.status) ? 500 : status;
  }

  /** Whether the issuer could not be reached. Such a failure says nothing about the token. */
  get isOutage() {
    return this.spec.isOutage;
  }

  /** Creates the error to throw for this failure. */
  toError() {
    const { name, code, reason, message } = this.spec;
    const raw = rawResponse(this.detail);
    switch (name) {
      case 'MonoCloudTokenError':
        return withProof(
          withMissingScopes(
            new MonoCloudTokenError(this.proof?.description ?? message, raw, reason, code ?? undefined),
            this,
          ),
          this,
        );
      case 'MonoCloudOPError':
        return opError(this.spec, this.detail, raw);
      case 'MonoCloudHttpError':
        return withRetryFacts(new MonoCloudHttpError(message, raw, reason), this);
      default:
        return withRetryFacts(new MonoCloudValidationError(message, raw, reason), this);
    }
  }

  /** Whether a token that fails the step-up (RFC 9470) lacks scopes that the route requires too. */
  get lacksScopes() {
    return this.spec.lacksScopes === true;
  }

  /** Seconds after which a caller may retry: the issuer's value, or else the table's, or `undefined`. */
  get retryAfter() {
    return this.detail?.retryAfter ?? this.spec.retryAfter ?? undefined;
  }
}

/**
 * Adds what `protectApi` needs for its response: when to retry, and whether this is an outage. Logs do not print them.
 *
 * @template {MonoCloudAuthBaseError} E
 * @param {E} error
 * @param {Failure} failure
 */
function withRetryFacts(error, failure) {
  hide(error, 'retryAfter', failure.retryAfter);
  const { name, isOutage } = failure.spec;
  // Invalid metadata is a `MonoCloudValidationError`, and still an outage for the caller with the token.
  const isMisconfigured = name === 'MonoCloudValidationError' && isOutage;
  return hide(error, 'isOutage', failure.detail?.isOutage || isMisconfigured || undefined);
}

/**
 * Adds what `protectApi` needs for its response: whether the token lacks required scopes too. Logs do not print it.
 *
 * @template {MonoCloudTokenError} E
 * @param {E} error
 * @param {Failure} failure
 */
function withMissingScopes(error, { lacksScopes }) {
  return lacksScopes ? hide(error, 'lacksScopes', true) : error;
}

/**
 * Adds the nonce that the sender of a DPoP proof must use (RFC 9449 §9). Logs do not print it.
 *
 * @template {MonoCloudTokenError} E
 * @param {E} error
 * @param {Failure} failure
 */
function withProof(error, { proof }) {
  return proof?.nonce === undefined ? error : hide(error, 'dpopNonce', proof.nonce);
}

/**
 * A server's `error` may repeat what it received, for example a secret. It becomes the message only if it is a plain word
 * (RFC 6749 §5.2). The member `error`, which logs do not print, has the received value. Without one, both are our message.
 *
 * @param {FailureSpec} spec
 * @param {FailureDetail | undefined} detail
 * @param {MonoCloudRawResponse | undefined} raw
 */
function opError({ reason, message }, detail, raw) {
  const received = detail?.error ?? message;
  const isWord = /^[a-z_]{1,64}$/.test(received);
  const error = new MonoCloudOPError(isWord ? received : message, detail?.errorDescription ?? undefined, raw, reason);
  return hide(error, 'error', received);
}

/**
 * @param {FailureDetail | undefined} detail
 * @returns {MonoCloudRawResponse | undefined}
 */
function rawResponse(detail) {
  if (detail?.status === undefined || detail.status === null) return undefined;
  const { status, statusText, headers, body } = detail;
  return { status, statusText, headers, body };
}

/** @type {Map<number, Failure>} */
const BY_OUTCOME_CODE = new Map();
/**
 * The token failures by their message. Errors of the published package have no `code`. So an error with only a
 * documented message, from a test double or another version, gets the code and reason of that failure.
 *
 * @type {Map<string, FailureSpec>}
 */
const TOKEN_FAILURES = new Map();
/**
 * Failures without detail, by their reason.
 *
 * @type {Record<string, Failure>}
 */
const FAILURES = Object.create(null);
for (const spec of native.failures()) {
  const failure = new Failure(Object.freeze({ __proto__: null, ...spec }));
  BY_OUTCOME_CODE.set(spec.outcomeCode, failure);
  const outcomeCode = spec.outcomeCodeLackingScopes;
  if (typeof outcomeCode === 'number') {
    const lacking = new Failure(Object.freeze({ __proto__: null, ...spec, outcomeCode, lacksScopes: true }));
    BY_OUTCOME_CODE.set(outcomeCode, lacking);
  }
  FAILURES[spec.reason] = failure;
  if (spec.name === 'MonoCloudTokenError') TOKEN_FAILURES.set(spec.message, spec);
}

/**
 * Returns the failure of an outcome code.
 *
 * @param {number} code
 * @param {Json<FailureDetail>} [detail] The JSON of the detail, if there is one.
 */
function failureOf(code, detail) {
  const failure = BY_OUTCOME_CODE.get(code) ?? FAILURES.internal;
  return detail ? new Failure(failure.spec, JSON.parse(detail)) : failure;
}

/**
 * Returns the `code` of a `MonoCloudTokenError`, also of one from another version or a test double.
 *
 * @param {unknown} code
 * @param {string} message
 * @returns {string}
 */
function tokenCodeOf(code, message) {
  return typeof code === 'string' ? code : (TOKEN_FAILURES.get(message)?.code ?? 'invalid_token');
}

module.exports = {
  FAILURES,
  Failure,
  MonoCloudAuthBaseError,
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudTokenError,
  MonoCloudValidationError,
  failureOf,
  isOutageStatus,
  tokenCodeOf,
};
