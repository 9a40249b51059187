// How does a user write a cache?

/** An ICache over a Map, that notes what it is asked: `calls.get`, `calls.set`, `calls.delete`. */
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
