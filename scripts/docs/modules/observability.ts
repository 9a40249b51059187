/**
 * Metrics, logs and traces. Import from `@monocloud/backend-node/observability`.
 *
 * @module
 */

export * from '../../../npm/observability.js';
