'use strict';

/**
 * Reads the header `Forwarded` (RFC 7239) for the option `urlResolver`. Express and Fastify read only `X-Forwarded-*`.
 *
 * Each proxy appends an element. The last element is that of the proxy next to this process. Those before it may come
 * from the client.
 */

const { memberOf } = require('../client/arguments.js');
const { headerOf } = require('./headers.js');
const { targetOf, urlOf } = require('./request-url.js');

/**
 * RFC 7239 §4: one parameter, and the separator behind it. A value is a token, or a quoted string, in which separators
 * do not count. Some proxies do not quote a port or an IPv6 address, so `:`, `[` and `]` count as characters of a token.
 */
const PAIR = /([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~:[\]-]+)|"((?:[^"\\]|\\.)*)")[ \t]*([;,]|$)[ \t]*/y;
const SEPARATORS = /[ \t,]*/y;
/** The value of a longer header is not read. */
const MAX_LENGTH = 8192;

/**
 * Returns the `urlResolver`. It returns `undefined` if there is no URL in the header, or if the header is malformed.
 *
 * @type {typeof import('../types/protect.js').fromForwarded}
 */
function fromForwarded() {
  return (request) => {
    const message = memberOf(request, 'raw') ?? request;
    const value = headerOf(message.headers, 'forwarded');
    const last = typeof value === 'string' && value.length <= MAX_LENGTH ? lastElementOf(value) : undefined;
    return last && urlOf(last.proto, last.host, targetOf(request));
  };
}

/**
 * The parameters of the last element, by their names in lower case, or `undefined` if any element is malformed.
 *
 * @param {string} value
 * @returns {Record<string, string> | undefined}
 */
function lastElementOf(value) {
  /** @type {any} */
  let element;
  let isOpen = false;
  let at = 0;
  while (at < value.length) {
    if (!isOpen) {
      // RFC 9110 §5.6.1.2: a list may have empty elements.
      at = endOf(SEPARATORS, value, at);
      if (at === value.length) break;
      element = { __proto__: null };
    }
    PAIR.lastIndex = at;
    const match = PAIR.exec(value);
    if (match === null) return undefined;
    const [, name, token, quoted, separator] = match;
    // RFC 7239 §4: no parameter occurs twice in one element.
    if (element[name.toLowerCase()] !== undefined) return undefined;
    element[name.toLowerCase()] = token ?? quoted.replace(/\\(.)/g, '$1');
    isOpen = separator === ';';
    at = PAIR.lastIndex;
  }
  return isOpen ? undefined : element;
}

/**
 * @param {RegExp} pattern A sticky one.
 * @param {string} value
 * @param {number} at
 */
function endOf(pattern, value, at) {
  pattern.lastIndex = at;
  pattern.test(value);
  return pattern.lastIndex;
}

module.exports = { fromForwarded };
