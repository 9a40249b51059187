// How do time and memory grow with the number of keys, of remembered tokens and of all tokens, and at the start?
//
//     node bench/memory.mjs [--quick] [--tokens 10000000] [--peers]
//
// The validating process is a child (memory-child.mjs) that gets its tokens through a pipe. Worker threads sign them
// here as the child reads them, so the child stores only what it keeps. The tokens are EdDSA, the fastest to sign and
// to verify together. --peers also measures the memory of the other validators.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { OURS } from './contestants.mjs';
import {
  number,
  printHeader,
  printMissing,
  printTable,
  printTargets,
  saveResults,
  summary,
  target,
  times,
} from './report.mjs';
import { measureStartup } from './startup.mjs';
import { argument, makeKey, quick, startIssuer, tokenPool, tokenStream } from './support.mjs';

const TOKENS = Number(argument('tokens', quick ? 20_000 : 1_000_000));
const KEY_COUNTS = [1, 10, 100];
const REMEMBERED = quick ? [1, 100, 1_000] : [1, 100, 10_000, 1_000_000];
const ROUNDS = quick ? 3 : 20;
const BUDGET = quick ? 5 : 50;
/** How much slower the largest may be than the smallest and still count as independent of size. */
const INDEPENDENT = 1.25;
/** Megabytes over the last part that still count as no growth. */
const FLAT = 2;

const key = makeKey('EdDSA');
const issuer = await startIssuer([key]);
const results = {};

printHeader('Cost as the work grows', [
  `Times: medians of ${ROUNDS} interleaved rounds in one process. Resident memory is read after a full garbage collection; ` +
    'its start is a loaded package, fetched keys and one validated token. "nobody" reads the same tokens and drops them.',
]);

try {
  results.keys = await measureKeys();
  results.remembered = await measureRemembered();
  results.tenThousand = await measureTenThousand();
  results.stream = await measureStream();
  results.startup = await measureStartup();
  printTargets();
  saveResults('memory', results);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  issuer.stop();
}

async function measureKeys() {
  const issuers = [];
  try {
    const sets = [];
    for (const count of KEY_COUNTS) {
      const keys = Array.from({ length: count }, (_, i) => makeKey('EdDSA', `key-${i}`));
      const own = await startIssuer(keys);
      issuers.push(own);
      // The last key of the set, which takes longest in a linear search.
      sets.push({ count, issuer: plain(own), tokens: await tokenPool(keys.at(-1), own.url, 100) });
    }
    const { rows, ...missing } = await ask({ kind: 'keys', sets, rounds: ROUNDS, budget: BUDGET });
    showTimes('Validation with the memory off, by number of keys (EdDSA)', 'keys', rows, missing);
    target('time with 100 keys, of the time with 1', rows?.at(-1).xFirst, { atMost: INDEPENDENT, unit: 'x' });
    return rows;
  } finally {
    issuers.forEach((each) => each.stop());
  }
}

async function measureRemembered() {
  const most = REMEMBERED.at(-1);
  const { rows, ...missing } = await ask(
    { kind: 'remembered', issuer: plain(issuer), counts: REMEMBERED, rounds: ROUNDS, budget: BUDGET },
    () => tokenStream(key, issuer.url, most),
  );
  showTimes('Recognising a remembered token, by how many are remembered', 'remembered', rows, missing);
  // Tokens in turn measure the search itself. Random tokens also measure the machine's memory.
  const inTurn = rows?.filter((row) => row.how.endsWith('in turn'));
  target(`time with ${most} remembered, of the time with 1`, inTurn?.at(-1).xFirst, { atMost: INDEPENDENT, unit: 'x' });
  return rows;
}

/** The same 10,000 tokens with and without remembering them; the difference is the memory's size. */
async function measureTenThousand() {
  const rsa = makeKey('RS256');
  const own = await startIssuer([rsa]);
  const count = quick ? 500 : 10_000;
  try {
    const pool = Buffer.from(`${(await tokenPool(rsa, own.url, count)).join('\n')}\n`);
    const grown = { with: [], without: [] };
    let missing;
    for (let round = 0; round < (quick ? 1 : 5) && !missing; round++) {
      for (const [which, size] of [
        ['with', count],
        ['without', 0],
      ]) {
        // The second call stores the tokens, the third one their claims.
        const task = {
          kind: 'stream',
          contestant: OURS,
          issuer: plain(own),
          key: publicOf(rsa),
          count: 3 * count,
          marks: 1,
        };
        const answer = await ask({ ...task, options: { verifiedTokenCacheSize: size } }, () => [pool, pool, pool]);
        missing = answer.missing ? answer : undefined;
        grown[which].push(growth(answer.resident));
      }
    }
    const difference = missing ? undefined : summary(grown.with).median - summary(grown.without).median;
    printTable(
      `Resident memory of ${count} remembered tokens (RS256, about 900 bytes each)`,
      ['memory', 'MB over the start'],
      [
        ['on', missing?.missing ?? number(summary(grown.with).median)],
        ['off', missing?.missing ?? number(summary(grown.without).median)],
        ['difference', number(difference)],
      ],
    );
    target(`memory of ${count} remembered tokens`, difference, { atMost: 30, unit: ' MB' });
    return grown;
  } finally {
    own.stop();
  }
}

async function measureStream() {
  const contestants = [OURS, 'nobody', ...(process.argv.includes('--peers') ? ['fast-jwt, cache 1000', 'jose'] : [])];
  const marks = Math.max(10, Math.round(TOKENS / 1e6));
  const rows = [];
  for (const name of contestants) {
    const task = {
      kind: 'stream',
      contestant: name,
      issuer: plain(issuer),
      key: publicOf(key),
      options: {},
      count: TOKENS,
      marks,
    };
    const from = performance.now();
    const { resident, ...missing } = await ask(task, () => tokenStream(key, issuer.url, TOKENS));
    rows.push({ name, resident, ...missing, seconds: (performance.now() - from) / 1e3 });
  }
  const part = Math.floor(TOKENS / marks);
  printTable(
    `Resident memory while ${TOKENS} distinct tokens pass (EdDSA, MB)`,
    ['validator', 'start', 'end', 'growth', `last ${part}`, 'peak', 'seconds'],
    rows.map(({ name, resident, missing, seconds }) =>
      missing
        ? [name, missing, '-', '-', '-', '-', '-']
        : [
            name,
            number(resident[0].bytes / 1e6),
            number(resident.at(-1).bytes / 1e6),
            number(growth(resident)),
            number(growth(resident.slice(-2))),
            number(Math.max(...resident.map(({ bytes }) => bytes)) / 1e6),
            number(seconds),
          ],
    ),
  );
  printMissing(rows);
  const ours = rows[0].resident;
  target(`memory after ${TOKENS} distinct tokens, over the start`, ours && growth(ours), { atMost: 64, unit: ' MB' });
  target(`growth over the last ${part} tokens`, ours && growth(ours.slice(-2)), { atMost: FLAT, unit: ' MB' });
  return rows;
}

function showTimes(title, what, rows, { missing, why }) {
  printTable(
    `${title} (microseconds)`,
    [what, 'tokens', 'median', 'min', 'max', 'x first'],
    rows
      ? rows.map((row) => [row.count, row.how, number(row.median), number(row.min), number(row.max), times(row.xFirst)])
      : [['-', missing, '-', '-', '-', '-']],
  );
  printMissing([{ why }]);
}

/** Sends a child its task and its tokens; waits for the result and for its end. */
async function ask(task, source = () => []) {
  const child = fork(new URL('./memory-child.mjs', import.meta.url), {
    execArgv: ['--expose-gc'],
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
  child.send(task);
  // A child without tokens to validate ends without reading, which breaks the pipe and is harmless.
  child.stdin.on('error', () => {});
  const answered = once(child, 'message');
  const exited = once(child, 'exit');
  for await (const chunk of source()) {
    if (child.exitCode !== null || child.stdin.destroyed) {
      break;
    }
    if (!child.stdin.write(chunk)) {
      await Promise.race([once(child.stdin, 'drain').catch(() => {}), exited]);
    }
  }
  child.stdin.end();
  const [code] = await exited;
  if (code !== 0) {
    throw new Error(`the process for ${task.kind} ended with ${code}`);
  }
  return (await answered)[0].result;
}

function growth(resident) {
  return resident && (resident.at(-1).bytes - resident[0].bytes) / 1e6;
}

function plain({ url, jwks, jwksUri }) {
  return { url, jwks, jwksUri };
}

function publicOf({ alg, kid, publicJwk, publicPem }) {
  return { alg, kid, publicJwk, publicPem };
}
