'use strict';

/**
 * How does an application that stays with `requireBearerAuth` of the MCP SDK validate tokens?
 *
 * The SDK answers 401 or 403 only to its own error classes. Everything else is a 500. So a rejected token becomes an error
 * of the SDK, and an outage stays an error of ours: as a 401 it would make the client throw its token away.
 */

const { checkedOptions, invalid } = require('../client/arguments.js');
const { MonoCloudBackendNodeClient } = require('../client/client.js');
const { routeSpec } = require('../client/call-options.js');
const { FAILURES } = require('../errors/errors.js');
const { responseTo } = require('../protect/response.js');
const { authInfoOf } = require('./auth-info.js');

/** What the response table says about a token that the API does not accept. */
const REJECTED = [401, 403];

/**
 * @param {any} givenClient
 * @param {unknown} given
 */
function mcpTokenVerifier(givenClient, given) {
  const { toError, scopes } = checkedOptions('mcpTokenVerifier()', given, ['toError', 'scopes']);
  if (typeof toError !== 'function') {
    throw invalid('mcpTokenVerifier() needs toError, which makes an error of the MCP SDK of ours (option toError)');
  }
  const required = routeSpec({ scopes }).scopes;
  const client = givenClient ?? new MonoCloudBackendNodeClient();
  return {
    /** @param {string} token */
    async verifyAccessToken(token) {
      const claims = await claimsOf(client, token, required, toError);
      const auth = authInfoOf(client, token, claims, undefined);
      if (auth === undefined) throw toError(FAILURES.expiry_invalid.toError());
      return auth;
    },
  };
}

/**
 * @param {any} client
 * @param {string} token
 * @param {readonly string[]} scopes
 * @param {(error: any) => Error} toError
 * @returns {Promise<object>}
 */
async function claimsOf(client, token, scopes, toError) {
  try {
    return await client.validateAccessToken(token, { scopes: [...scopes] });
  } catch (error) {
    throw REJECTED.includes(responseTo(error, scopes).status) ? toError(error) : error;
  }
}

module.exports = { mcpTokenVerifier };
