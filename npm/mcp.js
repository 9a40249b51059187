'use strict';

/**
 * A protected MCP server: the metadata of the resource (RFC 9728), and who may call its endpoint. It uses no package of
 * MCP.
 */

const { MonoCloudBackendNodeClient } = require('./client/client.js');
const { clientFacts } = require('./mcp/client-facts.js');
const { ProtectedResource } = require('./mcp/documents.js');
const { mcpGate, protectMcp } = require('./mcp/endpoint.js');
const { resourceOf } = require('./mcp/metadata.js');
const { mcpTokenVerifier } = require('./mcp/verifier.js');
const { clientAndOptions } = require('./protect/api-options.js');

/**
 * @param {any} [clientOrOptions]
 * @param {unknown} [maybeOptions]
 */
function protectedResource(clientOrOptions, maybeOptions) {
  const [given, options] = clientAndOptions(clientOrOptions, maybeOptions);
  const client = given ?? new MonoCloudBackendNodeClient();
  return new ProtectedResource(resourceOf(clientFacts(client), options), client);
}

module.exports = { ...require('./index.js'), mcpGate, mcpTokenVerifier, protectMcp, protectedResource };
