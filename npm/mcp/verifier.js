'use strict';

/**
 * How does an application that stays with `requireBearerAuth` of the MCP SDK validate tokens?
 *
 * The SDK answers 401 or 403 only to its own error classes. Everything else is a 500. So a rejected token becomes an error
 * of the SDK, and an outage stays an error of ours: as a 401 it would make the client throw its token away.
 */

/**
 * @import { SpecType } from '../client/call-options.js'
 * @import { PolicyType } from '../client/policy.js'
 */

const { checkedOptions, invalid } = require('../client/arguments.js');
const { MonoCloudBackendNodeClient, anyValidatorOf, checkResult } = require('../client/client.js');
const { routeSpec } = require('../client/call-options.js');
const { FAILURES, Failure } = require('../errors/errors.js');
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
  const required = routeSpec({ scopes });
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
 * @param {SpecType} required
 * @param {(error: any) => Error} toError
 * @returns {Promise<object>}
 */
async function claimsOf(client, token, required, toError) {
  const { scopes } = required;
  try {
    const result = await client.validateAccessToken(token, { scopes: [...scopes] });
    const policy = /** @type {PolicyType} */ (anyValidatorOf(client)?.policies.call(required));
    // A subclass may have another method, which need not check the token as this client does.
    const outcome = await checkResult(client, result, token, policy, undefined);
    if (outcome instanceof Failure) throw outcome.toError();
    return outcome;
  } catch (error) {
    throw REJECTED.includes(responseTo(error, scopes).status) ? toError(error) : error;
  }
}

module.exports = { mcpTokenVerifier };
