// Which revocation stores does an application write, good and faulty ones?

const never = () => new Promise(() => {});

/**
 * An IRevocationStore that records its calls: `asked` has one array of keys per call. `cutoffs` has cut-offs by
 * `kind:value`. `isAsync`: it answers with promises. `isBatched`: it has `cutoffs()`.
 */
export function recordingStore({ cutoffs = {}, isAsync = false, isBatched = false } = {}) {
  const asked = [];
  const of = ({ kind, value }) => cutoffs[`${kind}:${value}`];
  const answer = (value) => (isAsync ? Promise.resolve(value) : value);
  return {
    cutoffs: isBatched
      ? (keys) => {
          asked.push(keys);
          return answer(keys.map(of));
        }
      : undefined,
    cutoff(key) {
      asked.push([key]);
      return answer(of(key));
    },
    asked,
    revoke: (kind, value, at) => void (cutoffs[`${kind}:${value}`] = at),
  };
}

/** What a store returns that is no cut-off. */
const LIES = [
  NaN,
  Infinity,
  -Infinity,
  -1,
  -0.5,
  '1764165600',
  '',
  true,
  false,
  1n,
  {},
  [],
  [1],
  Symbol('at'),
  () => 1,
];

/** Stores that do not say whether a token was revoked. */
export const FAILING = {
  'that rejects': { cutoff: () => Promise.reject(new Error('canary-of-the-store')) },
  'that rejects with nothing': { cutoff: () => Promise.reject() },
  'that throws': {
    cutoff() {
      throw new Error('canary-of-the-store');
    },
  },
  'that never answers': { cutoff: never },
  'whose then throws': {
    cutoff: () => ({
      // oxlint-disable-next-line unicorn/no-thenable
      get then() {
        throw new Error('canary-of-the-store');
      },
    }),
  },
  ...Object.fromEntries(
    LIES.flatMap((lie, index) => [
      [`that returns no cut-off (${index}: ${String(lie)})`, { cutoff: () => lie }],
      [`that resolves with no cut-off (${index}: ${String(lie)})`, { cutoff: async () => lie }],
    ]),
  ),
};

const single = () => undefined;

/** Stores with `cutoffs()` that do not answer for every key. */
export const FAILING_BATCHES = {
  'whose batch rejects': { cutoff: single, cutoffs: () => Promise.reject(new Error('canary-of-the-store')) },
  'whose batch throws': {
    cutoff: single,
    cutoffs() {
      throw new Error('canary-of-the-store');
    },
  },
  'whose batch never answers': { cutoff: single, cutoffs: never },
  'whose batch is nothing': { cutoff: single, cutoffs: async () => undefined },
  'whose batch is a number': { cutoff: single, cutoffs: () => 0 },
  'whose batch is too short': { cutoff: single, cutoffs: async (keys) => keys.slice(1).map(single) },
  'whose batch is too long': { cutoff: single, cutoffs: async (keys) => [...keys.map(single), undefined] },
  'whose batch has a hole': { cutoff: single, cutoffs: ({ length }) => Object.assign([], { length }) },
  'whose batch is no array': { cutoff: single, cutoffs: ({ length }) => ({ length }) },
  'whose batch has a lie': {
    cutoff: single,
    cutoffs: (keys) => keys.map((_, index) => (index === 0 ? NaN : undefined)),
  },
};
