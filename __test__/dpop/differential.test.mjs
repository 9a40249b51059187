// Does this package decide on a proof as jose and oauth4webapi do, or more strictly?
//
// 12,000 generated proofs go through all three, and through an oracle of the rules (oracle.mjs), which also gives the
// reasons. A class must explain each difference; the table is printed. `npm run test:long` has more proofs.
// `DIFFERENTIAL_SEED` and `DPOP_PROOFS` change the run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { random } from '../differential/random.mjs';
import { outcomeOf, presented } from '../support/dpop.mjs';
import { compact } from '../support/jws.mjs';
import { jwkOf, keySet } from '../support/keys.mjs';
import { factsOf, STRICTER, WIDER } from './classes.mjs';
import { generator, makeKeys, NOW } from './generate.mjs';
import { ALGORITHMS, reasonsFor } from './oracle.mjs';
import { joseDecides, oauthDecides } from './peers.mjs';

const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 20260917);
const PROOFS = Number(process.env.DPOP_PROOFS ?? (process.env.TEST_LONG ? 150_000 : 12_000));
/** How many proofs are decided at once. */
const BATCH = 64;
/** So many proofs use every class. */
const ENOUGH = 10_000;
const ISSUER = 'https://tenant.example';
const AUDIENCE = 'https://api.example.com';

test(`${PROOFS} proofs of seed ${SEED} are never accepted where jose or oauth4webapi refuses, except for the listed classes`, async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
  const keys = await makeKeys();
  const { p256 } = await keySet('issuer');
  const jwks = { keys: [jwkOf(p256.publicKey, { kid: 'p256' })] };
  const tokens = new Map(keys.senders.map(({ jkt }) => [jkt, tokenFor(jkt, p256.privateKey)]));
  const next = generator(keys, tokens, random(SEED));
  const peers = {
    jose: joseDecides({ algorithms: ALGORITHMS, now: NOW }),
    oauth4webapi: oauthDecides({ issuer: ISSUER, jwks, audience: AUDIENCE, algorithms: ALGORITHMS }),
  };
  const decide = decider(jwks);
  const tally = new Map();
  const wrong = [];
  const count = (row) => tally.set(row, (tally.get(row) ?? 0) + 1);

  for (let done = 0; done < PROOFS; done += BATCH) {
    const batch = Array.from({ length: BATCH }, next);
    const ours = await Promise.all(batch.map(decide));
    for (const [name, peer] of Object.entries(peers)) {
      const theirs = await Promise.all(batch.map(peer));
      batch.forEach((request, index) => {
        const row = explain(request, ours[index], theirs[index]);
        if (row) count(`${row} (${name})`);
        else wrong.push(shown(request, { ours: ours[index], [name]: theirs[index] }));
      });
    }
    batch.forEach((request, index) => {
      const reasons = reasonsFor({ ...request, now: NOW });
      const isRight = reasons.length === 0 ? ours[index] === 'accepted' : reasons.includes(ours[index]);
      if (!isRight) wrong.push(shown(request, { ours: ours[index], oracle: reasons }));
      count(ours[index]);
    });
  }

  print(t, tally);
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} decisions that nothing explains`);
  // The comparison means something: every class explains something, and every reason was met.
  assert.ok(tally.get('accepted') > PROOFS / 10);
  if (PROOFS >= ENOUGH) {
    const rows = [...tally.keys()];
    const idle = [...STRICTER, ...WIDER].filter(({ what }) => !rows.some((row) => row.startsWith(what)));
    assert.deepEqual(
      idle.map(({ what }) => what),
      [],
      'classes that explained nothing',
    );
    assert.deepEqual(
      REASONS.filter((reason) => !tally.has(reason)),
      [],
      'reasons that no proof had',
    );
  }
});

const REASONS = [
  'dpop_proof_malformed',
  'dpop_proof_too_large',
  'dpop_header_invalid',
  'dpop_type_not_allowed',
  'dpop_algorithm_not_allowed',
  'dpop_key_invalid',
  'dpop_claims_invalid',
  'dpop_method_mismatch',
  'dpop_url_mismatch',
  'dpop_token_mismatch',
  'dpop_key_mismatch',
  'dpop_signature_invalid',
  'dpop_expired',
  'dpop_not_yet_valid',
];

const tokenFor = (jkt, privateKey) =>
  compact(
    { alg: 'ES256', kid: 'p256', typ: 'at+jwt' },
    { iss: ISSUER, aud: AUDIENCE, sub: 'u', client_id: 'c', jti: jkt, iat: NOW, exp: NOW + 3600, cnf: { jkt } },
    privateKey,
  );

/** Our decision on a request; the oracle's while this build has no DPoP. */
function decider(jwks) {
  const client = new MonoCloudBackendNodeClient({
    tenantDomain: ISSUER,
    audience: AUDIENCE,
    metadataResolver: () => ({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }),
    jwksResolver: () => jwks,
  });
  return ({ text, token, ...request }) => outcomeOf(client.validateAccessToken(token, presented(text, request)));
}

/** The row of the table for two decisions; nothing if they differ and no class explains it. */
function explain(request, ours, theirs) {
  const [we, they] = [ours === 'accepted', theirs === 'accepted'];
  if (we === they) return we ? 'both accept' : 'both refuse';
  const facts = factsOf(request);
  const explains = we ? WIDER : STRICTER.filter(({ reasons }) => reasons.includes(ours));
  return explains.find(({ applies }) => applies(facts))?.what;
}

function print(t, tally) {
  t.diagnostic(`seed ${SEED}`);
  for (const [row, number] of [...tally].sort(([, a], [, b]) => b - a)) {
    t.diagnostic(`${String(number).padStart(7)}  ${row}`);
  }
}

function shown({ text, bent, method, url }, decisions) {
  const [header, claims] = text.split('.').map((part) => Buffer.from(part, 'base64url').toString().slice(0, 400));
  return inspect({ ...decisions, bent, method, url, header, claims });
}
