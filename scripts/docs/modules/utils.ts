/**
 * Helpers for servers that also sign users in. Import from `@monocloud/backend-node/utils`.
 *
 * @module
 */

export * from '../../../npm/utils.js';
