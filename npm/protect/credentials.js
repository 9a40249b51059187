'use strict';

/** Where a request's token is: the `Authorization` header alone (RFC 6750 §2.1), never the query or the body. */

const SCHEME = 'bearer ';
const SPACE = 0x20;
const TAB = 0x09;
/** Two credentials in one header, or a word behind the token: every space a header's value can hold, and the comma. */
const SEPARATORS = [' ', ',', '\t', '\u00a0'];

/**
 * RFC 9110 §11.4: the scheme, one or more spaces (no tab, no other blank), and the token. What else a token may not
 * hold is for the engine, which refuses it by name.
 *
 * @param request A request of `node:http`.
 * @returns The one token, or `undefined` when there is none or not exactly one.
 */
function bearerToken(request) {
  const { headers } = request;
  const header = Object.hasOwn(headers, 'authorization') ? headers.authorization : undefined;
  if (typeof header !== 'string' || header.length <= SCHEME.length) return undefined;
  if (header.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  let start = SCHEME.length;
  while (header.charCodeAt(start) === SPACE) start += 1;
  const token = header.slice(start, endOf(header));
  if (token === '' || SEPARATORS.some((separator) => token.includes(separator))) return undefined;
  // Node keeps the first of several `Authorization` headers, and something before us may have read another.
  return isSentOnce(request.rawHeaders, 'authorization') ? token : undefined;
}

/**
 * Where a header's value ends: RFC 9110 §5.5 leaves out the spaces and tabs behind it. Node's parser does that, and
 * requests that never were on a wire (Fastify's `inject`) are read in the same way.
 */
function endOf(value) {
  let end = value.length;
  while (end > 0 && (value.charCodeAt(end - 1) === SPACE || value.charCodeAt(end - 1) === TAB)) end -= 1;
  return end;
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
