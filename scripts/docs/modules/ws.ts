/**
 * Tokens on WebSockets, for `ws` and Socket.IO. Import from `@monocloud/backend-node/ws`. It also exports everything of the index.
 *
 * @module
 */

export * from '../../../npm/ws.js';
