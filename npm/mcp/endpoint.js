'use strict';

/**
 * How are the requests to an MCP endpoint protected? As `protectApi` does it, but the result is `AuthInfo` for the SDK.
 */

const { checkedOptions } = require('../client/arguments.js');
const { MonoCloudBackendNodeClient } = require('../client/client.js');
const { ROUTE_OPTIONS } = require('../client/policy.js');
const { FAILURES } = require('../errors/errors.js');
const { credentialsOf } = require('../protect/credentials.js');
const { middlewareOf } = require('../protect/middleware.js');
const { metadataUrlOf } = require('../protect/resource-metadata.js');
const { INTERNAL, Response: Refusal } = require('../protect/response.js');
const { admit, clientAndOptions, protector, settled } = require('../protect/route.js');
const { authInfoOf } = require('./auth-info.js');

const RESOLVERS = ['certificateResolver', 'urlResolver'];

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

function mcpGate(clientOrOptions, maybeOptions) {
  const endpoint = new Endpoint('mcpGate()', clientOrOptions, maybeOptions, 'web');
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

  constructor(where, clientOrOptions, maybeOptions, framework) {
    const [client, given] = clientAndOptions(clientOrOptions, maybeOptions);
    const options = checkedOptions(where, given, [...ROUTE_OPTIONS, ...RESOLVERS, 'resource']);
    this.#client = client ?? new MonoCloudBackendNodeClient();
    this.#metadataUrl = metadataUrlOf(options.resource);
    const api = { ...membersOf(options, RESOLVERS), resourceMetadata: this.#metadataUrl };
    this.route = protector(this.#client, api, framework)(membersOf(options, ROUTE_OPTIONS));
  }

  /** Returns `AuthInfo`, or the response to send instead. Never throws. */
  outcome(decision, request, response, setHeaders) {
    try {
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

function membersOf(options, names) {
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}

function tokenOf({ headers, rawHeaders }) {
  const credentials = credentialsOf(headers, rawHeaders);
  return typeof credentials === 'string' ? credentials : credentials.token;
}

function webResponse({ status, headers, text }) {
  return new Response(text, { __proto__: null, status, statusText: '', headers: { ...headers } });
}

module.exports = { mcpGate, protectMcp };
