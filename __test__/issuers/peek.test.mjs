// Does the engine find the same issuer in a payload as `JSON.parse` does?

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { random } from '../differential/random.mjs';

const require = createRequire(import.meta.url);
const native = require('../../npm/native/load.js');
const { FAILURES } = require('../../npm/errors/errors.js');

const ROUNDS = 20_000;
const SEED = 20_261_126;
const NAMES = ['iss', 'sub', 'aud', 'act', 'Iss', 'iss ', '', '__proto__', 'is\u0073\u0300', 'x'];
const ISSUERS = [
  'https://a.example',
  'https://b.example/',
  'https://é.example/\u{1f600}',
  'https://x.example/"\\/',
  'https://a b',
];
const OTHERS = [1, null, true, -1.5e300, '', 'a.example', ['https://a.example'], { iss: 'https://a.example' }];

const { below, once, pick } = random(SEED);

/** JSON text of a string, in which each character may be escaped. */
function spelled(text) {
  const escaped = Array.from({ length: text.length }, (_, at) => {
    const unit = text.charCodeAt(at);
    const mustEscape = unit < 0x20 || text[at] === '"' || text[at] === '\\';
    return mustEscape || once(8) ? `\\u${unit.toString(16).padStart(4, '0')}` : text[at];
  });
  return `"${escaped.join('')}"`;
}

function valueText(depth) {
  const kind = below(depth > 3 ? 2 : 5);
  if (kind === 0) return spelled(pick(ISSUERS));
  if (kind === 1) return JSON.stringify(pick(OTHERS));
  if (kind === 2) return `[${Array.from({ length: below(3) }, () => valueText(depth + 1)).join(',')}]`;
  return kind === 3 ? objectText(depth + 1) : spelled(`${below(1000)}`);
}

/** An object, sometimes with a duplicate member, broken, or with white space. */
function objectText(depth) {
  const names = Array.from({ length: below(4) }, () => pick(NAMES));
  if (depth === 1 && once(2)) names.splice(below(names.length + 1), 0, 'iss');
  const textOf = (name) => (name === 'iss' && !once(4) ? spelled(pick(ISSUERS)) : valueText(depth));
  const members = names.map((name) => `${spelled(name)}${once(5) ? ' ' : ''}:${textOf(name)}`);
  return `{${once(4) ? '\n' : ''}${members.join(',')}}`;
}

/** The names of the first level, for which `JSON.parse` shows no duplicates. */
function namesIn(text) {
  const names = [];
  let depth = 0;
  for (const [token, name] of text.matchAll(/("(?:[^"\\]|\\.)*"(?=\s*:))|"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (name !== undefined) names.push([depth, name]);
  }
  return names;
}

function expectedOf(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return 'claims_invalid';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'claims_invalid';
  const { iss } = value;
  const isIssuer = Object.hasOwn(value, 'iss') && typeof iss === 'string' && iss.includes('://') && !/\s/u.test(iss);
  return isIssuer ? iss : 'issuer_mismatch';
}

function found(text) {
  const result = native.peekIssuer(`e30.${Buffer.from(text).toString('base64url')}.c2ln`);
  if (typeof result === 'string') return result;
  return Object.values(FAILURES).find(({ spec }) => spec.outcomeCode === result)?.spec.reason;
}

test(`in ${ROUNDS} payloads of any form`, () => {
  const counts = { issuer: 0, other: 0, invalid: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    let text = objectText(1);
    if (once(10)) text = text.slice(0, below(text.length)) + pick(['', ',', '}', '"', 'x']);
    if (once(20)) text = pick([`[${text}]`, `${text} `, `\ufeff${text}`, `${text}${text}`]);
    const result = found(text);
    const expected = expectedOf(text);
    const hasDuplicate = result === 'claims_invalid' && expected !== 'claims_invalid';
    if (hasDuplicate) {
      // Only strict JSON rejects a duplicate member at the first level.
      const first = namesIn(text)
        .filter(([depth]) => depth === 1)
        .map(([, name]) => JSON.parse(name));
      assert.ok(new Set(first).size < first.length || text.includes('\\ud'), `${JSON.stringify(text)} is ${expected}`);
    } else {
      assert.equal(result, text === '' ? 'token_malformed' : expected, JSON.stringify(text));
    }
    counts[result === 'claims_invalid' ? 'invalid' : result === 'issuer_mismatch' ? 'other' : 'issuer'] += 1;
  }
  for (const [kind, count] of Object.entries(counts)) assert.ok(count > ROUNDS / 20, `${kind}: ${count}`);
});
