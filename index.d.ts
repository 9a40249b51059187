/**
 * `@monocloud/backend-node`: access tokens, validated by a Rust engine. This file and those it re-exports are the
 * public contract, written by hand: every unit, range, default and error.
 *
 * - `npm/types/client.d.ts`   the two clients: what each method checks, and what it does not
 * - `npm/types/options.d.ts`  options, environment variables, and what may be asked of one token
 * - `npm/types/claims.d.ts`   what a token carries
 * - `npm/types/errors.d.ts`   the five error classes and their `reason` words
 * - `npm/types/issuer.d.ts`   what an authorization server publishes: metadata and keys
 * - `npm/types/cache.d.ts`    the cache an application may supply
 * - `npm/types/protect.d.ts`  the options of `protectApi`, shared by `./express` and `./fastify`
 *
 * Neither Express nor Fastify is needed here; `@types/node` is.
 */
export * from './npm/types/cache.js';
export * from './npm/types/claims.js';
export * from './npm/types/client.js';
export * from './npm/types/errors.js';
export * from './npm/types/issuer.js';
export * from './npm/types/options.js';
export * from './npm/types/protect.js';
