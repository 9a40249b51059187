// An `ICache` that mostly works: sometimes it throws, rejects, hangs, or returns garbage or another token's entry.

const CAPACITY = 2000;

/** `random`: see random.mjs. */
export function flakyCache(random) {
  const entries = new Map();
  let last;
  const fails = (share) => random.next() < share;
  return {
    get(token) {
      if (fails(0.01)) throw new Error('cache: get');
      if (fails(0.01)) return Promise.reject(new Error('cache: get'));
      if (fails(0.002)) return new Promise(() => {});
      if (fails(0.01)) return Promise.resolve({ sub: 'rubbish' });
      // Only for JWTs: an opaque token does not show whose claims are its own.
      if (fails(0.01) && token.includes('.')) return Promise.resolve(last);
      return Promise.resolve(entries.get(token));
    },
    set(token, claims) {
      if (fails(0.01)) throw new Error('cache: set');
      if (fails(0.01)) return new Promise(() => {});
      if (entries.size >= CAPACITY) entries.delete(entries.keys().next().value);
      entries.set(token, claims);
      last = claims;
      return fails(0.01) ? Promise.reject(new Error('cache: set')) : Promise.resolve();
    },
    delete(token) {
      entries.delete(token);
      return fails(0.1) ? Promise.reject(new Error('cache: delete')) : Promise.resolve();
    },
  };
}
