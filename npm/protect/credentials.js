'use strict';

/**
 * Finds the bearer token of a request: only in the `Authorization` header (RFC 6750 §2.1), never in the query or the
 * body.
 */

const SCHEME = 'bearer ';
const SPACE = 0x20;
const TAB = 0x09;
/**
 * Characters that mean a second credential or trailing text: every space that a header value can hold, and the comma.
 */
const SEPARATORS = [' ', ',', '\t', '\u00a0'];

/**
 * RFC 9110 §11.4: the scheme, then one or more spaces (no tabs), then the token. The engine checks the characters of
 * the token.
 *
 * @param request A request of `node:http`.
 * @returns The token, or `undefined` unless there is exactly one.
 */
function bearerToken(request) {
  const { headers } = request;
  const header = Object.hasOwn(headers, 'authorization') ? headers.authorization : undefined;
  if (typeof header !== 'string' || header.length <= SCHEME.length) return undefined;
  if (header.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  let start = SCHEME.length;
  while (header.charCodeAt(start) === SPACE) start += 1;
  const token = header.slice(start, endOfValue(header));
  if (token === '' || SEPARATORS.some((separator) => token.includes(separator))) return undefined;
  // Node keeps the first of several `Authorization` headers. A proxy in front of the process may have read another
  // one.
  return isSentOnce(request.rawHeaders, 'authorization') ? token : undefined;
}

/**
 * Returns the end of a header value without trailing spaces and tabs (RFC 9110 §5.5). Node's parser removes them, but
 * Fastify's `inject` does not use that parser.
 */
function endOfValue(value) {
  let end = value.length;
  while (end > 0 && (value.charCodeAt(end - 1) === SPACE || value.charCodeAt(end - 1) === TAB)) end -= 1;
  return end;
}

/** Whether a header was received at most once. `rawHeaders` alternates names and values. */
function isSentOnce(rawHeaders, name) {
  if (!rawHeaders) return true;
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const other = rawHeaders[i];
    if (other.length === name.length && other.toLowerCase() === name) count += 1;
  }
  return count <= 1;
}

module.exports = { bearerToken, isSentOnce };
