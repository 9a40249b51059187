// Which decisions change if `Object.prototype` has more members?
//
// Reads names (JSON) from NAMES. Prints, as JSON, the number of decisions, and each name and value with which one of
// them differs.

import { TOKENS, decisions } from './decisions.mjs';

const { setTimeout } = globalThis;
const { defineProperty } = Object;
const LATE_MS = 20_000;
/** How many names are tried at once. They are tried one by one only if something changes. */
const AT_ONCE = 12;

/** Values that an attacker may put there. JSON cannot create a function, but a careless library could. */
const HOSTILE = [
  0,
  `Bearer ${TOKENS.good}`,
  Object.assign(['admin'], { keys: [] }),
  () => ({ scope: 'admin', active: true, sub: 'polluted' }),
];

async function all() {
  const outcomes = [];
  for await (const decision of decisions()) outcomes.push(decision);
  return outcomes;
}

function inTime(promise) {
  return Promise.race([promise, new Promise((resolve) => setTimeout(resolve, LATE_MS, undefined))]);
}

// Twice: from then on nothing is requested or learnt for the first time.
await all();
const expected = await all();

/** The first decision that differs while all of `names` have `value`. */
async function difference(names, value) {
  for (const name of names) {
    defineProperty(Object.prototype, name, {
      __proto__: null,
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  try {
    const outcomes = await inTime(all());
    if (outcomes === undefined) return ['took too long'];
    const at = outcomes.findIndex(([, outcome], i) => outcome !== expected[i][1]);
    return at < 0 ? undefined : [...outcomes[at], expected[at][1]];
  } catch (error) {
    return [String(error)];
  } finally {
    for (const name of names) delete Object.prototype[name];
  }
}

const changed = [];
// A member that every object has anyway cannot be an option.
const names = JSON.parse(process.env.NAMES).filter((name) => !(name in Object.prototype));
for (const value of HOSTILE) {
  // A promise of any object would call such a `then` first. No package can prevent that.
  // The same holds for `return` of every iterator that is not read to its end.
  const readByTheLanguage = typeof value === 'function' ? ['return', 'then'] : ['return'];
  const tried = names.filter((name) => !readByTheLanguage.includes(name));
  for (let i = 0; i < tried.length; i += AT_ONCE) {
    const group = tried.slice(i, i + AT_ONCE);
    if (!(await difference(group, value))) continue;
    const before = changed.length;
    for (const name of group) {
      const found = await difference([name], value);
      if (found) changed.push([name, String(value), ...found]);
    }
    if (changed.length === before) changed.push([group, String(value), 'together']);
  }
}
console.log(JSON.stringify({ decisions: expected.length, changed }));
process.exit();
