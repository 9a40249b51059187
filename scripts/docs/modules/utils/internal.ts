/**
 * Helpers for sibling packages. Import from `@monocloud/backend-node/internal`.
 *
 * @module
 */

export * from '../../../../npm/internal.js';
