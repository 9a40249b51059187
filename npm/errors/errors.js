'use strict';

/**
 * The five error classes, and the one place where a failure of the engine becomes one of them.
 *
 * The engine defines every failure once (number, word, class, code, message); the table is read from it at start.
 * Decisions travel as `Failure` values, which cost nothing; an `Error` with its stack is made only to be thrown.
 */

const native = require('../native/load.js');

class MonoCloudAuthBaseError extends Error {
  /** The first two parameters are those of the published package, in every class; ours come behind them. */
  constructor(message, raw = undefined, reason = undefined) {
    super(message);
    this.reason = reason;
    // Whoever asks for the server's response gets it. A log that prints the error does not.
    hide(this, 'raw', raw);
  }
}

class MonoCloudValidationError extends MonoCloudAuthBaseError {}

class MonoCloudTokenError extends MonoCloudAuthBaseError {
  constructor(message, raw = undefined, reason = undefined, code = undefined) {
    const documented = TOKEN_FAILURES.get(message);
    super(message, raw, reason ?? documented?.reason);
    this.code = code ?? documented?.code ?? 'invalid_token';
  }
}

class MonoCloudOPError extends MonoCloudAuthBaseError {
  constructor(error, errorDescription = undefined, raw = undefined, reason = undefined) {
    super(error, raw, reason);
    hide(this, 'error', error);
    hide(this, 'errorDescription', errorDescription);
  }
}

class MonoCloudHttpError extends MonoCloudAuthBaseError {
  constructor(message, raw = undefined, reason = undefined) {
    super(message, raw, reason);
    this.status = raw?.status;
    this.statusText = raw?.statusText;
  }
}

/** Sets a member that no log prints. */
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

/** A failure as data: `spec` is the catalogue's row, `detail` what the exchange with the issuer left behind. */
class Failure {
  constructor(spec, detail) {
    this.spec = spec;
    this.detail = detail;
  }

  /** Whether it says that the issuer could not be asked, and nothing of the token. */
  get isOutage() {
    return this.spec.isOutage;
  }

  /** The one error this failure is thrown as. */
  toError() {
    const { name, code, reason, message } = this.spec;
    const raw = rawResponse(this.detail);
    switch (name) {
      case 'MonoCloudTokenError':
        return new MonoCloudTokenError(message, raw, reason, code);
      case 'MonoCloudOPError':
        return opError(this.spec, this.detail, raw);
      case 'MonoCloudHttpError':
        return withAdvice(new MonoCloudHttpError(message, raw, reason), this);
      default:
        return withAdvice(new MonoCloudValidationError(message, raw, reason), this);
    }
  }

  /** Seconds after which a caller may ask again: what the issuer said, else what the catalogue says, if anything. */
  get retryAfter() {
    return this.detail?.retryAfter ?? this.spec.retryAfter ?? undefined;
  }
}

/**
 * What the response to whoever is waiting needs, and no log prints: the seconds after which to ask again, and whether
 * this is an outage, whatever its class and status are.
 */
function withAdvice(error, failure) {
  hide(error, 'retryAfter', failure.retryAfter);
  const { name, isOutage } = failure.spec;
  // Wrong metadata keeps its class, and is an outage for whoever sent the token.
  const isMisconfigured = name === 'MonoCloudValidationError' && isOutage;
  return hide(error, 'isOutage', failure.detail?.isOutage || isMisconfigured || undefined);
}

/**
 * The server may quote in its `error` what it was sent, a secret for example. Only a plain word becomes the message;
 * what was received is in `error`, which no log prints.
 */
function opError({ reason, message }, detail, raw) {
  const received = detail?.error;
  const isWord = /^[a-z_]{1,64}$/.test(received);
  const error = new MonoCloudOPError(isWord ? received : message, detail?.errorDescription ?? undefined, raw, reason);
  return hide(error, 'error', received);
}

function rawResponse(detail) {
  if (detail?.status === undefined || detail.status === null) return undefined;
  const { status, statusText, headers, body } = detail;
  return { status, statusText, headers, body };
}

const BY_NUMBER = new Map();
/**
 * The catalogue's token failures by their message. The published package has no `code`: an error that somebody makes
 * with a documented message alone, in a test double or by another version, means the failure of that message.
 */
const TOKEN_FAILURES = new Map();
/** Failures without detail, by their word: made once. */
const FAILURES = Object.create(null);
for (const spec of native.failures()) {
  const failure = new Failure(Object.freeze({ __proto__: null, ...spec }));
  BY_NUMBER.set(spec.number, failure);
  FAILURES[spec.reason] = failure;
  if (spec.name === 'MonoCloudTokenError') TOKEN_FAILURES.set(spec.message, spec);
}

/** The failure of a number; with the JSON of a detail when there is one. */
function failureOf(number, detail) {
  const failure = BY_NUMBER.get(number) ?? FAILURES.internal;
  return detail ? new Failure(failure.spec, JSON.parse(detail)) : failure;
}

/** What a `MonoCloudTokenError` of any origin means for the caller. */
function tokenCodeOf(code, message) {
  return typeof code === 'string' ? code : (TOKEN_FAILURES.get(message)?.code ?? 'invalid_token');
}

module.exports = { ...CLASSES, Failure, FAILURES, tokenCodeOf, failureOf };
