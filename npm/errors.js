'use strict';

/**
 * The five error classes, and the one place where a failure of the engine becomes one of them.
 *
 * The engine defines every failure once (number, word, class, code, message); the table is read from it at start.
 * Decisions travel as `Failure` values, which cost nothing; an `Error` with its stack is made only to be thrown.
 */

const native = require('./native.js');

class MonoCloudAuthBaseError extends Error {
  constructor(message, reason, raw) {
    super(message);
    this.reason = reason;
    // What the server sent is there for who asks, and in no log that prints the error.
    Object.defineProperty(this, 'raw', { __proto__: null, value: raw, configurable: true, writable: true });
  }
}

class MonoCloudValidationError extends MonoCloudAuthBaseError {}

class MonoCloudTokenError extends MonoCloudAuthBaseError {
  constructor(message, code = 'invalid_token', reason = undefined, raw = undefined) {
    super(message, reason, raw);
    this.code = code;
  }
}

class MonoCloudOPError extends MonoCloudAuthBaseError {
  constructor(error, errorDescription, reason, raw) {
    // The server's own words may echo what it was sent: only a plain error word goes into the message.
    const word = /^[a-z_]{1,64}$/.test(error) ? `: ${error}` : '';
    super(`The authorization server refused the request${word}`, reason, raw);
    // Its words are there for who asks, and in no log that prints the error.
    for (const [name, value] of Object.entries({ error, errorDescription })) {
      Object.defineProperty(this, name, { __proto__: null, value, configurable: true, writable: true });
    }
  }
}

class MonoCloudHttpError extends MonoCloudAuthBaseError {
  constructor(message, reason, raw) {
    super(message, reason, raw);
    this.status = raw?.status;
    this.statusText = raw?.statusText;
  }
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
    return this.spec.name === 'MonoCloudHttpError' && this.spec.reason !== 'internal';
  }

  /** The one error this failure is thrown as. */
  toError() {
    const { name, code, reason, message } = this.spec;
    const raw = rawResponse(this.detail);
    switch (name) {
      case 'MonoCloudTokenError':
        return new MonoCloudTokenError(message, code, reason, raw);
      case 'MonoCloudOPError':
        return new MonoCloudOPError(this.detail?.error, this.detail?.errorDescription ?? undefined, reason, raw);
      case 'MonoCloudHttpError':
        return withRetryAfter(new MonoCloudHttpError(message, reason, raw), this.detail?.retryAfter);
      default:
        return new MonoCloudValidationError(message, reason, raw);
    }
  }
}

/** Seconds after which the issuer wants to be asked again: for the answer to whoever is waiting. */
function withRetryAfter(error, seconds) {
  return Object.defineProperty(error, 'retryAfter', { __proto__: null, value: seconds ?? undefined, configurable: true, writable: true });
}

function rawResponse(detail) {
  if (detail?.status === undefined || detail.status === null) return undefined;
  const { status, statusText, headers, body } = detail;
  return { status, statusText, headers, body };
}

const BY_NUMBER = new Map();
/** Failures without detail, by their word: made once. */
const FAILURES = Object.create(null);
for (const spec of native.failures()) {
  const failure = new Failure(Object.freeze(spec));
  BY_NUMBER.set(spec.number, failure);
  FAILURES[spec.reason] = failure;
}

/** The failure of a number; with the JSON of a detail when there is one. */
function failureOf(number, detail) {
  const failure = BY_NUMBER.get(number) ?? FAILURES.internal;
  return detail ? new Failure(failure.spec, JSON.parse(detail)) : failure;
}

module.exports = { ...CLASSES, Failure, FAILURES, failureOf };
