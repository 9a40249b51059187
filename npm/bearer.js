'use strict';

/** Where a request's token is: the `Authorization` header alone (RFC 6750 §2.1), never the query or the body. */

const SCHEME = 'bearer ';
/** Two credentials in one header, or a word behind the token: every space a header's value can hold, and the comma. */
const SEPARATORS = [' ', ',', '\t', '\u00a0'];

/**
 * @param request A request of `node:http`.
 * @returns The one token, or `undefined` when there is none or not exactly one.
 */
function bearerToken(request) {
  // An own member: one that is inherited was not sent.
  const header = Object.hasOwn(request.headers, 'authorization') ? request.headers.authorization : undefined;
  if (typeof header !== 'string' || header.length <= SCHEME.length) return undefined;
  if (header.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  const token = header.slice(SCHEME.length).trim();
  if (token === '' || SEPARATORS.some((separator) => token.includes(separator))) return undefined;
  // Node keeps the first of several `Authorization` headers, and something before us may have read another.
  return isSentOnce(request.rawHeaders, 'authorization') ? token : undefined;
}

/** Whether a header was received at most once. `rawHeaders` holds names and values in turn. */
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
