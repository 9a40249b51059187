// How does a user write a cache, and what does it contain?

import { createHash } from 'node:crypto';

/** An ICache on a Map that records its calls: `calls.get`, `calls.set`, `calls.delete`. */
export function mapCache(entries = new Map()) {
  const calls = { get: [], set: [], delete: [] };
  return {
    entries,
    calls,
    async get(token) {
      calls.get.push(token);
      return entries.get(token);
    },
    async set(token, claims, expiresAt) {
      calls.set.push([token, claims, expiresAt]);
      entries.set(token, claims);
    },
    async delete(token) {
      calls.delete.push(token);
      entries.delete(token);
    },
  };
}

/** The name of the member that a client adds to the claims it caches (npm/types/cache.d.ts). */
export const OBTAINED = 'monocloud:obtained';

/** An object with that member, as a client of `issuer` (its URL) writes it. */
export function obtained(issuer, { by = 'introspection', at = Date.now() / 1000, clientId = 'api' } = {}) {
  const client = createHash('sha256')
    .update(JSON.stringify([issuer, clientId]))
    .digest('base64url');
  return { [OBTAINED]: { by, at, client } };
}

/** The object that such a client caches for claims. */
export const entryOf = (issuer, claims, how) => ({ ...claims, ...obtained(issuer, how) });

/** A cache outside the process: its entries were serialized as JSON, and each lookup returns a new object. */
export function jsonCache(entries = new Map()) {
  return {
    entries,
    get: async (token) => JSON.parse(entries.get(token) ?? 'null'),
    set: async (token, claims) => void entries.set(token, JSON.stringify(claims)),
    delete: async (token) => void entries.delete(token),
  };
}
