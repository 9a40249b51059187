/**
 * The client, its options, its errors and all types. Import from `@monocloud/backend-node`.
 *
 * @module
 */

export * from '../../../index.js';
