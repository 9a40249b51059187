// Which decisions change while the root of all objects has members more?
//
// Given names (JSON) in NAMES; prints, as JSON, how many decisions there were,
// and each name and value under which one of them differs.

import { TOKENS, decisions } from './decisions.mjs';

const { setTimeout } = globalThis;
const { defineProperty } = Object;
const LATE_MS = 20_000;
/** So many names at once, and one by one only if that changes anything. */
const AT_ONCE = 12;

/** What an attacker may put there. A function is nothing that JSON could bring; a careless library could. */
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

// Twice: from then on nothing is asked or learnt for the first time.
await all();
const expected = await all();

/** The first decision that differs while all of `names` have `value`. */
async function difference(names, value) {
  for (const name of names) {
    defineProperty(Object.prototype, name, { __proto__: null, value, configurable: true, enumerable: true, writable: true });
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
// What is a member of every object anyway can be no setting.
const names = JSON.parse(process.env.NAMES).filter((name) => !(name in Object.prototype));
for (const value of HOSTILE) {
  // A promise of any object would ask such a `then` first: no package can help that.
  // Nor that `return` of every iterator which is not read to its end.
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
