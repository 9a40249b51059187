/**
 * Two caches for the option `cache`. Import from `@monocloud/backend-node/cache`.
 *
 * @module
 */

export * from '../../../npm/cache.js';
