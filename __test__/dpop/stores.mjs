// Which replay stores can an application have, good and faulty ones?

const never = () => new Promise(() => {});

/** An IReplayStore on a Map that records its calls: `calls` has `[id, expiresAt]`. */
export function mapStore(ids = new Set()) {
  const calls = [];
  return {
    ids,
    calls,
    async add(id, expiresAt) {
      calls.push([id, expiresAt]);
      if (ids.has(id)) return false;
      ids.add(id);
      return true;
    },
  };
}

/** Stores that do not say whether a proof was used. */
export const FAILING = {
  'that rejects': { add: () => Promise.reject(new Error('canary-of-the-store')) },
  'that throws': {
    add() {
      throw new Error('canary-of-the-store');
    },
  },
  'that never answers': { add: never },
  'that returns nothing': { add: async () => undefined },
  'that returns null': { add: async () => null },
  'that returns 1': { add: async () => 1 },
  'that returns text': { add: async () => 'OK' },
  'that returns an object': { add: async () => ({}) },
  'that rejects with nothing': { add: () => Promise.reject() },
  'whose then throws': {
    add: () => ({
      // oxlint-disable-next-line unicorn/no-thenable
      get then() {
        throw new Error('canary-of-the-store');
      },
    }),
  },
};
