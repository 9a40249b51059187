/**
 * A guard for requests of `node:http` and `node:http2`. Import from `@monocloud/backend-node/node`. It also exports
 * everything of the index.
 *
 * @module
 */

export * from '../../../npm/node.js';
