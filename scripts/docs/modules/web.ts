/**
 * A guard for servers of the Fetch standard, such as Hono, h3 and Next.js. Import from `@monocloud/backend-node/web`. It
 * also exports everything of the index.
 *
 * @module
 */

export * from '../../../npm/web.js';
