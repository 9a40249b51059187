/**
 * Middleware for Koa 2 and 3. Import from `@monocloud/backend-node/koa`. It also exports everything of the index.
 *
 * @module
 */

export * from '../../../npm/koa.js';
