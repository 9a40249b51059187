/**
 * An authorization server for tests. Import from `@monocloud/backend-node/testing`.
 *
 * @module
 */

export * from '../../../npm/testing.js';
