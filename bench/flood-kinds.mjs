// How much do valid tokens slow down in a flood that costs more than a rejection: slow signatures, introspections?
//
//     node bench/flood-kinds.mjs [--quick] [--only TEXT]
//
// As in flood.mjs, the tokens come one by one from another thread. `--only` measures the kinds whose name has the text.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createHistogram } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { freshKey, outcomeOf, presented, proofKey, proofOf } from '../__test__/support/dpop.mjs';
import { loadOurs, OURS, ourClient } from './contestants.mjs';
import { interleave } from './measure.mjs';
import {
  number,
  printHeader,
  printMissing,
  printTable,
  printTargets,
  saveResults,
  summary,
  target,
} from './report.mjs';
import { AUDIENCE, claimsFor, forge, makeKey, quick, signToken } from './support.mjs';

const ROUNDS = quick ? 1 : 5;
const MILLISECONDS = quick ? 1_500 : 4_000;
/** The start of the flood, which is not measured. */
const ONSET = quick ? 500 : 1_500;
/** How long the issuer takes for one response. */
const ANSWER = 20;
const TOKENS = 100;
const URL_OF_API = `${AUDIENCE}/orders/7`;
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : '';

const keys = { RS256: makeKey('RS256'), ES512: makeKey('ES512') };
const issuer = fork(new URL('./flood-issuer.mjs', import.meta.url));
try {
  issuer.send({ keys: Object.values(keys).map((key) => key.publicJwk), answerMilliseconds: ANSWER });
  const [{ url }] = await once(issuer, 'message');
  const ours = await loadOurs('/express');
  if (ours.missing) printMissing([{ name: OURS, ...ours }]);
  else await measure(ours, url);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  issuer.disconnect();
}

async function measure(ours, url) {
  const client = ourClient(ours, { url }, { clientId: 'api', clientSecret: 'secret' });
  const guard = ours.protectApi(client)();
  const jwt = signToken(keys.RS256, claimsFor(url));
  const valid = [jwt, 'good-opaque-token'];
  for (let i = 0; i < 3; i += 1) for (const token of valid) await client.validateAccessToken(token);

  const make = (one) => Array.from({ length: TOKENS }, one);
  const slow = make((_, i) => forge(signToken(keys.ES512, { ...claimsFor(url), jti: `${i}` })));
  const foreign = await proofsByForeignKeys(url);
  const [{ token: bound, proof }] = foreign;
  const reason = await outcomeOf(client.validateAccessToken(bound, presented(proof, { url: URL_OF_API })));
  if (reason !== 'dpop_key_mismatch') throw new Error(`a proof by a self-made key: ${reason}`);
  const floods = [
    { name: '10000 forged ES512 per second', perSecond: 10_000, invalid: slow },
    { name: '3000 garbage opaque tokens per second', perSecond: 3_000, invalid: ['garbage-'], isDistinct: true },
    { name: '1000 opaque tokens per second, never answered', perSecond: 1_000, invalid: ['hangs-'], isDistinct: true },
    { name: '10000 proofs by self-made DPoP keys per second', perSecond: 10_000, invalid: foreign },
  ];
  const contestants = [
    { name: 'none', perSecond: 0, invalid: [] },
    ...floods.filter(({ name }) => name.includes(only)),
  ];
  printHeader('Floods that cost more than a refusal, beside 250 good JWTs and 250 good opaque tokens per second', [
    `${ROUNDS} interleaved rounds of ${MILLISECONDS / 1e3} s, the first ${ONSET / 1e3} s of each not timed. The JWT is remembered, the ` +
      `opaque token was active before, and there is no cache. The issuer takes ${ANSWER} ms for an answer. Milliseconds from the ` +
      'sending in another thread to the verdict, medians over the rounds.',
  ]);
  const samples = await interleave({
    rounds: ROUNDS,
    contestants,
    segment: (flood) => run(guard, { ...flood, valid, milliseconds: MILLISECONDS }),
  });
  const columns = ['jwt50', 'jwt99', 'opaque50', 'opaque99', 'refused', 'overloaded'];
  const rows = contestants.map(({ name }, i) => ({
    name,
    ...Object.fromEntries(columns.map((what) => [what, summary(samples[i].map((sample) => sample[what])).median])),
  }));
  printTable(
    'Good tokens',
    ['flood', 'JWT p50', 'JWT p99', 'opaque p50', 'opaque p99', '401 per second', '503 per second'],
    rows.map((row) => [row.name, ...columns.map((what) => number(row[what]))]),
  );
  const [idle, ...others] = rows;
  for (const row of others) {
    target(`good JWTs' p99 under ${row.name}`, row.jwt99, { atMost: 50, unit: ' ms' });
    target(`good opaque tokens' p99 under ${row.name}`, row.opaque99, {
      atMost: 2 * idle.opaque99 + ANSWER,
      unit: ' ms',
    });
  }
  printTargets();
  saveResults('flood-kinds', { rows });
}

/** One stolen token, with good proofs for the request, each by a key that the token is not bound to. */
async function proofsByForeignKeys(url) {
  const { jkt } = await proofKey('ES256');
  const token = signToken(keys.RS256, { ...claimsFor(url), cnf: { jkt } });
  const made = [];
  for (let i = 0; i < TOKENS; i += 1) {
    made.push({ token, proof: proofOf({ key: await freshKey(), url: URL_OF_API, token }) });
  }
  return made;
}

/** One turn: percentiles in milliseconds, and how many bad tokens got 401 and 503 per second. */
async function run(guard, workerData) {
  const worker = new Worker(new URL('./flood-worker.mjs', import.meta.url), { workerData });
  const times = { jwt: createHistogram(), opaque: createHistogram() };
  const pending = [];
  const answers = { 401: 0, 503: 0 };
  const refused = [];
  let begun;
  const now = () => performance.timeOrigin + performance.now();
  await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', ({ token, proof, sentAt, isLast }) => {
      if (isLast) {
        resolve();
        return;
      }
      begun ??= performance.now();
      const isTimed = performance.now() - begun > ONSET;
      const isGood = sentAt !== undefined;
      const request = requestOf(token, proof);
      const response = {
        headersSent: false,
        setHeader() {},
        end() {
          answers[this.statusCode] += 1;
          if (isGood) refused.push(this.statusCode);
        },
      };
      const accept = () => {
        const kind = token.includes('.') ? times.jwt : times.opaque;
        if (isTimed && isGood) kind.record(Math.max(1, Math.round((now() - sentAt) * 1e3)));
      };
      const waiting = guard(request, response, accept);
      if (waiting !== undefined) pending.push(waiting);
    });
  });
  await Promise.all(pending);
  await worker.terminate();
  if (refused.length > 0) throw new Error(`${refused.length} good tokens were refused: ${[...new Set(refused)]}`);
  const perSecond = (count) => (count * 1e3) / workerData.milliseconds;
  return {
    jwt50: times.jwt.percentile(50) / 1e3,
    jwt99: times.jwt.percentile(99) / 1e3,
    opaque50: times.opaque.percentile(50) / 1e3,
    opaque99: times.opaque.percentile(99) / 1e3,
    refused: perSecond(answers[401]),
    overloaded: perSecond(answers[503]),
  };
}

/** What Express passes on, as far as the guard reads it. */
function requestOf(token, proof) {
  if (proof === undefined) {
    const authorization = `Bearer ${token}`;
    return { headers: { authorization }, rawHeaders: ['Authorization', authorization] };
  }
  const { protocol, host, pathname } = new URL(URL_OF_API);
  const headers = { host, authorization: `DPoP ${token}`, dpop: proof };
  return {
    method: 'GET',
    originalUrl: pathname,
    protocol: protocol.slice(0, -1),
    headers,
    rawHeaders: Object.entries(headers).flat(),
    socket: {},
  };
}
