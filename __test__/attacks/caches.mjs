// Which caches are attacked?

/** A client that may introspect. */
export const CREDENTIALS = { clientId: 'api', clientSecret: 'a-secret-of-the-api' };

/** A cache that keeps what it is given, as any user might write it; `entries` by raw token. */
export function mapCache() {
  const entries = new Map();
  return {
    entries,
    get: async (token) => entries.get(token),
    set: async (token, claims) => void entries.set(token, claims),
    delete: async (token) => void entries.delete(token),
  };
}

/** The same with `scope`: one cache for each issuer and audience. */
export function scopedCache() {
  const caches = new Map();
  return {
    ...mapCache(),
    scope({ issuer, audience }) {
      const name = JSON.stringify([issuer, audience]);
      if (!caches.has(name)) caches.set(name, mapCache());
      return caches.get(name);
    },
  };
}

/** What `redisCache` needs of a Redis: the three commands, on a Map. */
export function fakeRedis() {
  const keys = new Map();
  return {
    keys,
    get: async (key) => keys.get(key) ?? null,
    set: async (key, value) => void keys.set(key, value),
    del: async (key) => Number(keys.delete(key)),
  };
}
