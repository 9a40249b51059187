// Where do repeatable random numbers come from?

/** A generator of SplitMix32: the same seed gives the same choices. */
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const below = (limit) => next() % limit;
  return {
    below,
    pick: (list) => list[below(list.length)],
    /** True once in `times`. */
    once: (times) => below(times) === 0,
    octets: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
