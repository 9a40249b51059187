'use strict';

/** What do the MCP SDKs want to know about a token? Builds their `AuthInfo` from claims. */

const { own } = require('../client/arguments.js');
const { anyValidatorOf } = require('../client/client.js');

/**
 * Returns `AuthInfo`, or `undefined` if the claims have no expiry. Only introspected tokens can lack one. Both SDKs reject
 * an `AuthInfo` without it.
 *
 * @param metadataUrl The URL of the metadata, or `undefined`.
 */
function authInfoOf(client, token, claims, metadataUrl) {
  const expiresAt = own(claims, 'exp');
  if (typeof expiresAt !== 'number' || Number.isNaN(expiresAt)) return undefined;
  const clientId = textOf(own(claims, 'client_id')) ?? textOf(own(claims, 'azp')) ?? '';
  const scopes = (textOf(own(claims, 'scope')) ?? '').split(' ').filter((scope) => scope !== '');
  const resource = urlOf(matchOf(own(claims, 'aud'), anyValidatorOf(client)?.context.audience));
  return {
    token,
    clientId,
    scopes,
    expiresAt,
    ...(resource && { resource }),
    ...(metadataUrl && { resourceMetadataUrl: metadataUrl }),
    extra: { claims },
  };
}

/** The audience of the client that the token is for. A client of another kind has none. */
function matchOf(aud, audience) {
  const named = [aud].flat();
  return [audience].flat().find((one) => typeof one === 'string' && named.includes(one));
}

/** A URL of the web. Other names of an API have no origin. */
function urlOf(text) {
  if (text === undefined || !/^https?:\/\//i.test(text)) return undefined;
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

const textOf = (value) => (typeof value === 'string' ? value : undefined);

module.exports = { authInfoOf };
