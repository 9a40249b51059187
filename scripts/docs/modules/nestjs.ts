/**
 * Guards and decorators for NestJS. Import from `@monocloud/backend-node/nestjs`. It also exports everything of the index.
 *
 * @module
 */

export * from '../../../npm/nestjs.js';
