// How many of an unprotected route's requests per second remain when the route is protected?
//
//     node bench/http.mjs [--quick] [--framework fastify] [--rounds 30] [--seconds 0.5]
//
// Each server is a separate child process that is idle outside its turn. This process sends the load: autocannon, 50
// connections, one request at a time on each. Rounds are interleaved, and a share is computed within a round. CPU
// speed varies within seconds, so turns are shorter than that, and this package runs directly after the unprotected
// route.
//
// Two processes of the same guard differ by a few percent for their whole life, so each guard has three, one after
// the other. With all of them alive at once, each was idle for ten seconds between its turns, and Express's slowest
// turns had half the speed.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import autocannon from 'autocannon';
import { COSTS_NOTHING, NODE_FLOOR, OURS } from './contestants.mjs';
import { interleave } from './measure.mjs';
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
} from './report.mjs';
import { argument, forge, makeKey, quick, startIssuer, tokenPool } from './support.mjs';

const CONNECTIONS = 50;
const ROUNDS = Number(argument('rounds', quick ? 1 : 30));
const SECONDS = Number(argument('seconds', 0.5));
const PROCESSES = quick ? 1 : 3;
const WARM_UP_ROUNDS = quick ? 1 : 6;
const ALGORITHM = 'RS256';
const REPEATED = 100;
// Three times the package's memory of 10,000 tokens, and thirty times fast-jwt's. When a token is sent again, a
// memory that removes the least recently used entry has removed it. Each turn of load continues where the server's
// last one ended. Otherwise no turn would get that far.
const DISTINCT = quick ? 1_000 : 30_000;

const GUARDS = {
  fastify: ['bare', OURS, COSTS_NOTHING, NODE_FLOOR, 'fast-jwt, cache 1000', 'jose', '@fastify/jwt + get-jwks'],
  express: ['bare', OURS, COSTS_NOTHING, NODE_FLOOR, 'fast-jwt, cache 1000', 'jose'],
  hono: ['bare', OURS, COSTS_NOTHING, 'jose'],
  'node:http': ['bare', OURS, COSTS_NOTHING, 'jose'],
};
// A Hono route without any middleware answers synchronously. Each async guard ends that, also one that does nothing. The
// targets therefore also list the share of that one, without a target.
const TARGETS = {
  fastify: { repeated: 0.85, distinct: 0.45 },
  express: { repeated: 0.95, distinct: 0.8 },
  hono: { repeated: 0.85 },
  'node:http': { repeated: 0.85 },
};

const key = makeKey(ALGORITHM);
const issuer = await startIssuer([key]);
const results = {};

printHeader('Requests per second through Express, Fastify, Hono and node:http', [
  `${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s each, over ${PROCESSES} processes a guard, one after the other. ` +
    `${ALGORITHM} tokens, signed beforehand: ` +
    `repeated, ${REPEATED} in turn; distinct, ${DISTINCT} in turn, more than any memory here holds. The bare route gets the same headers. ` +
    '"share": requests per second over the bare route\'s, median over the rounds. "busy": how much of the time the ' +
    "server's event loop worked; well below 1.00 the load generator was the limit, and the share flatters.",
]);

try {
  const distinct = await tokenPool(key, issuer.url, DISTINCT);
  const regimes = { repeated: distinct.slice(0, REPEATED), distinct };
  const frameworks = argument('framework') ? [argument('framework')] : Object.keys(GUARDS);
  for (const framework of frameworks) {
    results[framework] = await measureFramework(framework, regimes);
  }
  printTargets();
  saveResults('http', results);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  issuer.stop();
}

async function measureFramework(framework, regimes) {
  const samples = Object.fromEntries(Object.keys(regimes).map((regime) => [regime, GUARDS[framework].map(() => [])]));
  let guards;
  for (let i = 0; i < PROCESSES; i++) {
    guards = [];
    try {
      for (const guard of GUARDS[framework]) {
        guards.push(await startServer(framework, guard));
      }
      await measureProcesses(
        guards.filter(({ missing }) => !missing),
        regimes,
        samples,
      );
    } finally {
      guards.forEach(({ stop }) => stop());
    }
  }
  const measured = Object.keys(regimes).map((regime) => [regime, show(framework, regime, guards, samples[regime])]);
  printMissing(guards);
  return Object.fromEntries(measured);
}

/** Adds these processes' rounds to the samples. */
async function measureProcesses(servers, regimes, samples) {
  const turns = (tokens, rounds) =>
    interleave({ rounds, contestants: servers, segment: (server) => load(server, tokens) });
  for (const server of servers) {
    await proveAnswers(server, regimes.repeated[0]);
  }
  await turns(regimes.repeated, WARM_UP_ROUNDS);
  for (const [regime, tokens] of Object.entries(regimes)) {
    const rounds = await turns(tokens, ROUNDS / PROCESSES);
    rounds.forEach((more, i) => samples[regime][i].push(...more));
  }
}

function show(framework, regime, guards, samples) {
  const present = guards.filter(({ missing }) => !missing);
  const perSecond = samples.map((each) => each.map((sample) => sample.perSecond));
  const rows = present.map(({ guard }, i) => ({
    name: guard,
    ...summary(perSecond[i]),
    busy: summary(samples[i].map((sample) => sample.busy)).median,
    share: ratio(perSecond[i], perSecond[0]),
  }));
  printTable(
    `${framework}, ${regime} tokens`,
    ['guard', 'requests/s', 'min', 'max', 'share', 'busy'],
    [
      ...rows.map((row) => [
        row.name,
        number(row.median),
        number(row.min),
        number(row.max),
        number(row.share),
        number(row.busy),
      ]),
      ...guards.filter(({ missing }) => missing).map(({ guard, missing }) => [guard, missing, '-', '-', '-', '-']),
    ],
  );
  const { [regime]: atLeast } = TARGETS[framework];
  if (atLeast !== undefined) {
    const [ours, bare, costsNothing] = [OURS, 'bare', COSTS_NOTHING].map(
      (name) => perSecond[present.findIndex(({ guard }) => guard === name)],
    );
    target(`${framework}, ${regime} tokens: share of the bare route`, ratio(ours, bare), { atLeast });
    target(`${framework}, ${regime} tokens: share of ${COSTS_NOTHING}`, ratio(ours, costsNothing), {});
  }
  return rows;
}

async function startServer(framework, guard) {
  const child = fork(new URL('./http-server.mjs', import.meta.url), { stdio: 'inherit' });
  // Private keys stay in this process; the server gets the public ones.
  const { alg, kid, publicJwk, publicPem } = key;
  child.send({ framework, guard, issuer: { ...issuer, stop: undefined }, key: { alg, kid, publicJwk, publicPem } });
  const answer = await Promise.race([
    once(child, 'message').then(([message]) => message),
    once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`the ${framework} server of ${guard} ended: ${code}`)),
    ),
  ]);
  return {
    guard,
    child,
    served: 0,
    ...answer,
    url: `http://127.0.0.1:${answer.port}/`,
    stop: () => child.connected && child.disconnect(),
  };
}

/** If the route is protected, a valid token passes, and a forged or missing one does not. */
async function proveAnswers({ guard, url }, token) {
  const isProtected = guard !== 'bare' && guard !== COSTS_NOTHING;
  const expected = {
    [`Bearer ${token}`]: 200,
    [`Bearer ${forge(token)}`]: isProtected ? 401 : 200,
    '': isProtected ? 401 : 200,
  };
  for (const [authorization, status] of Object.entries(expected)) {
    const response = await fetch(url, { headers: authorization ? { authorization } : {} });
    await response.text();
    if (response.status !== status) {
      throw new Error(`${guard} answered ${response.status} instead of ${status}`);
    }
  }
}

/** One turn of load: requests per second, and how busy the server was. */
async function load(server, tokens) {
  const { guard, url, child } = server;
  let start;
  const run = autocannon({
    url,
    connections: CONNECTIONS,
    duration: SECONDS,
    sampleInt: 100,
    setupClient: share(tokens, server.served),
  });
  // Building the requests comes before `start` and is not measured.
  run.once('start', () => {
    start = performance.now();
    busy(child);
  });
  const { requests, non2xx, errors, timeouts } = await run;
  const elapsed = (performance.now() - start) / 1e3;
  server.served += requests.total;
  if (non2xx || errors || timeouts) {
    throw new Error(`${guard}: ${non2xx} refused, ${errors} errors, ${timeouts} timeouts`);
  }
  return { perSecond: requests.total / elapsed, busy: await busy(child) };
}

/** Deals the tokens out, so that the connections together send all of them in turn, beginning with the `first`. */
function share(tokens, first) {
  let connection = 0;
  return (client) => {
    const mine = [];
    for (let i = connection; i < tokens.length; i += CONNECTIONS) mine.push(tokens[(first + i) % tokens.length]);
    connection++;
    client.setRequests(
      mine.map((token) => ({ method: 'GET', path: '/', headers: { authorization: `Bearer ${token}` } })),
    );
  };
}

async function busy(child) {
  child.send('busy');
  const [answer] = await once(child, 'message');
  return answer.busy;
}
