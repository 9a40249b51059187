'use strict';

/**
 * Reads the body of a response from the user's `fetcher`, of any common type. It stops at a limit of bytes, or when a
 * signal aborts, and then cancels the stream.
 */

/** @typedef {{ body?: unknown, text?: () => unknown, arrayBuffer?: () => unknown, json?: () => unknown }} FetchedResponse */
/**
 * @typedef {object} ChunkStream
 * @property {() => { done?: boolean, value: unknown } | Promise<{ done?: boolean, value: unknown }>} next
 * @property {() => void} stop
 */

// `instanceof` is false for objects of another realm, such as a test runner's.
const { isAnyArrayBuffer } = require('node:util').types;

const { LIMITS } = require('../native/constants.js');
const { textOf } = require('./json.js');

// Read before a test installs fake timers.
const { setImmediate } = globalThis;

const MAX_BODY_BYTES = LIMITS.bodyBytes;
/** After this many chunks, timers can run. Otherwise a stream that is always ready would block them forever. */
const CHUNKS_PER_TURN = 500;

/** The body cannot be used. The message is the engine's reason, such as `body_too_large`. */
class BodyError extends Error {}

/**
 * Returns the body as text. Throws a `BodyError`, or the error of the body itself.
 *
 * @param {FetchedResponse} response
 * @param {AbortSignal} signal
 */
async function readBody(response, signal) {
  const { body } = response;
  const stream = streamOf(body);
  if (stream) return strictText(await readStream(stream, signal));
  if (typeof body === 'string') return boundedText(body);
  if (isBytes(body)) return strictText(bytesOf(body));
  // Test doubles have no stream. Their methods may read any amount, so only the result can be checked.
  if (typeof response.text === 'function') return boundedText(await response.text());
  if (typeof response.arrayBuffer === 'function') return strictText(bytesOf(await response.arrayBuffer()));
  if (typeof response.json === 'function') return boundedJson(await response.json());
  throw new TypeError('a response without a body that can be read');
}

/**
 * Cancels a body that is not going to be read.
 *
 * @param {FetchedResponse} response
 */
function discardBody(response) {
  try {
    streamOf(response?.body)?.stop();
  } catch {
    // The body is locked or not a stream, so there is nothing to cancel.
  }
}

/**
 * Returns `{ next, stop }` for a web stream, a Node stream, or any async or sync iterable of chunks.
 *
 * @param {any} body What the user's `fetcher` returned. Each member is checked before it is used.
 * @returns {ChunkStream | undefined}
 */
function streamOf(body) {
  if (body === null || typeof body !== 'object' || isBytes(body)) return undefined;
  if (typeof body.getReader === 'function') {
    const reader = body.getReader();
    return { next: () => reader.read(), stop: () => quietly(() => reader.cancel()) };
  }
  const begin = body[Symbol.asyncIterator] ?? body[Symbol.iterator];
  if (typeof begin !== 'function') return undefined;
  // A Node stream may emit an error after it is cancelled. Without a listener, that would end the process.
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

/**
 * @param {ChunkStream} stream
 * @param {AbortSignal} signal
 */
async function readStream({ next, stop }, signal) {
  const collector = new Collector();
  // A pending read may never end, so an abort cancels the stream at once.
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (let count = 1; !signal.aborted; count += 1) {
      const { done, value } = await next();
      if (signal.aborted) break;
      if (done) return collector.all();
      collector.add(bytesOf(typeof value === 'string' ? Buffer.from(value) : value));
      if (count % CHUNKS_PER_TURN === 0)
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
    }
    throw new BodyError('timed_out');
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Collects chunks in one buffer. Keeping many small chunks would keep their larger buffers in memory. */
class Collector {
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #length = 0;

  /** @param {Uint8Array} chunk */
  add(chunk) {
    const length = this.#length + chunk.length;
    if (length > MAX_BODY_BYTES) throw new BodyError('body_too_large');
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

/** @param {unknown} value */
function isBytes(value) {
  return ArrayBuffer.isView(value) || isAnyArrayBuffer(value);
}

/**
 * Returns a plain view of the bytes. A subclass could report a false length.
 *
 * @param {unknown} value
 */
function bytesOf(value) {
  if (isAnyArrayBuffer(value)) return withinLimit(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return withinLimit(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  throw new BodyError('body_invalid');
}

/** @param {Uint8Array} bytes */
function withinLimit(bytes) {
  if (bytes.length > MAX_BODY_BYTES) throw new BodyError('body_too_large');
  return bytes;
}

/**
 * Returns the text if it is a string within the limit.
 *
 * @param {unknown} text
 */
function boundedText(text) {
  if (typeof text !== 'string') throw new BodyError('body_invalid');
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) throw new BodyError('body_too_large');
  return text;
}

/**
 * Returns the JSON text of a document. Stops as soon as the text must exceed the limit, so that no huge text is built.
 *
 * @param {unknown} document
 */
function boundedJson(document) {
  let minimumLength = 0;
  const text = textOf(document, function count(name, value) {
    // JSON omits some values. Any other takes at least one character, plus its name and its own text.
    if (value !== undefined && typeof value !== 'function' && typeof value !== 'symbol') {
      minimumLength += 1 + (Array.isArray(this) ? 0 : name.length) + (typeof value === 'string' ? value.length : 0);
    }
    if (minimumLength > MAX_BODY_BYTES) throw new BodyError('body_too_large');
    return value;
  });
  return boundedText(text);
}

/**
 * As strict as the engine's own client: rejects invalid UTF-8, and keeps a byte order mark, which the engine rejects.
 *
 * @param {Uint8Array} bytes
 */
function strictText(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new BodyError('body_invalid');
  }
}

/**
 * Runs `work` and ignores its errors, because no caller can handle them.
 *
 * @param {() => unknown} work
 */
function quietly(work) {
  try {
    Promise.resolve(work()).catch(() => {});
  } catch {
    // The stream is cancelled already.
  }
}

module.exports = { BodyError, boundedJson, discardBody, readBody };
