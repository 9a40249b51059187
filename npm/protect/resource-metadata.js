'use strict';

/**
 * Which URL do the challenges of an API name as its metadata (RFC 9728 §5.1)? Reads the option `resourceMetadata`: that
 * URL, or what `protectedResource()` returned.
 */

const { invalid, memberOf } = require('../client/arguments.js');

/** The characters of a URL that need no escape in a header. The MCP clients do not undo escapes. */
const PRINTABLE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * Returns the URL as it was written, or `undefined` without the option.
 *
 * @param {any} given
 * @returns {string | undefined}
 */
function metadataUrlOf(given) {
  if (given === undefined || given === null) return undefined;
  // Another copy of this package has its own class, so only the member counts.
  const url = typeof given === 'string' ? given : memberOf(given, 'url');
  if (typeof url === 'string' && isWebUrl(url)) return url;
  throw invalid('resourceMetadata must be an absolute http or https URL, or the result of protectedResource()');
}

/**
 * Whether a text is an absolute URL of the web, without a user, a fragment, or a character that must be escaped.
 *
 * @param {string} text
 */
function isWebUrl(text) {
  return /^https?:\/\/[^/?#@]+(?:[/?][^#]*)?$/i.test(text) && PRINTABLE.test(text) && canParse(text);
}

/** @param {string} text */
function canParse(text) {
  try {
    return Boolean(new URL(text));
  } catch {
    return false;
  }
}

module.exports = { isWebUrl, metadataUrlOf };
