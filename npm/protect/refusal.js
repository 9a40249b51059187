'use strict';

/**
 * How does an application change the response to a refused request? Reads the options `body`, `exposeReason`, `onRefused`
 * and `delegate` of `protectApi`.
 *
 * None of them can let a request in: the status stays, and so do the headers that tell the client what to do.
 */

/**
 * @import { ClientContext } from '../client/events.js'
 * @import { Framework } from './request-url.js'
 * @import { ResponseType } from './response.js'
 */
/** @typedef {Refusals} RefusalsType The class as a type, for other files. */
/** @typedef {RefusalError} RefusalErrorType The class as a type, for other files. */
/** @typedef {ResponseType | RefusalErrorType | undefined} Answer `undefined`: the application has sent a response. */
/** @typedef {(refusal: Refusal, request: any, response: any) => unknown} OnRefused */

const { STATUS_CODES } = require('node:http');

const { checkFlag, invalid, isAbsent } = require('../client/arguments.js');
const { hookFailed } = require('../client/events.js');
const { isPending } = require('../client/pending.js');
const { Failure, MonoCloudAuthBaseError } = require('../errors/errors.js');
const { mergedResponse } = require('./refusal-parts.js');
const { NAMES } = require('./response.js');

/**
 * The codes of refusals that say nothing about a token (RFC 6749 §4.1.2.1).
 *
 * @type {Record<number, string> & { __proto__: null }}
 */
const CODES = { __proto__: null, 400: 'invalid_request', 401: 'unauthorized', 503: 'temporarily_unavailable' };
/** RFC 9457 §3. The media type has no parameters. */
const PROBLEM_TYPE = 'application/problem+json';
const BODIES = ['message', 'problem'];
/** The frameworks whose guards return a response. The application sends it, so there is no error handler to call. */
const WITHOUT_HANDLER = ['web', 'node'];

const NEVER = () => false;

/** What `onRefused` is told. It holds no token. */
class Refusal {
  #cause;

  /** @param {ResponseType} response */
  constructor({ status, headers, reason, cause }) {
    this.#cause = cause;
    this.status = status;
    this.headers = Object.freeze({ ...headers });
    this.reason = typeof reason === 'string' ? reason : undefined;
    Object.freeze(this);
  }

  /** Created only if somebody reads it, because it has a stack. */
  get error() {
    const cause = this.#cause;
    return cause instanceof Failure ? cause.toError() : errorOf(cause);
  }
}

/**
 * A refusal for the framework's error handler, with the members that `http-errors` gives its errors. It has no `code`,
 * because Polka 0.5 would send that as the status.
 */
class RefusalError extends Error {
  /**
   * @param {ResponseType} response
   * @param {Error | undefined} cause
   */
  constructor(response, cause) {
    const { 'Content-Type': _type, ...headers } = response.headers;
    super(messageOf(response.status), cause && { cause });
    this.status = response.status;
    this.statusCode = response.status;
    this.headers = headers;
    this.expose = true;
    this.reason = response.reason;
    this.body = response.value ?? JSON.parse(response.text);
    // Frameworks log the stack of each error, and this one would only show where this package refused the request.
    this.stack = `${this.name}: ${this.message}`;
  }
}

Object.defineProperty(RefusalError.prototype, 'name', {
  __proto__: null,
  value: 'MonoCloudRefusalError',
  configurable: true,
  writable: true,
});

/** What changes the responses of one `protectApi`. */
class Refusals {
  #isProblem;
  #exposesReason;
  #delegates;
  /** @type {OnRefused | undefined} */
  #onRefused;
  #context;

  /**
   * @param {Record<string, any>} options
   * @param {ClientContext | undefined} context Identifies the client in events.
   */
  constructor({ body, exposeReason, delegate, onRefused }, context) {
    this.#isProblem = body === 'problem';
    this.#exposesReason = exposeReason === true;
    this.#delegates = delegate === true;
    this.#onRefused = onRefused ?? undefined;
    this.#context = context;
  }

  /**
   * Returns what becomes of a refusal: the response to send, the error for the framework, or `undefined` if the
   * application has sent a response. It is a promise if `onRefused` is set. Never throws or rejects.
   *
   * @param {ResponseType} refusal
   * @param {any} request The framework's request.
   * @param {any} response The framework's response, if it has one.
   * @param {(response: any) => boolean} isAnswered Whether the application has sent a response. Called once `onRefused` has
   *   ended.
   * @returns {Answer | Promise<Answer>}
   */
  answer(refusal, request, response, isAnswered) {
    const usual = this.#isProblem ? this.#problemOf(refusal) : refusal;
    return this.#onRefused === undefined
      ? this.#finished(usual, usual)
      : this.#told(this.#onRefused, usual, request, response, isAnswered).then(
          (answer) => answer && this.#finished(answer, usual),
        );
  }

  /**
   * The same where the caller gets the response, so that the application can neither send one nor have an error handler.
   *
   * @param {ResponseType} refusal
   * @param {any} request
   * @returns {ResponseType | Promise<ResponseType>}
   */
  returned(refusal, request) {
    const usual = this.#isProblem ? this.#problemOf(refusal) : refusal;
    return this.#onRefused === undefined
      ? usual
      : this.#told(this.#onRefused, usual, request, undefined, NEVER).then((answer) => answer ?? usual);
  }

  /**
   * What a delegated refusal was caused by.
   *
   * @param {ResponseType} refusal
   */
  causeOf(refusal) {
    return this.#delegates ? new Refusal(refusal).error : undefined;
  }

  /**
   * @param {OnRefused} onRefused
   * @param {ResponseType} usual
   * @param {any} request
   * @param {any} response
   * @param {(response: any) => boolean} isAnswered
   * @returns {Promise<ResponseType | undefined>}
   */
  async #told(onRefused, usual, request, response, isAnswered) {
    let answer = usual;
    let isSent = false;
    try {
      const result = onRefused(new Refusal(usual), request, response);
      // A `Reply` of Fastify has a `then`, which waits for the end of the response.
      const settled = isPending(result) && result !== response ? await result : result;
      isSent = isAnswered(response);
      if (!isSent) answer = mergedResponse(usual, settled);
    } catch {
      isSent = isAnswered(response);
      hookFailed(this.#context, 'onRefused');
    }
    return isSent ? undefined : answer;
  }

  /**
   * @param {ResponseType} answer
   * @param {ResponseType} usual
   * @returns {ResponseType | RefusalErrorType}
   */
  #finished(answer, usual) {
    return this.#delegates ? new RefusalError(answer, new Refusal(usual).error) : answer;
  }

  /**
   * RFC 9457 §3. A reason says more than the challenge, so the application decides. Failures of this API itself stay
   * private.
   *
   * @param {ResponseType} refusal
   */
  #problemOf(refusal) {
    const { status, reason } = refusal;
    const isShown = this.#exposesReason && status < 500 && typeof reason === 'string';
    const problem = { type: 'about:blank', title: STATUS_CODES[status], status, code: codeOf(refusal) };
    return refusal.with({
      text: JSON.stringify(isShown ? { ...problem, reason } : problem),
      headers: Object.freeze({ ...refusal.headers, 'Content-Type': PROBLEM_TYPE }),
    });
  }
}

/**
 * Reads the options of `protectApi` that change responses.
 *
 * @param {Record<string, any>} options
 * @param {ClientContext | undefined} context
 * @param {Framework} framework
 * @returns {Refusals | undefined} `undefined` if the responses stay as they are.
 */
function refusalsOf(options, context, framework) {
  const { body, exposeReason, onRefused, delegate } = options;
  const isProblem = body === 'problem';
  if (!isAbsent(body) && !BODIES.includes(body)) throw invalid(`body must be one of ${BODIES.join(', ')}`);
  checkFlag('exposeReason', exposeReason);
  checkFlag('delegate', delegate);
  if (exposeReason === true && !isProblem) throw invalid("exposeReason needs body: 'problem'");
  if (!isAbsent(onRefused) && typeof onRefused !== 'function') throw invalid('onRefused must be a function');
  if (delegate === true && WITHOUT_HANDLER.includes(framework)) {
    throw invalid(
      `delegate has no effect in ./${framework}: a guard returns its refusals. Throw an error of your framework for them yourself`,
    );
  }
  if (!isProblem && isAbsent(onRefused) && delegate !== true) return undefined;
  return new Refusals(options, context);
}

/**
 * The code of a refusal, also of one without a token.
 *
 * @param {{ status: number, code?: string }} refusal
 */
function codeOf({ status, code }) {
  return code ?? CODES[status] ?? 'server_error';
}

/**
 * An error of this package, also of another copy of it. The message of any other error may contain anything.
 *
 * @param {any} thrown
 * @returns {Error | undefined}
 */
function errorOf(thrown) {
  try {
    const isOne = thrown instanceof MonoCloudAuthBaseError || (thrown instanceof Error && NAMES.has(thrown.name));
    return isOne ? thrown : undefined;
  } catch {
    // A proxy, or a getter that throws.
    return undefined;
  }
}

/** @param {number} status */
const messageOf = (status) => String(STATUS_CODES[status]).toLowerCase();

module.exports = { CODES, RefusalError, codeOf, refusalsOf };
