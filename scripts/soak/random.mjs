// All random numbers of a soak, from one seed. `random(seed, name)` is a separate stream per name, so that the
// numbers of one part do not depend on the speed of another.

import { createHash } from 'node:crypto';

/** A stream of numbers from 0 up to 1 (SplitMix32), with the functions that draw from it. */
export function random(seed, name) {
  let state = createHash('sha256').update(`${seed}/${name}`).digest().readUInt32LE();
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (least, most) => least + next() * (most - least),
    pick: (list) => list[Math.floor(next() * list.length)],
    text: (length) => Array.from({ length }, () => Math.floor(next() * 16).toString(16)).join(''),
  };
}
