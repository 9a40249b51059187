/**
 * Middleware for Express 4 and 5. Import from `@monocloud/backend-node/express`. It also exports everything of the index.
 *
 * @module
 */

export * from '../../../npm/express.js';
