// The process that memory.mjs measures: it validates the tokens that come in on stdin.
//
// Receives one task by message and sends its results by message. Runs with --expose-gc.

import { loadOurs, ourClient, OURS, validatorsFor } from './contestants.mjs';
import { interleave, perRepeatedCall } from './measure.mjs';
import { ratio, summary } from './report.mjs';

/** The number of calls per turn, independent of the number of remembered tokens. */
const TURN = 100;
/** How many remembered tokens are read at random. These miss the processor's caches. */
const SPREAD = 10_000;

process.once('message', async (task) => {
  try {
    const result = await { stream, remembered, keys }[task.kind](task);
    process.send({ result }, () => process.disconnect());
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
});

/** Validates every token once and forgets it. Samples the resident memory `marks` times on the way. */
async function stream({ contestant, issuer, key, options, count, marks }) {
  const validate = await validatorFor(contestant, issuer, key, options);
  if (validate.missing) {
    return validate;
  }
  let seen = 0;
  const resident = [];
  for await (const token of tokens()) {
    await validate(token);
    seen++;
    // The start: the code is loaded, the keys are fetched, and one token was validated.
    if (seen === 1 || seen % Math.max(1, Math.floor(count / marks)) === 0) {
      resident.push({ tokens: seen, bytes: residentBytes() });
    }
  }
  return { resident };
}

/** Time to recognize a remembered token, by the number of remembered tokens. */
async function remembered({ issuer, counts, rounds, budget }) {
  const module = await loadOurs();
  if (module.missing) {
    return module;
  }
  // One client per number, all in one process, so that rounds can be compared.
  const most = Math.max(...counts);
  const clients = counts.map((count) => ({
    count,
    kept: [],
    client: ourClient(module, issuer, { verifiedTokenCacheSize: most, verifiedTokenCacheBytes: 2 ** 36 }),
  }));
  let seen = 0;
  for await (const token of tokens()) {
    for (const each of clients) {
      if (seen < each.count) {
        // The second call stores the token, the third one its claims.
        for (let time = 0; time < 3; time++) {
          await each.client.validateAccessToken(token);
        }
        if (seen % Math.max(1, Math.floor(each.count / SPREAD)) === 0) {
          each.kept.push(token);
        }
      }
    }
    seen++;
  }

  const contestants = clients.flatMap(({ count, kept, client }) => {
    const validate = (token) => client.validateAccessToken(token);
    const inTurn = Array.from({ length: TURN }, (_, i) => kept[Math.floor((i * kept.length) / TURN)]);
    const shuffled = kept
      .map((token) => [Math.random(), token])
      .sort(([a], [b]) => a - b)
      .map(([, token]) => token);
    return [
      { count, how: `${TURN} in turn`, tokens: inTurn, validate },
      ...(kept.length > TURN ? [{ count, how: `${kept.length} at random`, tokens: shuffled, validate }] : []),
    ];
  });
  return timed(contestants, rounds, budget);
}

/** Time to validate without remembering tokens, by the number of the issuer's keys. */
async function keys({ sets, rounds, budget }) {
  const module = await loadOurs();
  if (module.missing) {
    return module;
  }
  const contestants = sets.map(({ count, issuer, tokens: own }) => {
    const client = ourClient(module, issuer, { verifiedTokenCacheSize: 0 });
    return { count, how: 'distinct', tokens: own, validate: (token) => client.validateAccessToken(token) };
  });
  return timed(contestants, rounds, budget);
}

async function timed(contestants, rounds, budget) {
  const segment = (contestant) => perRepeatedCall(contestant, contestant.tokens, budget);
  for (const contestant of contestants) {
    await segment(contestant);
  }
  const samples = await interleave({ rounds, contestants, segment });
  return {
    rows: contestants.map(({ count, how }, i) => ({
      count,
      how,
      ...summary(samples[i]),
      xFirst: ratio(samples[i], samples[0]),
    })),
  };
}

async function validatorFor(contestant, issuer, key, options) {
  if (contestant === 'nobody') {
    return async () => {};
  }
  if (contestant === OURS) {
    const module = await loadOurs();
    if (module.missing) {
      return module;
    }
    const client = ourClient(module, issuer, options);
    return (token) => client.validateAccessToken(token);
  }
  const [{ validate }] = await validatorsFor(issuer, key, (name) => name === contestant);
  return validate;
}

/**
 * The tokens on stdin, one per line. Reading stops while a token is validated. Each is cut directly from the bytes:
 * split text would create garbage, and keep a whole chunk alive for one remembered token.
 */
async function* tokens() {
  let rest = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    for (let end; (end = bytes.indexOf(10, from)) !== -1; from = end + 1) {
      yield bytes.latin1Slice(from, end);
    }
    rest = bytes.subarray(from);
  }
}

function residentBytes() {
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage.rss();
}
