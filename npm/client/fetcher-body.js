'use strict';

/**
 * Reads the body of a response that a user's `fetcher` gave, whatever it is made of, within a limit of bytes and until
 * a signal aborts. Then the stream is cancelled, and nothing reads on.
 */

// Also of another realm, such as a test runner's, where `instanceof` says no.
const { isAnyArrayBuffer } = require('node:util').types;

const { textOf } = require('./json.js');

// Taken before a test's fake timers replace it.
const { setImmediate } = globalThis;

const MAX_BODY_BYTES = 512 * 1024;
/** After so many chunks timers get their turn: a stream whose chunks are all at hand would hold them off for ever. */
const CHUNKS_PER_TURN = 500;

/** A limit that was passed; the message is the engine's word for it. */
class Limit extends Error {}

/** The body as text. Throws a `Limit`, or whatever the body itself throws. */
async function readBody(response, signal) {
  const { body } = response;
  const stream = streamOf(body);
  if (stream) return strictText(await readStream(stream, signal));
  if (typeof body === 'string') return bounded(body);
  if (isBytes(body)) return strictText(octetsOf(body));
  // A response without a stream, as tests make them: nothing can bound what its method reads, only what is taken of it.
  if (typeof response.text === 'function') return bounded(await response.text());
  if (typeof response.arrayBuffer === 'function') return strictText(octetsOf(await response.arrayBuffer()));
  if (typeof response.json === 'function') return boundedJson(await response.json());
  throw new TypeError('a response without a body that can be read');
}

/** Cancels a body that nobody will read. */
function discardBody(response) {
  try {
    streamOf(response?.body)?.stop();
  } catch {
    // It is locked or no stream: there is nothing to cancel.
  }
}

/** `{ next, stop }` of a web stream, a Node stream or any asynchronous or synchronous iterable of chunks. */
function streamOf(body) {
  if (body === null || typeof body !== 'object' || isBytes(body)) return undefined;
  if (typeof body.getReader === 'function') {
    const reader = body.getReader();
    return { next: () => reader.read(), stop: () => quietly(() => reader.cancel()) };
  }
  const begin = body[Symbol.asyncIterator] ?? body[Symbol.iterator];
  if (typeof begin !== 'function') return undefined;
  // What a Node stream says after it was given up is nobody's error.
  if (typeof body.on === 'function') body.on('error', () => {});
  const iterator = begin.call(body);
  return {
    next: () => iterator.next(),
    stop: () => {
      quietly(() => body.destroy?.());
      quietly(() => iterator.return?.());
    },
  };
}

async function readStream({ next, stop }, signal) {
  const octets = new Octets();
  // A pending read may never end: the stream is told at once.
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (let count = 1; !signal.aborted; count += 1) {
      const { done, value } = await next();
      if (signal.aborted) break;
      if (done) return octets.all();
      octets.add(octetsOf(typeof value === 'string' ? Buffer.from(value) : value));
      if (count % CHUNKS_PER_TURN === 0) await new Promise((resolve) => { setImmediate(resolve); });
    }
    throw new Limit('timed_out');
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Octets in a buffer of their own, so that many small chunks hold no more memory than what they say. */
class Octets {
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #length = 0;

  add(chunk) {
    const length = this.#length + chunk.length;
    if (length > MAX_BODY_BYTES) throw new Limit('body_too_large');
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(2 * Math.max(length, this.#buffer.length), MAX_BODY_BYTES));
      larger.set(this.all());
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = length;
  }

  all() {
    return this.#buffer.subarray(0, this.#length);
  }
}

function isBytes(value) {
  return ArrayBuffer.isView(value) || isAnyArrayBuffer(value);
}

/** A view of the octets whose length is its own, never what a subclass says of itself. */
function octetsOf(value) {
  if (isAnyArrayBuffer(value)) return within(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return within(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  throw new Limit('body_invalid');
}

function within(octets) {
  if (octets.length > MAX_BODY_BYTES) throw new Limit('body_too_large');
  return octets;
}

/** A text of a user's function, if it is one and within the limit. */
function bounded(text) {
  if (typeof text !== 'string') throw new Limit('body_invalid');
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) throw new Limit('body_too_large');
  return text;
}

/** The JSON text of a document. Given up as soon as it must be too large, so that a huge one is never built. */
function boundedJson(document) {
  let least = 0;
  const text = textOf(document, function count(name, value) {
    // What JSON leaves out takes no room. The rest takes a character at least, and one for each of its texts.
    if (value !== undefined && typeof value !== 'function' && typeof value !== 'symbol') {
      least += 1 + (Array.isArray(this) ? 0 : name.length) + (typeof value === 'string' ? value.length : 0);
    }
    if (least > MAX_BODY_BYTES) throw new Limit('body_too_large');
    return value;
  });
  return bounded(text);
}

/** As strict as the engine's own client: bad UTF-8 is refused, and a byte order mark stays, to be refused there. */
function strictText(octets) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    throw new Limit('body_invalid');
  }
}

/** Calls what may throw or reject when nobody can be told. */
function quietly(work) {
  try {
    Promise.resolve(work()).catch(() => {});
  } catch {
    // The stream is given up already.
  }
}

module.exports = { Limit, boundedJson, discardBody, readBody };
