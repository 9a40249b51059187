/**
 * Hooks for Fastify 4 and 5. Import from `@monocloud/backend-node/fastify`. It also exports everything of the index.
 *
 * @module
 */

export * from '../../../npm/fastify.js';
