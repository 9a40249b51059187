// What does a DPoP proof cost the main thread? A remembered token with a new proof, and a flood of proofs by keys that
// no token is bound to.
//
//     node bench/dpop.mjs [--quick]
//
// Every proof is used once, because a second use is refused. The peers do not remember the token: jose checks the proof
// alone (EmbeddedJWK and the claims), and oauth4webapi validates the token again. Neither detects a replay.

import { createPublicKey, verify } from 'node:crypto';
import { joseDecides, oauthDecides } from '../__test__/dpop/peers.mjs';
import { freshKey, presented, proofKey, proofOf } from '../__test__/support/dpop.mjs';
import { loadOurs, NODE_FLOOR, OURS } from './contestants.mjs';
import { interleave, IN_FLIGHT, perCall, threadMicroseconds, wallMicroseconds } from './measure.mjs';
import {
  number,
  printHeader,
  printMissing,
  printTable,
  printTargets,
  ratio,
  saveResults,
  summary,
  target,
  times,
} from './report.mjs';
import { AUDIENCE, claimsFor, makeKey, quick, signedParts, signToken } from './support.mjs';

const ROUNDS = quick ? 3 : 20;
const PER_ROUND = quick ? 50 : 500;
const WARM_UP = quick ? 100 : 1_000;
const ISSUER = 'https://issuer.example';
const METHOD = 'GET';
const URL_OF_API = `${AUDIENCE}/orders/7`;
const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];

const issuerKey = makeKey('ES256');
const jwks = { keys: [issuerKey.publicJwk] };
const sender = await proofKey('ES256');
const publicKey = createPublicKey({ key: sender.jwk, format: 'jwk' });
const stranger = await freshKey();
const token = signToken(issuerKey, { ...claimsFor(ISSUER), cnf: { jkt: sender.jkt } });

printHeader('DPoP: microseconds of main thread for one request', [
  `Medians of ${ROUNDS} rounds of ${PER_ROUND} proofs, interleaved. "x floor" is the median over the rounds of the ratio within one round.`,
  `CPU time of the main thread. The peers verify on other threads and stand here twice: one at a time (time passed) and ${IN_FLIGHT} in flight. ` +
    '"all CPU" is what the whole process spends, other threads included; "x ours" compares it.',
]);

const ours = await makeOurs();
const peers = [
  { name: 'jose (proof alone)', decide: joseDecides({ algorithms: ALGORITHMS }) },
  {
    name: 'oauth4webapi',
    decide: oauthDecides({ issuer: ISSUER, jwks, audience: AUDIENCE, algorithms: ALGORITHMS }),
  },
].flatMap(bothWays);

const results = { proofs: await measureProofs(), foreign: await measureForeign() };
printMissing([ours]);
printTargets();
saveResults('dpop', results);

/** A remembered token with a new ES256 proof. */
async function measureProofs() {
  const accepting = ours.missing ? [] : [{ ...ours, name: OURS }];
  const contestants = [{ name: NODE_FLOOR, floor: rawVerify }, ...accepting, ...peers];
  for (const contestant of contestants) await segment(contestant, proofs(sender, WARM_UP));
  const samples = await interleave({
    rounds: ROUNDS,
    contestants,
    segment: (contestant) => segment(contestant, proofs(sender, PER_ROUND)),
  });
  const [main, all] = ['main', 'all'].map((clock) => samples.map((own) => own.map((sample) => sample[clock])));
  const rows = contestants.map(({ name }, index) => ({
    name,
    cost: summary(main[index]),
    all: summary(all[index]),
    xFloor: ratio(main[index], main[0]),
    xOurs: ours.missing ? undefined : ratio(all[index], all[1]),
  }));
  show('A remembered bound token with a new ES256 proof', rows);

  const least = (ratios) => (ours.missing ? undefined : Math.min(...ratios));
  const best = least(rows.slice(2).map(({ xOurs }) => xOurs));
  const waited = least(contestants.flatMap(({ clock }, index) => (clock ? [ratio(main[index], main[1])] : [])));
  target('a new proof, of a raw verify', ours.missing ? undefined : rows[1].xFloor, { atMost: 1.3, unit: 'x' });
  target('the best peer, of a new proof, time passed one at a time', waited, { atLeast: 4, unit: 'x' });
  target('the best peer, of a new proof, all CPU', best, { atLeast: 4, unit: 'x' });
  return rows;
}

/** A proof that is signed well, but by a key that the token is not bound to: it must cost no verification. */
async function measureForeign() {
  if (ours.missing) return [];
  const malformed = { name: 'a malformed token', validate: () => refused(ours.bare('a.b.c')) };
  const foreign = { name: 'a proof by a foreign key', validate: (proof) => refused(ours.present(proof)) };
  const contestants = [malformed, foreign];
  const pool = proofs(stranger, PER_ROUND);
  for (const contestant of contestants) await perCall(contestant, pool);
  const samples = await interleave({
    rounds: ROUNDS,
    contestants,
    segment: (contestant) => perCall(contestant, pool),
  });
  const rows = contestants.map(({ name }, index) => ({ name, cost: summary(samples[index]) }));
  show('A refusal', rows);
  const more = summary(samples[1].map((sample, round) => sample - samples[0][round])).median;
  target('a proof by a foreign key, more than a malformed token', more, { atMost: 3, unit: ' µs' });
  return rows;
}

function show(title, rows) {
  printTable(
    `${title} (microseconds)`,
    ['', 'median', 'min', 'max', 'x floor', 'all CPU', 'x ours'],
    rows.map(({ name, cost, all, xFloor, xOurs }) => [
      name,
      number(cost.median),
      number(cost.min),
      number(cost.max),
      times(xFloor),
      number(all?.median),
      times(xOurs),
    ]),
  );
}

async function makeOurs() {
  const loaded = await loadOurs();
  if (loaded.missing) return loaded;
  const { MonoCloudBackendNodeClient } = loaded;
  const client = new MonoCloudBackendNodeClient({
    tenantDomain: ISSUER,
    audience: AUDIENCE,
    metadataResolver: () => ({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }),
    jwksResolver: () => jwks,
  });
  await client.warmUp();
  const present = (proof) => client.validateAccessToken(token, presented(proof, { method: METHOD, url: URL_OF_API }));
  const [once] = proofs(sender, 1);
  await present(once);
  await refused(present(once));
  return { validate: present, present, bare: (other) => client.validateAccessToken(other) };
}

function bothWays({ name, decide }) {
  const request = { token, jkt: sender.jkt, method: METHOD, url: URL_OF_API };
  const validate = async (text) => {
    const decision = await decide({ ...request, text });
    if (decision !== 'accepted') throw new Error(`${name} refused a good proof: ${decision}`);
  };
  return [
    { name: `${name}, one at a time`, validate, clock: wallMicroseconds },
    { name: `${name}, ${IN_FLIGHT} in flight`, validate, offThread: true },
  ];
}

async function refused(decision) {
  try {
    await decision;
  } catch {
    return;
  }
  throw new Error('a bad request was accepted');
}

async function segment(contestant, texts) {
  const before = process.cpuUsage();
  const main = await (contestant.floor ? contestant.floor(texts) : perCall(contestant, texts));
  const { user, system } = process.cpuUsage(before);
  return { main, all: (user + system) / texts.length };
}

/** Node's verify with everything prepared: no check of a proof in JavaScript can be faster. */
function rawVerify(texts) {
  const prepared = texts.map(signedParts);
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' };
  const start = threadMicroseconds();
  for (const { input, signature } of prepared) {
    if (!verify('sha256', input, key, signature)) throw new Error('the floor refused a good proof');
  }
  return (threadMicroseconds() - start) / texts.length;
}

/** New proofs, made outside the measured time. */
function proofs(key, count) {
  return Array.from({ length: count }, () => proofOf({ key, method: METHOD, url: URL_OF_API, token }));
}
