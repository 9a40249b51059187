// What does one introspection cost the main thread, with 64 at once on loopback?
//
//     node bench/introspection.mjs [--quick]
//
// The endpoint is a child process (issuer.mjs). Every token is new, so no request is shared and no cache helps. The
// other validators do the minimum that is correct: post the form with Basic credentials, read the whole body, parse
// it, and reject a token that is not active for this audience.

import { randomBytes } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { Pool } from 'undici';
import { loadOurs, OURS, ourClient } from './contestants.mjs';
import { inFlight, interleave, IN_FLIGHT, threadMicroseconds } from './measure.mjs';
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
import { AUDIENCE, CLIENT_ID, CLIENT_SECRET, makeKey, quick, startIssuer } from './support.mjs';

const ROUNDS = quick ? 2 : 10;
const PER_ROUND = quick ? 500 : 10_000;

const issuer = await startIssuer([makeKey('ES256')]);
const endpoint = new URL(issuer.introspectionEndpoint);
const headers = {
  accept: 'application/json',
  authorization: `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`,
  'content-type': 'application/x-www-form-urlencoded',
};
const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
const pool = new Pool(endpoint.origin, { connections: IN_FLIGHT });

printHeader(`Introspection, ${IN_FLIGHT} at once: microseconds of main thread for one request`, [
  `Medians of ${ROUNDS} rounds of ${PER_ROUND} distinct opaque tokens, interleaved; CPU time of the main thread. ` +
    '"all CPU": the whole process, other threads included. "per second": requests answered, with the endpoint on the same machine.',
]);

try {
  const ours = await makeOurs();
  const contestants = [
    ours,
    { name: 'undici Pool', introspect: viaUndici },
    { name: 'node:http, keep-alive', introspect: viaHttp },
    { name: 'global fetch', introspect: viaFetch },
  ];
  const present = contestants.filter((contestant) => !contestant.missing);
  for (const { introspect } of present) {
    await inFlight(introspect, opaqueTokens(quick ? 300 : 3_000));
  }
  const samples = await interleave({ rounds: ROUNDS, contestants: present, segment });

  const rows = present.map(({ name }, i) => ({
    name,
    ...summary(samples[i].map((sample) => sample.main)),
    allThreads: summary(samples[i].map((sample) => sample.all)).median,
    perSecond: summary(samples[i].map((sample) => sample.perSecond)).median,
    ratio: ratio(
      samples[i].map((sample) => sample.main),
      samples.at(-1).map((sample) => sample.main),
    ),
  }));
  printTable(
    'Introspection (microseconds)',
    ['client', 'main thread', 'min', 'max', 'x fetch', 'all CPU', 'per second'],
    [
      ...contestants
        .filter(({ missing }) => missing)
        .map(({ name, missing }) => [name, missing, '-', '-', '-', '-', '-']),
      ...rows.map((row) => [
        row.name,
        number(row.median),
        number(row.min),
        number(row.max),
        times(row.ratio),
        number(row.allThreads),
        number(row.perSecond),
      ]),
    ],
  );
  printMissing(contestants);
  target(`introspection, ${IN_FLIGHT} at once`, rows.find((row) => row.name === OURS)?.median, {
    atMost: 40,
    unit: ' µs',
  });
  printTargets();
  saveResults('introspection', { rows });
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  agent.destroy();
  await pool.close();
  issuer.stop();
}

async function makeOurs() {
  const module = await loadOurs();
  if (module.missing) {
    return { name: OURS, ...module };
  }
  const client = ourClient(module, issuer, {
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    clientAuthMethod: 'client_secret_basic',
  });
  return { name: OURS, introspect: (token) => client.introspectAccessToken(token) };
}

async function segment({ introspect }) {
  const tokens = opaqueTokens(PER_ROUND);
  const all = process.cpuUsage();
  const start = performance.now();
  const main = threadMicroseconds();
  await inFlight(introspect, tokens);
  const mainSpent = threadMicroseconds() - main;
  const seconds = (performance.now() - start) / 1e3;
  const { user, system } = process.cpuUsage(all);
  return { main: mainSpent / PER_ROUND, all: (user + system) / PER_ROUND, perSecond: PER_ROUND / seconds };
}

async function viaFetch(token) {
  const response = await fetch(endpoint, { method: 'POST', headers, body: form(token) });
  return readResponse(response.status, await response.text());
}

async function viaUndici(token) {
  const { statusCode, body } = await pool.request({
    path: endpoint.pathname,
    method: 'POST',
    headers,
    body: form(token),
  });
  return readResponse(statusCode, await body.text());
}

function viaHttp(token) {
  return new Promise((resolve, reject) => {
    const body = form(token);
    const request = httpRequest(
      endpoint,
      {
        method: 'POST',
        agent,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part) => {
          text += part;
        });
        response.once('end', () => resolve(readResponse(response.statusCode, text)));
        response.once('error', reject);
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}

function form(token) {
  return `token=${token}&token_type_hint=access_token`;
}

function readResponse(status, text) {
  const claims = JSON.parse(text);
  if (status !== 200 || claims.active !== true || claims.aud !== AUDIENCE || claims.exp * 1e3 < Date.now()) {
    throw new Error('the introspection was refused');
  }
  return claims;
}

function opaqueTokens(count) {
  return Array.from({ length: count }, () => randomBytes(32).toString('base64url'));
}
