'use strict';

/**
 * Which response follows from what `onRefused` returned?
 *
 * Its body replaces ours. Its headers are added to ours, and cannot remove one that tells the client what to do. A name or
 * a value that no header can have fails here, before the framework could fail while it sends the response.
 */

/** @import { Headers, ResponseType } from './response.js' */

const { validateHeaderName, validateHeaderValue } = require('node:http');

const { isPlain, own } = require('../client/arguments.js');

const TEXT_TYPE = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const CONTENT_TYPE = 'Content-Type';

/** The server sets these. With them, a response could be read as two (RFC 9112 §11.2, RFC 9113 §8.2.2). */
const FRAMING = new Set([
  'connection',
  'content-length',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Ours stay, if there are any: a nonce, and that nobody may keep it (RFC 9449 §8.2). */
const KEPT = new Set(['cache-control', 'dpop-nonce']);
/** A list (RFC 9110 §11.6.1), to which the application can add challenges of its own. */
const CHALLENGES = 'www-authenticate';

/**
 * @param {ResponseType} usual The response without `onRefused`.
 * @param {unknown} result What `onRefused` returned. Anything but a plain object changes nothing. Only the members `body` and
 *   `headers` count.
 * @returns {ResponseType}
 * @throws A header or a body cannot be sent.
 */
function mergedResponse(usual, result) {
  if (!isPlain(result)) return usual;
  const [body, given] = [own(result, 'body'), own(result, 'headers')];
  const hasBody = body !== undefined && body !== null;
  if (!hasBody && (given === undefined || given === null)) return usual;
  /** @type {Headers} */
  const typed = {
    ...usual.headers,
    ...(hasBody && { [CONTENT_TYPE]: typeof body === 'string' ? TEXT_TYPE : JSON_TYPE }),
  };
  const headers = Object.freeze(withHeaders(typed, given ?? {}));
  return usual.with(hasBody ? { headers, text: textOf(body), value: body } : { headers });
}

/**
 * @param {Headers} ours
 * @param {unknown} given
 */
function withHeaders(ours, given) {
  if (!isPlain(given)) throw new TypeError('headers must be a plain object');
  const merged = { ...ours };
  for (const name of Object.keys(given)) {
    const value = given[name];
    if (typeof value !== 'string') throw new TypeError('the value of a header must be text');
    validateHeaderName(name);
    validateHeaderValue(name, value);
    const lower = name.toLowerCase();
    if (FRAMING.has(lower)) throw new TypeError('the server sets this header');
    const known = Object.keys(merged).find((other) => other.toLowerCase() === lower);
    const isEmptyList = lower === CHALLENGES && value.trim() === '';
    if (isEmptyList || (known !== undefined && KEPT.has(lower))) continue;
    const added = known !== undefined && lower === CHALLENGES ? `${merged[known]}, ${value}` : value;
    Object.defineProperty(merged, known ?? name, {
      __proto__: null,
      value: added,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return merged;
}

/** @param {unknown} body */
function textOf(body) {
  if (typeof body === 'string') return body;
  if (ArrayBuffer.isView(body)) throw new TypeError('a body must be text, or a value for JSON');
  const text = JSON.stringify(body);
  if (typeof text !== 'string') throw new TypeError('a body must be text, or a value for JSON');
  return text;
}

module.exports = { mergedResponse };
