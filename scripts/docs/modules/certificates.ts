/**
 * Functions that find a caller's certificate. Import from `@monocloud/backend-node/certificates`.
 *
 * @module
 */

export * from '../../../npm/certificates.js';
