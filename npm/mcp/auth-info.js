'use strict';

/** What do the MCP SDKs want to know about a token? Builds their `AuthInfo` from claims. */

const { own } = require('../client/arguments.js');
const { anyValidatorOf } = require('../client/client.js');

/**
 * Returns `AuthInfo`, or `undefined` if the claims have no expiry. Only introspected tokens can lack one. Both SDKs reject
 * an `AuthInfo` without it.
 *
 * @param {any} client
 * @param {string} token
 * @param {object} claims
 * @param {string | undefined} metadataUrl The URL of the metadata.
 * @returns {import('../mcp.js').McpAuthInfo | undefined}
 */
function authInfoOf(client, token, claims, metadataUrl) {
  const set = /** @type {Record<string, unknown>} */ (claims);
  const expiresAt = own(set, 'exp');
  if (typeof expiresAt !== 'number' || Number.isNaN(expiresAt)) return undefined;
  const clientId = textOf(own(set, 'client_id')) ?? textOf(own(set, 'azp')) ?? '';
  const scopes = (textOf(own(set, 'scope')) ?? '').split(' ').filter((scope) => scope !== '');
  const resource = urlOf(matchOf(own(set, 'aud'), anyValidatorOf(client)?.audiences ?? []));
  return {
    token,
    clientId,
    scopes,
    expiresAt,
    ...(resource && { resource }),
    ...(metadataUrl && { resourceMetadataUrl: metadataUrl }),
    extra: { claims: /** @type {any} */ (claims) },
  };
}

/**
 * The audience of the client that the token is for. A client of another kind has none.
 *
 * @param {unknown} aud
 * @param {readonly string[]} audiences
 * @returns {string | undefined}
 */
function matchOf(aud, audiences) {
  const named = [aud].flat();
  return audiences.find((audience) => named.includes(audience));
}

/**
 * A URL of the web. Other names of an API have no origin.
 *
 * @param {string | undefined} text
 */
function urlOf(text) {
  if (text === undefined || !/^https?:\/\//i.test(text)) return undefined;
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** @param {unknown} value */
const textOf = (value) => (typeof value === 'string' ? value : undefined);

module.exports = { authInfoOf };
