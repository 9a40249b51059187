// How much do valid tokens slow down during 20,000 bad ones per second?
//
//     node bench/flood.mjs [--quick]
//
// The tokens come one by one from another thread, as requests would, and go through protectApi. The measured time
// lasts from there to the response, and includes waiting in the queue.

import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
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
import { claimsFor, forge, makeKey, quick, signToken, startIssuer } from './support.mjs';

const FLOOD = 20_000;
/** The sender skips tokens that it missed while it slept. */
const PACE = 1.02 * FLOOD;
const ROUNDS = quick ? 1 : 10;
const MILLISECONDS = quick ? 300 : 2_000;
/** The start of the flood, which is not measured. */
const ONSET = quick ? 100 : 500;
const TOKENS = 100;

const key = makeKey('RS256');
const issuer = await startIssuer([key]);
try {
  const ours = await loadOurs('/express');
  if (ours.missing) printMissing([{ name: OURS, ...ours }]);
  else await measure(ours);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  issuer.stop();
}

async function measure(ours) {
  const client = ourClient(ours, issuer);
  const guard = ours.protectApi(client)();
  const valid = make(() => signToken(key, claimsFor(issuer.url)));
  const kinds = invalidKinds();
  const invalid = Object.values(kinds)
    .flat()
    .sort(() => Math.random() - 0.5);
  for (const token of valid) await client.validateAccessToken(token);

  printHeader(`${FLOOD} bad tokens per second beside 500 good ones`, [
    `${ROUNDS} interleaved rounds of ${MILLISECONDS / 1e3} s, the first ${ONSET / 1e3} s of each not timed. Bad: ${Object.keys(kinds).join(', ')}, in equal parts at random. ` +
      "A good token's time is from the sending in another thread to the verdict, in microseconds; the event loop's delay, " +
      'in milliseconds, is how much later than a millisecond a timer of one fires (perf_hooks). Medians over the rounds. ' +
      '"Dropped unread": what the sending of so many messages costs by itself.',
  ]);
  const drop = (request, response) => response.end();
  const contestants = [
    { name: 'none', perSecond: 0, handler: guard },
    { name: `${FLOOD} per second, dropped unread`, perSecond: PACE, handler: drop },
    { name: `${FLOOD} per second, refused`, perSecond: PACE, handler: guard },
  ];
  const samples = await interleave({
    rounds: ROUNDS,
    contestants,
    segment: ({ perSecond, handler }) => run(guard, handler, { valid, invalid, perSecond, milliseconds: MILLISECONDS }),
  });
  const rows = contestants.map(({ name }, i) => ({
    name,
    ...Object.fromEntries(
      ['p50', 'p99', 'delay', 'refused'].map((what) => [
        what,
        summary(samples[i].map((sample) => sample[what])).median,
      ]),
    ),
  }));
  printTable(
    'Good tokens',
    ['flood', 'p50', 'p99', 'delay p99', 'bad per second'],
    rows.map((row) => [row.name, number(row.p50), number(row.p99), number(row.delay), number(row.refused)]),
  );
  target('event-loop delay under the flood, p99', rows[2].delay, { atMost: 10, unit: ' ms' });
  target("good tokens' p99 under the flood, of the idle one", rows[2].p99 / rows[0].p99, { atMost: 2, unit: 'x' });
  printTargets();
  saveResults('flood', { rows });
}

function invalidKinds() {
  const signed = (changes, header) =>
    make((_, i) => signToken(key, { ...claimsFor(issuer.url), ...changes, jti: `${i}` }, header));
  return {
    malformed: make((_, i) => `not-a.jwt.${i}`),
    'alg none': signed({}, { alg: 'none' }),
    forged: signed({}).map(forge),
    expired: signed({ exp: 1_000_000_000 }),
    'another audience': signed({ aud: 'https://other.example.com' }),
    'unknown kid': signed({}, { kid: 'nobody' }),
  };
}

/**
 * One turn: percentiles of the valid tokens in microseconds, of the loop's delay, and bad tokens rejected per second.
 */
async function run(guard, handler, workerData) {
  const worker = new Worker(new URL('./flood-worker.mjs', import.meta.url), { workerData });
  const times = createHistogram();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const pending = [];
  let refused = 0;
  let accepted = 0;
  let begun;
  const refusing = {
    headersSent: false,
    setHeader() {},
    end: () => {
      refused += 1;
    },
  };
  await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', ({ token, sentAt, isLast }) => {
      if (isLast) {
        resolve();
        return;
      }
      begun ??= performance.now();
      const isTimed = performance.now() - begun > ONSET;
      if (isTimed) delay.enable();
      const authorization = `Bearer ${token}`;
      const request = { headers: { authorization }, rawHeaders: ['Authorization', authorization] };
      const accept = () => {
        accepted += 1;
        if (isTimed) times.record(Math.max(1, Math.round((performance.timeOrigin + performance.now() - sentAt) * 1e3)));
      };
      // A token with an unknown kid waits for the keys. Other results are not stored, as in a server.
      // server.
      const waiting = (sentAt === undefined ? handler : guard)(request, refusing, accept);
      if (waiting !== undefined) pending.push(waiting);
    });
  });
  delay.disable();
  await Promise.all(pending);
  await worker.terminate();
  const good = Math.floor(workerData.milliseconds / 2);
  if (Math.abs(accepted - good) > 1) throw new Error(`${accepted} of ${good} good tokens were accepted`);
  return {
    p50: times.percentile(50),
    p99: times.percentile(99),
    delay: Math.max(0, delay.percentile(99) / 1e6 - 1),
    refused: (refused * 1e3) / workerData.milliseconds,
  };
}

function make(one) {
  return Array.from({ length: TOKENS }, one);
}
