/**
 * Protected MCP servers. Import from `@monocloud/backend-node/mcp`. It also exports everything of the index.
 *
 * @module
 */

export * from '../../../npm/mcp.js';
