// Which caches do the tests attack?

/** A client that may introspect. */
export const CREDENTIALS = { clientId: 'api', clientSecret: 'a-secret-of-the-api' };

/** A simple user cache; `entries` maps raw tokens to entries. */
export function mapCache() {
  const entries = new Map();
  return {
    entries,
    get: async (token) => entries.get(token),
    set: async (token, claims) => void entries.set(token, claims),
    delete: async (token) => void entries.delete(token),
  };
}

/** The same with `scope`: a separate cache per issuer and audience. */
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

/** A fake Redis: the three commands that `redisCache` needs, on a Map. */
export function fakeRedis() {
  const keys = new Map();
  return {
    keys,
    get: async (key) => keys.get(key) ?? null,
    set: async (key, value) => void keys.set(key, value),
    del: async (key) => Number(keys.delete(key)),
  };
}
