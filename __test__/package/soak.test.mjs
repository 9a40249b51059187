// Does a seed of the soak test repeat its plan of faults, requests and tokens?

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';

import { FAULTS_OF, changes, faultOf, outages } from '../../scripts/soak/plan.mjs';
import { random } from '../../scripts/soak/random.mjs';
import { tokenSource } from '../../scripts/soak/tokens.mjs';

const take = (count, entries) => Array.from({ length: count }, () => entries.next().value);
const planOf = (seed) => [take(2000, outages(random(seed, 'outages'))), take(200, changes(random(seed, 'changes')))];

/** What a caller sends, without signatures: they differ between runs. */
function requestsOf(seed, name = 'caller-0') {
  const keys = Object.fromEntries(['rsa', 'p256', 'p521', 'ed25519'].map((kind) => [kind, { kid: kind }]));
  const server = {
    sign: ({ header, claims: { exp: _exp, ...claims } }) => JSON.stringify([header, claims]).padEnd(100),
  };
  const source = tokenSource(server, {
    name,
    random: random(seed, name),
    opaque: ['a', 'b'],
    signing: () => keys,
    former: () => [],
    senders: { own: { jkt: 'own' }, stranger: { jkt: 'stranger' } },
  });
  const kinds = ['unknown', 'garbage', 'slow', 'foreign'];
  return Array.from({ length: 500 }, (_, index) => (index % 5 ? source.next() : source.flood(kinds[index % 4])));
}

describe('a seed of the soak', () => {
  test('repeats its plan of faults, and another one has another', () => {
    assert.deepEqual(planOf(7), planOf(7));
    assert.notDeepEqual(planOf(7), planOf(8));
  });

  test('repeats the requests and tokens of each caller, and no two callers are alike', () => {
    assert.deepEqual(requestsOf(7), requestsOf(7));
    assert.notDeepEqual(requestsOf(7), requestsOf(8));
    assert.notDeepEqual(requestsOf(7), requestsOf(7, 'caller-1'));
  });

  test('leads to DPoP requests: accepted ones, replays, foreign keys and another URL', () => {
    const proofs = requestsOf(7).filter(({ proof }) => proof);
    const kinds = new Set(
      proofs.map(({ isGood, isReplay, path, proof }) => [isGood, isReplay, proof.by, proof.path === path].join()),
    );
    for (const kind of [
      'true,false,own,true',
      'true,true,own,true',
      'false,false,stranger,true',
      'false,false,own,false',
    ]) {
      assert.ok(kinds.has(kind), kind);
    }
    // A replay is the proof of an earlier request, not a new one with the same jti.
    const sent = new Set();
    for (const { isReplay, proof } of proofs) {
      assert.equal(sent.has(proof), isReplay);
      sent.add(proof);
    }
  });

  test('leads to every fault of every document in the end, and each is one that the proxy can have', () => {
    const [entries] = planOf(7);
    const failing = entries.filter(({ path }) => path !== undefined);
    for (const entry of failing) assert.equal(typeof faultOf(entry), 'function');
    const met = new Set(failing.map(({ path, fault }) => `${path} ${fault}`));
    for (const [path, faults] of Object.entries(FAULTS_OF)) {
      for (const fault of Object.keys(faults)) assert.ok(met.has(`${path} ${fault}`), `${path} ${fault}`);
    }
  });

  test('is the only source of random numbers', () => {
    const folder = new URL('../../scripts/soak/', import.meta.url);
    const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
    for (const source of sources) assert.doesNotMatch(source, /Math\.random|randomBytes|randomUUID/);
  });
});
