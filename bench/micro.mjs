// What does one validation cost the main thread? Distinct tokens, repeated tokens, and the lower bounds.
//
//     node bench/micro.mjs [--quick] [--alg RS256]
//
// Ends with other results of a warm client (paths.mjs). The exit code is 1 only for a wrong result.

import { constants, verify } from 'node:crypto';
import { loadBenchVerify, NODE_FLOOR, OURS, proveAnswers, validatorsFor } from './contestants.mjs';
import {
  freshCopies,
  interleave,
  IN_FLIGHT,
  perCall,
  perRepeatedCall,
  threadMicroseconds,
  wallMicroseconds,
} from './measure.mjs';
import { measurePaths } from './paths.mjs';
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
import { argument, makeKey, quick, signedParts, startIssuer, tokenPool } from './support.mjs';

// 20 rounds of 1,000 exceed the package's memory of 10,000 tokens: first it fills, then it is full.
const ROUNDS = quick ? 3 : 20;
const PER_ROUND = quick ? 100 : 1_000;
const REPEATED = 100;
const WARM_UP = quick ? 200 : 2_000;
/** Milliseconds of one contestant's part of a round with repeated tokens. */
const BUDGET = quick ? 2 : 30;

const NATIVE_FLOOR = 'floor: raw aws-lc verify';

const algorithms = argument('alg') ? [argument('alg')] : ['RS256', 'ES256', 'EdDSA', 'PS256'];
const keys = algorithms.map((alg) => makeKey(alg));
const issuer = await startIssuer(keys);
const results = {};

printHeader('Microseconds of main thread for one validation', [
  `Medians of ${ROUNDS} rounds, interleaved. Distinct: ${PER_ROUND} tokens a round, none seen before. ` +
    `Repeated: ${REPEATED} tokens in turn, each call with a string of its own. ` +
    '"x floor" is the median over the rounds of the ratio within one round.',
  'Distinct: CPU time of the main thread; repeated: time passed. ' +
    `jose verifies on other threads and stands here twice: one at a time (time passed, the waiting included) and ${IN_FLIGHT} ` +
    'in flight (CPU time of the main thread alone, where it does best). "all CPU" is what the whole process spends on a ' +
    'distinct token, other threads included: it bounds what a busy machine can serve.',
]);

try {
  for (const key of keys) {
    results[key.alg] = await measureAlgorithm(key);
  }
  results.paths = await measurePaths({ issuer, key: keys[0], rounds: ROUNDS, budget: BUDGET, nativeFloor });
  printTargets();
  saveResults('micro', results);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  issuer.stop();
}

async function measureAlgorithm(key) {
  const [warmUp, repeated, distinct] = await pools(key);
  // PS256 only for this package and the lower bounds: few issuers sign with it.
  const validators = await validatorsFor(issuer, key, (name) => key.alg !== 'PS256' || name === OURS);
  const present = validators.filter((validator) => !validator.missing).flatMap(bothWays);
  for (const validator of present) {
    await proveAnswers(validator, issuer, key);
    await perCall(validator, warmUp);
    await perRepeatedCall(validator, repeated, BUDGET);
  }

  const floors = [nativeFloor(key, warmUp), nodeFloor(key)].filter(Boolean);
  const contestants = [...floors, ...present];
  const distinctSamples = await interleave({
    rounds: ROUNDS,
    contestants,
    segment(contestant, round) {
      const tokens = distinct.slice(round * PER_ROUND, (round + 1) * PER_ROUND);
      return contestant.floor ? contestant.floor(tokens) : withAllThreads(contestant, freshCopies(tokens));
    },
  });
  const mainThread = distinctSamples.map((samples) => samples.map((sample) => sample.main ?? sample));
  const repeatedSamples = await interleave({
    rounds: ROUNDS,
    contestants: present,
    segment: (contestant) => perRepeatedCall(contestant, repeated, BUDGET),
  });

  const rows = contestants.map((contestant, i) => ({
    name: contestant.name,
    distinct: summary(mainThread[i]),
    xFloor: ratio(mainThread[i], mainThread[0]),
    allThreads: contestant.floor ? undefined : summary(distinctSamples[i].map((sample) => sample.all)),
    repeated: contestant.floor ? undefined : summary(repeatedSamples[i - floors.length]),
  }));
  show(key, [...validators.filter((validator) => validator.missing), ...rows]);
  printMissing(validators);
  return rows;
}

function show(key, rows) {
  const ours = rows.find((row) => row.name === OURS);
  if (loadBenchVerify() === undefined) {
    rows.unshift({ name: NATIVE_FLOOR });
  }
  const columns = ['validator', 'distinct', 'min', 'max', 'x floor', 'all CPU', 'repeated', 'min', 'max', 'x ours'];
  printTable(
    `${key.alg} (microseconds)`,
    columns,
    rows.map((row) => [
      row.name,
      ...(row.missing ? [row.missing, '-', '-'] : spread(row.distinct)),
      times(row.xFloor),
      number(row.allThreads?.median),
      ...spread(row.repeated),
      times(row.repeated && ours?.repeated ? row.repeated.median / ours.repeated.median : undefined),
    ]),
  );

  // Without the native lower bound, the first target has no reference.
  const held = rows[0].name === NATIVE_FLOOR && rows[0].distinct !== undefined;
  target(`${key.alg} distinct, of the raw verify`, held ? ours?.xFloor : undefined, { atMost: 1.15, unit: 'x' });
  target(`${key.alg} repeated`, ours?.repeated?.median, { atMost: 0.8, unit: ' µs' });
}

/** A validator that uses other threads is measured one call at a time and with many in flight. */
function bothWays(validator) {
  return validator.offThread
    ? [
        { ...validator, name: `${validator.name}, one at a time`, offThread: false, clock: wallMicroseconds },
        { ...validator, name: `${validator.name}, ${IN_FLIGHT} in flight` },
      ]
    : [validator];
}

async function withAllThreads(contestant, tokens) {
  const before = process.cpuUsage();
  const main = await perCall(contestant, tokens);
  const { user, system } = process.cpuUsage(before);
  return { main, all: (user + system) / tokens.length };
}

function spread(figures) {
  return figures ? [number(figures.median), number(figures.min), number(figures.max)] : ['-', '-', '-'];
}

async function pools(key) {
  const all = await tokenPool(key, issuer.url, WARM_UP + REPEATED + ROUNDS * PER_ROUND);
  return [all.slice(0, WARM_UP), all.slice(WARM_UP, WARM_UP + REPEATED), all.slice(WARM_UP + REPEATED)];
}

/** The add-on's own signature check: the key is parsed once, every signature is verified once, in a loop in Rust. */
function nativeFloor(key, warmUp) {
  const benchVerify = loadBenchVerify();
  if (!benchVerify) {
    return undefined;
  }
  const jwk = JSON.stringify(key.publicJwk);
  const floor = (tokens = warmUp) => {
    const parts = tokens.map(signedParts);
    return (
      benchVerify(
        key.alg,
        jwk,
        parts.map(({ input }) => input),
        parts.map(({ signature }) => signature),
      ) / 1e3
    );
  };
  floor(warmUp);
  return { name: NATIVE_FLOOR, floor };
}

/** Node's verify with everything prepared: no validator in JavaScript can be faster. */
function nodeFloor(key) {
  const options = { key: key.publicKey, ...key.how };
  if (key.alg === 'PS256') {
    options.saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  }
  const run = (tokens) => {
    const prepared = tokens.map(signedParts);
    const start = threadMicroseconds();
    for (const { input, signature } of prepared) {
      if (!verify(key.hash, input, options, signature)) {
        throw new Error('the floor refused a good signature');
      }
    }
    return (threadMicroseconds() - start) / prepared.length;
  };
  return { name: NODE_FLOOR, floor: run };
}
