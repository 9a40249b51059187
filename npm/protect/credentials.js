'use strict';

/**
 * Finds the access token of a request, and the scheme that it came with: `Bearer` (RFC 6750 §2.1) or `DPoP` (RFC 9449
 * §7.1). Reads only the `Authorization` header, never the query or the body.
 */

/** @import { HeaderFields } from './headers.js' */

const { endOfValue, headerOf, isSentOnce } = require('./headers.js');

const SPACE = 0x20;
/** Each scheme with the space behind it. Schemes are case-insensitive (RFC 9110 §11.1). */
const BEARER = 'bearer ';
const DPOP = 'dpop ';
/**
 * Characters that mean a second credential or trailing text: every space that a header value can hold, and the comma.
 *
 * @param {string} text
 */
const hasSeparator = (text) =>
  text.includes(' ') || text.includes(',') || text.includes('\t') || text.includes('\u00a0');
/** One of the two schemes, and not a longer word (RFC 9110 §5.6.2 `token`). */
const OWN_SCHEME = /^[ \t]*(?:bearer|dpop)(?![\w!#$%&'*+.^`|~-])/i;
/** One of the two schemes behind a comma: web `Headers` join several fields. */
const LATER_SCHEME = /,[ \t]*(?:bearer|dpop)[ \t]/i;

/** More than one `Authorization` field, or a list. A proxy in front of the process may have read another one. */
const AMBIGUOUS = Symbol('ambiguous credentials');
/** The scheme `Bearer` or `DPoP` without exactly one token. */
const MALFORMED = Symbol('malformed credentials');

/** A token that needs a proof. */
class DpopCredentials {
  /** @param {string} token */
  constructor(token) {
    this.scheme = 'dpop';
    this.token = token;
  }
}

/**
 * RFC 9110 §11.4: the scheme, then one or more spaces (no tabs), then the token. The engine checks the characters of
 * the token.
 *
 * @param {HeaderFields} headers
 * @param {readonly string[]} [rawHeaders] Names and values in turn, as received. Without them, repeated fields show only
 *   as a list.
 * @returns {string | DpopCredentials | symbol | undefined} The token itself for `Bearer`, because an object for it would cost as much as reading the header. Otherwise
 *   `DpopCredentials`, `AMBIGUOUS`, `MALFORMED`, or `undefined` if there are no credentials of either scheme.
 */
function credentialsOf(headers, rawHeaders) {
  const header = headerOf(headers, 'authorization');
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !isSentOnce(rawHeaders, 'authorization')) return AMBIGUOUS;
  const prefix = prefixOf(header);
  if (prefix === undefined) return withoutToken(header);
  let start = prefix.length;
  while (header.charCodeAt(start) === SPACE) start += 1;
  const token = header.slice(start, endOfValue(header));
  if (token === '' || hasSeparator(token)) {
    return token.includes(',') ? AMBIGUOUS : MALFORMED;
  }
  return prefix === BEARER ? token : new DpopCredentials(token);
}

/** @param {string} header */
function prefixOf(header) {
  if (header.slice(0, BEARER.length).toLowerCase() === BEARER) return BEARER;
  return header.slice(0, DPOP.length).toLowerCase() === DPOP ? DPOP : undefined;
}

/**
 * What a header is that does not begin with one of the two schemes and a space.
 *
 * @param {string} header
 */
function withoutToken(header) {
  if (LATER_SCHEME.test(header)) return AMBIGUOUS;
  return OWN_SCHEME.test(header) ? MALFORMED : undefined;
}

module.exports = { AMBIGUOUS, DpopCredentials, MALFORMED, credentialsOf };
