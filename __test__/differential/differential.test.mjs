// Does this package decide as jose does?
//
// 20,000 generated tokens go through both. jose uses its strictest options. A rule must explain each difference; the
// table is printed. `DIFFERENTIAL_SEED` and `DIFFERENTIAL_TOKENS` change the run.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { inspect, isDeepStrictEqual } from 'node:util';

import { createLocalJWKSet, jwtVerify } from 'jose';

import { MonoCloudBackendNodeClient } from '../../npm/index.mjs';
import { AUDIENCE, generator, ISSUER, makeKeys, NOW } from './generate.mjs';
import { random } from './random.mjs';
import { factsOf, STRICTER, WIDER } from './rules.mjs';
import { ALGORITHMS } from '../support/keys.mjs';

// jose 6 uses the global, which Node 18 does not have.
globalThis.crypto ??= webcrypto;

const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 20260705);
const TOKENS = Number(process.env.DIFFERENTIAL_TOKENS ?? 20_000);
/** How many tokens are decided at once. */
const BATCH = 64;

test(`${TOKENS} tokens of seed ${SEED} are decided as jose decides, except for the listed rules`, async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
  const keys = makeKeys();
  const decideBoth = deciders(keys);
  const next = generator(keys, random(SEED));
  const tally = new Map();
  const unexplained = [];
  const count = (row) => tally.set(row, (tally.get(row) ?? 0) + 1);

  for (let done = 0; done < TOKENS; done += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, TOKENS - done) }, next);
    const decisions = await Promise.all(batch.map(({ token }) => decideBoth(token)));
    decisions.forEach(({ ours, theirs }, index) => {
      const rule = explain(() => factsOf(batch[index].token, keys.jwks), ours, theirs);
      if (rule) count(rule);
      else unexplained.push({ ...batch[index], ours, theirs });
    });
  }

  print(t, tally);
  assert.deepEqual(unexplained.slice(0, 5).map(shown), [], `${unexplained.length} disagreements without a rule`);
  // The comparison is meaningful: many valid tokens, many invalid ones, and every rule explains something.
  assert.ok(tally.get(BOTH_ACCEPT) > TOKENS / 10 && tally.get(BOTH_REFUSE) > TOKENS / 10);
  if (TOKENS >= 20_000) {
    const idle = [...STRICTER, ...WIDER].filter((rule) => !tally.has(rule)).map(({ what }) => what);
    assert.deepEqual(idle, [], 'rules that explained nothing');
  }
});

const BOTH_ACCEPT = { what: 'both accept, with the same claims', contract: '–' };
const BOTH_REFUSE = { what: 'both refuse', contract: '–' };

function deciders({ jwks }) {
  const client = new MonoCloudBackendNodeClient({
    tenantDomain: ISSUER,
    audience: AUDIENCE,
    metadataResolver: () => ({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }),
    jwksResolver: () => jwks,
  });
  const keySet = createLocalJWKSet(jwks);
  const options = {
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: ALGORITHMS,
    requiredClaims: ['exp'],
    clockTolerance: 300,
    currentDate: new Date(NOW * 1000),
  };
  return async (token) => {
    const [ours, theirs] = await Promise.all([
      client.validateJwtAccessToken(token).then(
        (claims) => ({ claims }),
        (error) => ({ error, why: error.reason }),
      ),
      jwtVerify(token, keySet, options).then(
        ({ payload }) => ({ claims: payload }),
        (error) => ({ error, why: error.code }),
      ),
    ]);
    return { ours, theirs };
  };
}

/** The row of the table for a pair of decisions; nothing if they differ and no rule explains it. */
function explain(readFacts, ours, theirs) {
  if (ours.error && ours.error.name !== 'MonoCloudTokenError') return undefined;
  if (ours.claims && theirs.claims) return isDeepStrictEqual(ours.claims, theirs.claims) ? BOTH_ACCEPT : undefined;
  if (ours.error && theirs.error) return BOTH_REFUSE;
  const facts = readFacts();
  const [rules, why] = ours.error ? [STRICTER, ours.why] : [WIDER, theirs.why];
  return rules.find((rule) => rule.reasons.includes(why) && rule.applies(facts));
}

function print(t, tally) {
  t.diagnostic(`seed ${SEED}`);
  const rows = [...tally].sort(([, a], [, b]) => b - a);
  const width = Math.max(...rows.map(([{ what }]) => what.length));
  for (const [rule, number] of rows) {
    const side = STRICTER.includes(rule) ? 'refused here' : WIDER.includes(rule) ? 'refused by jose' : '';
    t.diagnostic(`${String(number).padStart(6)}  ${rule.what.padEnd(width)}  ${side.padEnd(15)}  ${rule.contract}`);
  }
}

function shown({ token, bent, ours, theirs }) {
  const [header, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString().slice(0, 400));
  return inspect({
    bent,
    header,
    claims,
    ours: ours.why ?? ours.claims,
    theirs: theirs.why ?? theirs.claims,
    message: theirs.error?.message,
  });
}
