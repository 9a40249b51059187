'use strict';

/**
 * Calls the user's functions that fetch: `fetcher`, `metadataResolver` and `jwksResolver`. The engine queues requests.
 * This module performs each one and passes the response back to the engine, which validates it.
 */

/**
 * @import { MonoCloudBackendNodeClient } from '../native/binding.js'
 * @import { HostRequest } from '../native/values.js'
 * @import { Functions } from './options.js'
 */

const { LIMITS } = require('../native/constants.js');
const { BodyError, boundedJson, discardBody, readBody } = require('./fetcher-body.js');
const json = require('./json.js');

// Read before a test installs fake timers, because a deadline needs real time.
const { setTimeout, clearTimeout } = globalThis;

/** The longest delay of `setTimeout`. A longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

class UserFunctions {
  #native;
  #functions;
  #timeoutMs;

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {Functions} functions
   * @param {number} timeoutMs The client's `responseTimeout`.
   */
  constructor(native, functions, timeoutMs) {
    this.#native = native;
    this.#functions = functions;
    this.#timeoutMs = Math.min(timeoutMs, MAX_TIMER_MS);
  }

  /** Starts every request that the engine has queued. */
  drain() {
    for (const request of JSON.parse(this.#native.takeRequests())) this.#perform(request).catch(() => {});
  }

  /** @param {HostRequest} request */
  async #perform(request) {
    try {
      const timeLimit = Math.min(request.timeLimit ?? Infinity, this.#timeoutMs);
      await withDeadline(timeLimit, (signal) => this.#call(request, signal));
    } catch (error) {
      this.#fail(request.id, error instanceof BodyError ? error.message : 'fetcher_failed');
    }
    // A response may lead to the next request: the keys follow the metadata.
    this.drain();
  }

  /**
   * @param {number} id
   * @param {string} reason
   */
  #fail(id, reason) {
    try {
      this.#native.fail(id, reason);
    } catch {
      // The caller still waits for this request. It must end, also after an internal error.
      this.#native.fail(id, 'fetcher_failed');
    }
  }

  /**
   * Calls the function for a request. Returns a function that passes the response to the engine.
   *
   * @param {HostRequest} request
   * @param {AbortSignal} signal
   * @returns {Promise<() => void>}
   */
  async #call(request, signal) {
    const { metadataResolver, jwksResolver } = this.#functions;
    if (request.kind !== 'http') {
      const text = boundedJson(await (request.kind === 'jwks' ? jwksResolver() : metadataResolver()));
      return () => this.#native.resolve(request.id, text);
    }
    const response = await this.#functions.fetcher(request.url, {
      method: request.form === null ? 'GET' : 'POST',
      headers: Object.fromEntries(request.headers),
      body: request.form ?? undefined,
      redirect: 'manual',
      signal,
    });
    if (signal.aborted) {
      discardBody(response);
      throw new BodyError('timed_out');
    }
    const head = /** @type {const} */ ([
      statusOf(response),
      textOf(response.statusText),
      json.textOf(headersOf(response.headers)),
    ]);
    try {
      const body = await readBody(response, signal);
      return () => this.#native.answer(request.id, ...head, body);
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      return () => this.#native.answerBroken(request.id, ...head, error.message);
    }
  }
}

/**
 * Only integers are a status. Without this check, the engine would read 200.5 as 200.
 *
 * @param {{ status?: unknown }} response
 * @returns {number}
 */
function statusOf({ status }) {
  if (typeof status === 'number' && Number.isInteger(status) && status >= 100 && status <= 999) return status;
  throw new TypeError('a response without a status');
}

/** @param {unknown} value */
const textOf = (value) => (typeof value === 'string' ? value : '');

/**
 * Returns pairs of strings from `Headers`, a `Map`, an array of pairs or a plain object. A number becomes a string, and
 * an array of values becomes several headers. Other values are ignored. The engine limits the size of the headers.
 *
 * @param {any} headers What the user's `fetcher` returned. Each value is checked.
 * @returns {Array<[name: string, value: string]>}
 */
function headersOf(headers) {
  if (headers === null || typeof headers !== 'object') return [];
  /** @type {Array<[name: string, value: string]>} */
  const kept = [];
  const pairs = typeof headers[Symbol.iterator] === 'function' ? headers : Object.entries(headers);
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string') continue;
    for (const value of Array.isArray(pair[1]) ? pair[1] : [pair[1]]) {
      if (typeof value === 'string' || typeof value === 'number') kept.push([pair[0], String(value)]);
      if (kept.length === LIMITS.headers) return kept;
    }
  }
  return kept;
}

/**
 * Runs `work`, and calls the function that it returns if `work` ends before the deadline. So the engine receives either
 * the response or the timeout, never both.
 *
 * @param {number} milliseconds
 * @param {(signal: AbortSignal) => Promise<() => void>} work
 */
async function withDeadline(milliseconds, work) {
  const controller = new AbortController();
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new BodyError('timed_out'));
      controller.abort();
    }, milliseconds);
  });
  try {
    const commit = await Promise.race([work(controller.signal), deadline]);
    commit();
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { UserFunctions };
