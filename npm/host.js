'use strict';

/**
 * The user's functions that fetch: `fetcher`, `metadataResolver`, `jwksResolver`. The engine says what it needs, this
 * performs it and hands the answer back; what the answer is worth is decided there.
 */

const { textOf } = require('./json.js');

// Taken before a test's fake timers replace it: a deadline is real time.
const { setTimeout, clearTimeout } = globalThis;

const MAX_BODY_BYTES = 512 * 1024;
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
      await withDeadline(this.#timeout, (signal) => this.#answer(request, signal));
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
      const document = await (request.kind === 'jwks' ? jwksResolver() : metadataResolver());
      const text = textOf(document);
      if (Buffer.byteLength(text) > MAX_BODY_BYTES) throw new Limit('body_too_large');
      return () => this.#native.resolve(request.id, text);
    }
    const response = await this.#functions.fetcher(request.url, {
      method: request.form === null ? 'GET' : 'POST',
      headers: Object.fromEntries(request.headers),
      body: request.form ?? undefined,
      redirect: 'manual',
      signal,
    });
    const head = [response.status, response.statusText ?? '', textOf([...response.headers])];
    try {
      const body = await readBody(response);
      return () => this.#native.answer(request.id, ...head, body);
    } catch (error) {
      if (!(error instanceof Limit)) throw error;
      return () => this.#native.answerBroken(request.id, ...head, error.message);
    }
  }
}

/** A limit of ours that was passed; the message is the engine's word for it. */
class Limit extends Error {}

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

/** The body as text, never more than the limit of it. A response without a stream (a test's) gives its text. */
async function readBody(response) {
  if (!response.body?.getReader) {
    const text = await response.text();
    if (Buffer.byteLength(text) > MAX_BODY_BYTES) throw new Limit('body_too_large');
    return text;
  }
  const reader = response.body.getReader();
  const chunks = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return strictText(Buffer.concat(chunks));
    length += value.byteLength;
    if (length > MAX_BODY_BYTES) {
      reader.cancel().catch(() => {});
      throw new Limit('body_too_large');
    }
    chunks.push(value);
  }
}

/** As strict as the engine's own client: bad UTF-8 is refused, and a BOM stays, to be refused there. */
function strictText(octets) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    throw new Limit('body_invalid');
  }
}

module.exports = { Host };
