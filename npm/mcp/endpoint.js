'use strict';

/**
 * How are the requests to an MCP endpoint protected? As `protectApi` does it, but the result is `AuthInfo` for the SDK.
 */

/**
 * @import { Framework } from '../protect/request-url.js'
 * @import { Headers as HeaderValues, ResponseType } from '../protect/response.js'
 * @import { Message } from '../protect/headers.js'
 * @import { Outcome } from '../protect/response.js'
 */
/** @typedef {(response: any, headers: HeaderValues) => void} SetHeaders */

const { checkedOptions } = require('../client/arguments.js');
const { MonoCloudBackendNodeClient } = require('../client/client.js');
const { ROUTE_OPTIONS } = require('../client/call-options.js');
const { FAILURES } = require('../errors/errors.js');
const { DpopCredentials, credentialsOf } = require('../protect/credentials.js');
const { middlewareOf } = require('../protect/middleware.js');
const { metadataUrlOf } = require('../protect/resource-metadata.js');
const { INTERNAL, Response: Refusal } = require('../protect/response.js');
const { admit, settled } = require('../protect/admit.js');
const { clientAndOptions } = require('../protect/api-options.js');
const { protector } = require('../protect/route.js');
const { authInfoOf } = require('./auth-info.js');

/** Without `optional`: `AuthInfo` needs a token. */
const PROTECT_OPTIONS = [...ROUTE_OPTIONS, 'authorize'];
const RESOLVERS = ['certificateResolver', 'urlResolver', 'issuers'];

/**
 * @param {any} [clientOrOptions]
 * @param {unknown} [maybeOptions]
 */
function protectMcp(clientOrOptions, maybeOptions) {
  const endpoint = new Endpoint('protectMcp()', clientOrOptions, maybeOptions, 'express');
  return middlewareOf(endpoint.route, (decision, request, response, setHeaders) => {
    const outcome = endpoint.outcome(decision, request, response, setHeaders);
    if (outcome instanceof Refusal) return outcome;
    try {
      request.claims = outcome.extra.claims;
      request.auth = outcome;
      return undefined;
    } catch {
      return INTERNAL;
    }
  });
}

/**
 * @param {any} [clientOrOptions]
 * @param {unknown} [maybeOptions]
 */
function mcpGate(clientOrOptions, maybeOptions) {
  const endpoint = new Endpoint('mcpGate()', clientOrOptions, maybeOptions, 'web');
  /** @param {Request} request */
  return async function gate(request) {
    const decision = await settled(Promise.resolve(endpoint.route.authenticate(request, request)));
    // The SDK sends the response, so a new nonce for DPoP cannot be added. The client gets one when it needs it.
    const outcome = endpoint.outcome(decision, request, undefined, () => {});
    return outcome instanceof Refusal ? webResponse(outcome) : outcome;
  };
}

/** One protected MCP endpoint. */
class Endpoint {
  #client;
  #metadataUrl;

  /**
   * @param {string} where
   * @param {any} clientOrOptions
   * @param {unknown} maybeOptions
   * @param {Framework} framework
   */
  constructor(where, clientOrOptions, maybeOptions, framework) {
    const [client, given] = clientAndOptions(clientOrOptions, maybeOptions);
    const options = checkedOptions(where, given, [...PROTECT_OPTIONS, ...RESOLVERS, 'resource']);
    this.#client = client ?? new MonoCloudBackendNodeClient();
    this.#metadataUrl = metadataUrlOf(options.resource);
    const api = { ...membersOf(options, RESOLVERS), resourceMetadata: this.#metadataUrl };
    this.route = protector(this.#client, api, framework)(membersOf(options, PROTECT_OPTIONS));
  }

  /**
   * Returns `AuthInfo`, or the response to send instead. Never throws.
   *
   * @param {Outcome} decision
   * @param {Message} request
   * @param {any} response
   * @param {SetHeaders} setHeaders
   */
  outcome(decision, request, response, setHeaders) {
    try {
      /** @type {{ claims: any }} */
      const found = { claims: undefined };
      const refusal = admit(decision, found, response, setHeaders);
      if (refusal !== undefined) return refusal;
      const auth = authInfoOf(this.#client, tokenOf(request), found.claims, this.#metadataUrl);
      return auth ?? this.route.refuse(FAILURES.expiry_invalid, request);
    } catch {
      return INTERNAL;
    }
  }
}

/**
 * @param {Record<string, any>} options
 * @param {readonly string[]} names
 */
function membersOf(options, names) {
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}

/** @param {Message} message */
function tokenOf({ headers, rawHeaders }) {
  const credentials = credentialsOf(headers, rawHeaders);
  if (typeof credentials === 'string') return credentials;
  if (credentials instanceof DpopCredentials) return credentials.token;
  throw new TypeError('claims without a token');
}

/** @param {ResponseType} refusal */
function webResponse({ status, headers, text }) {
  /** @type {any} */
  const options = { __proto__: null, status, statusText: '', headers: { ...headers } };
  return new Response(text, options);
}

module.exports = { mcpGate, protectMcp };
