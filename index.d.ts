/**
 * `@monocloud/backend-node` validates OAuth 2.0 access tokens in Node.js API servers.
 *
 * The declarations below are written by hand. They state every unit, range, default and error:
 *
 * - `npm/types/client.d.ts`: the two clients, and what each method checks and does not check
 * - `npm/types/multi-issuer.d.ts`: the client for several authorization servers
 * - `npm/types/options.d.ts`: options, environment variables, and the requirements of one call
 * - `npm/types/claims.d.ts`: the claims of a token
 * - `npm/types/dpop.d.ts`: the options of DPoP, the proof of one call, and the store of used proofs that you may supply
 * - `npm/types/errors.d.ts`: the error classes and their `reason` values
 * - `npm/types/explain.d.ts`: explanations of decisions
 * - `npm/types/issuer.d.ts`: metadata and keys of an authorization server
 * - `npm/types/cache.d.ts`: the cache that you may supply
 * - `npm/types/protect.d.ts`: the options of `protectApi` and of `protect`, shared by every framework
 *
 * These declarations need `@types/node`. They need no framework.
 */
export * from './npm/types/cache.js';
export * from './npm/types/claims.js';
export * from './npm/types/client.js';
export * from './npm/types/dpop.js';
export * from './npm/types/errors.js';
export * from './npm/types/explain.js';
export * from './npm/types/issuer.js';
export * from './npm/types/multi-issuer.js';
export * from './npm/types/options.js';
export * from './npm/types/protect.js';
export * from './npm/types/revocation.js';
