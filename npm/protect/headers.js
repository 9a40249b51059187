'use strict';

/**
 * Reads the header fields of a request, as `node:http` or the Fetch standard has them.
 *
 * `node:http` keeps the first of several `Authorization` fields and joins the fields of most other names. A web
 * `Headers` joins them all, with a comma and a space (RFC 9110 §5.3). Only `rawHeaders` has every field that arrived.
 */

/** @typedef {Record<string, any>} HeaderFields An object with names in lower case, or a web `Headers`. */
/**
 * What arrived: a request of `node:http`, of the compatibility API of `node:http2`, or of the Fetch standard.
 *
 * @typedef {object} Message
 * @property {string} [method]
 * @property {string} [originalMethod] The received method, before a method override.
 * @property {HeaderFields} headers
 * @property {string[]} [rawHeaders] Names and values in turn, as received.
 */

const { invalid, memberOf } = require('../client/arguments.js');

const SPACE = 0x20;
const TAB = 0x09;

/**
 * Returns a header, or `undefined` if there is none. Ignores inherited members, which may come from a polluted
 * prototype.
 *
 * @param {HeaderFields} headers
 * @param {string} name In lower case.
 * @returns {any}
 */
function headerOf(headers, name) {
  if (Object.hasOwn(headers, name)) return headers[name];
  return isWeb(headers) ? (headers.get(name) ?? undefined) : undefined;
}

/**
 * Returns the names of all headers, in lower case.
 *
 * @param {HeaderFields} headers
 * @returns {string[]}
 */
function namesOf(headers) {
  return isWeb(headers) ? [...headers.keys()] : Object.keys(headers);
}

/**
 * A field that is called `Get` is text. The first check is the quick one, for requests of Node.
 *
 * @param {HeaderFields} headers
 */
function isWeb(headers) {
  return typeof headers.get === 'function' && typeof memberOf(headers, 'get') === 'function';
}

/**
 * Throws if a guard is called with something that is not a request.
 *
 * @param {any} message
 * @param {string} expected What it takes.
 */
function checkMessage(message, expected) {
  const headers = message?.headers;
  if (typeof headers !== 'object' || headers === null) throw invalid(`The guard takes ${expected}`);
}

/**
 * Whether a header was received at most once. `rawHeaders` alternates names and values.
 *
 * @param {readonly string[] | undefined} rawHeaders
 * @param {string} name
 */
function isSentOnce(rawHeaders, name) {
  if (!rawHeaders) return true;
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const other = rawHeaders[i];
    if (other.length === name.length && other.toLowerCase() === name) count += 1;
  }
  return count <= 1;
}

/**
 * Returns the end of a header value without trailing spaces and tabs (RFC 9110 §5.5). Node's parser removes them, but
 * Fastify's `inject` does not use that parser.
 *
 * @param {string} value
 */
function endOfValue(value) {
  let end = value.length;
  while (end > 0 && (value.charCodeAt(end - 1) === SPACE || value.charCodeAt(end - 1) === TAB)) end -= 1;
  return end;
}

module.exports = { checkMessage, endOfValue, headerOf, isSentOnce, namesOf };
