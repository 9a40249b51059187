// How long does a slow signature block the event loop, with 64 validations at once?
//
//     node bench/eventloop.mjs [--quick]
//
// The delay histogram of perf_hooks samples once per millisecond, too rarely for a limit of 100 microseconds. Here an
// immediate in every turn of the loop measures the turn's length. The length divided by the validations that ended in
// the turn is the cost of one.

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createHistogram } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { OURS, proveAnswers, validatorsFor } from './contestants.mjs';
import { inFlight, interleave, IN_FLIGHT, nextTurn } from './measure.mjs';
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
import { makeKey, quick, startIssuer, tokenPool } from './support.mjs';

const KINDS = ['RS256', 'RS256_4096', 'ES384', 'ES512'];
const ROUNDS = quick ? 1 : 5;
const PER_ROUND = quick ? 128 : 512;
const PEERS = ['fast-jwt', 'aws-jwt-verify', 'jose'];
/** Microseconds of the event loop that one validation may take. */
const MOST_HELD = 100;

// One core stays free for the main thread. Otherwise the pool's threads would preempt it and distort the result. The
// size of libuv's pool must be set before the process starts.
if (process.env.UV_THREADPOOL_SIZE === undefined) {
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(Math.max(1, availableParallelism() - 1)) };
  const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    env,
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}

const results = {};
printHeader(`Event loop held by one validation, ${IN_FLIGHT} at once (microseconds)`, [
  `${ROUNDS} interleaved rounds of ${PER_ROUND} distinct tokens, thread pool of ${process.env.UV_THREADPOOL_SIZE}. ` +
    'Medians over the rounds of each round\'s percentiles; "longest turn" is the worst single turn of the loop, in milliseconds.',
]);

try {
  for (const kind of KINDS) {
    results[kind] = await measureKind(kind);
  }
  printTargets();
  saveResults('eventloop', results);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}

async function measureKind(kind) {
  // Each validator has its own issuer, so that none meets the other key of the same algorithm.
  const key = makeKey(kind);
  const issuer = await startIssuer([key]);
  try {
    const tokens = await tokenPool(key, issuer.url, PER_ROUND * (ROUNDS + 1));
    const validators = await validatorsFor(issuer, key, (name) => name === OURS || PEERS.includes(name));
    const present = validators.filter((validator) => !validator.missing);
    for (const validator of present) {
      await proveAnswers(validator, issuer, key);
      await inFlight(validator.validate, tokens.slice(-PER_ROUND));
    }
    const samples = await interleave({
      rounds: ROUNDS,
      contestants: present,
      segment: ({ validate }, round) => hold(validate, tokens.slice(round * PER_ROUND, (round + 1) * PER_ROUND)),
    });
    return show(kind, validators, present, samples);
  } finally {
    issuer.stop();
  }
}

function show(kind, validators, present, samples) {
  const rows = present.map(({ name }, i) => ({
    name,
    p50: summary(samples[i].map((sample) => sample.p50)).median,
    p99: summary(samples[i].map((sample) => sample.p99)).median,
    longestTurn: summary(samples[i].map((sample) => sample.longestTurn)).max,
    perSecond: summary(samples[i].map((sample) => sample.perSecond)).median,
  }));
  printTable(
    kind.replace('_', ', RSA-'),
    ['validator', 'p50', 'p99', 'longest turn', 'per second'],
    [
      ...validators.filter(({ missing }) => missing).map(({ name, missing }) => [name, missing, '-', '-', '-']),
      ...rows.map((row) => [
        row.name,
        number(row.p50),
        number(row.p99),
        number(row.longestTurn),
        number(row.perSecond),
      ]),
    ],
  );
  printMissing(validators);
  target(`${kind.replace('_', ', RSA-')}: held by one validation, p99`, rows.find((row) => row.name === OURS)?.p99, {
    atMost: MOST_HELD,
    unit: ' µs',
  });
  return rows;
}

/** Validates the tokens, 64 at once, each in a turn of its own, as if a request had brought it. */
async function hold(validate, tokens) {
  const held = createHistogram();
  let ended = 0;
  let running = true;
  let longest = 0;
  let last = performance.now();
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    // Nanoseconds, because the histogram counts whole numbers. A turn without a finished validation is not counted.
    if (ended > 0) {
      const each = Math.max(1, Math.round(((now - last) * 1e6) / ended));
      held.record(each);
      ended = 0;
    }
    last = now;
    if (running) {
      setImmediate(tick);
    }
  };
  setImmediate(tick);

  const start = performance.now();
  await inFlight(async (token) => {
    await nextTurn();
    await validate(token);
    ended++;
  }, tokens);
  const perSecond = (tokens.length * 1e3) / (performance.now() - start);
  running = false;
  await nextTurn();
  return { p50: held.percentile(50) / 1e3, p99: held.percentile(99) / 1e3, longestTurn: longest, perSecond };
}
