'use strict';

/**
 * The user's functions that fetch: `fetcher`, `metadataResolver`, `jwksResolver`. The engine says what it needs, this
 * performs it and hands the answer back; what the answer is worth is decided there.
 */

const { Limit, boundedJson, discardBody, readBody } = require('./fetcher-body.js');
const json = require('./json.js');

// Taken before a test's fake timers replace it: a deadline is real time.
const { setTimeout, clearTimeout } = globalThis;

/** The most headers that are handed over; the engine bounds their size. */
const MAX_HEADERS = 100;
/** What a timer can hold, in milliseconds: with more it would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

class Host {
  #native;
  #functions;
  #timeout;

  constructor(native, functions) {
    this.#native = native;
    this.#functions = functions;
    this.#timeout = Math.min(native.responseTimeout(), MAX_TIMER);
  }

  /** Starts everything the engine waits for. */
  drain() {
    for (const request of JSON.parse(this.#native.takeRequests())) this.#perform(request).catch(() => {});
  }

  async #perform(request) {
    try {
      await withDeadline(Math.min(request.timeLimit ?? Infinity, this.#timeout), (signal) => this.#answer(request, signal));
    } catch (error) {
      this.#fail(request.id, error instanceof Limit ? error.message : 'fetcher_failed');
    }
    // An answer may ask for more: metadata, then keys.
    this.drain();
  }

  #fail(id, word) {
    try {
      this.#native.fail(id, word);
    } catch {
      // Somebody waits for an end, whatever goes wrong in telling of it.
      this.#native.fail(id, 'fetcher_failed');
    }
  }

  async #answer(request, signal) {
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
      throw new Limit('timed_out');
    }
    const head = [statusOf(response), textOf(response.statusText), json.textOf(headersOf(response.headers))];
    try {
      const body = await readBody(response, signal);
      return () => this.#native.answer(request.id, ...head, body);
    } catch (error) {
      if (!(error instanceof Limit)) throw error;
      return () => this.#native.answerBroken(request.id, ...head, error.message);
    }
  }
}

/** A status is a whole number: the native side would make 200 of 200.5. */
function statusOf({ status }) {
  if (Number.isInteger(status) && status >= 100 && status <= 999) return status;
  throw new TypeError('a response without a status');
}

const textOf = (value) => (typeof value === 'string' ? value : '');

/**
 * Pairs of texts, of `Headers`, a `Map`, an array of pairs or a plain object. A number is its text, a list of values
 * several headers; anything else is left out.
 */
function headersOf(headers) {
  if (headers === null || typeof headers !== 'object') return [];
  const kept = [];
  const pairs = typeof headers[Symbol.iterator] === 'function' ? headers : Object.entries(headers);
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string') continue;
    for (const value of Array.isArray(pair[1]) ? pair[1] : [pair[1]]) {
      if (typeof value === 'string' || typeof value === 'number') kept.push([pair[0], String(value)]);
      if (kept.length === MAX_HEADERS) return kept;
    }
  }
  return kept;
}

/** Runs `work` until the deadline; what it gives is called only when it was in time, so that one answer is given. */
async function withDeadline(milliseconds, work) {
  const controller = new AbortController();
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Limit('timed_out'));
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

module.exports = { Host };
