// `npm run soak -- --minutes 2`: an API under load while its issuer, its keys and its cache fail at random. Prints a
// table, and exits with 1 if a token was accepted or rejected wrongly, a response was missing, or memory grew.
//
// Prints its seed first. `--seed N` repeats the plan of that run: the same faults, requests and tokens in the same
// order for the same time. Keys and signatures differ, and the machine determines what happens at the same moment.

import { fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

import { startIssuerBehindProxy } from '../__test__/faults/issuers.mjs';
import { proofKey } from '../__test__/support/dpop.mjs';
import { AUDIENCE } from '../__test__/support/issuer.mjs';
import { Chaos } from './soak/chaos.mjs';
import { Tally, load } from './soak/load.mjs';
import { random } from './soak/random.mjs';
import { tokenSource } from './soak/tokens.mjs';
import { Truth } from './soak/truth.mjs';

const CALLERS = 16;
const FLOODERS = 8;
const MEGABYTE = 1024 * 1024;
/** How much memory the API may use at the end, beyond its use after the first seconds. */
const MOST_GROWN = 48 * MEGABYTE;
/**
 * The most time between a rotation, or the end of a following outage, and the fetch of the new key: the longest pause
 * between two attempts, or the longest honoured `Retry-After`, and the deadlines of two exchanges in progress.
 */
const SLOWEST_ROTATION = 13_000;
const SLOWEST_AFTER_RETRY_AFTER = 33_000;
const WARM_UP_MS = 10_000;
const SAMPLE_MS = 5000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    quiet: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(randomInt(2 ** 32)) },
  },
});
const duration = Number(values.minutes) * 60_000;
if (!(duration > 0) || !/^\d{1,10}$/.test(values.seed)) {
  console.error('usage: npm run soak -- [--minutes N] [--seed N] [--quiet]');
  process.exit(2);
}
const seed = Number(values.seed);
console.log(`seed ${seed}: --seed ${seed} repeats this plan`);

const server = await startIssuerBehindProxy();
const senders = { own: await proofKey('ES256', 'sender'), stranger: await proofKey('ES256', 'stranger') };
const truth = new Truth();
const begun = performance.now();
const tell = (line) => {
  if (!values.quiet) console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${line}`);
};
const chaos = new Chaos(server, truth, tell, seed);
const { api, url } = await startApi();
const tally = new Tally();
const memory = await soak();
const isGood = report(memory);
api.disconnect();
await server.close();
process.exitCode = isGood ? 0 : 1;

async function startApi() {
  const child = fork(new URL('soak/api.mjs', import.meta.url), {
    env: { PATH: process.env.PATH, ISSUER: server.issuer, AUDIENCE, SEED: String(seed) },
  });
  child.on('message', ({ refreshed }) => {
    if (refreshed !== undefined) truth.refreshed(refreshed);
  });
  child.once('exit', (code, signal) => {
    if (code === 0) return;
    console.error(`the API ended with ${signal ?? code}`);
    process.exit(1);
  });
  const { url: address } = await told(child, 'url');
  return { api: child, url: address };
}

/** Runs the load and the chaos to their end; returns samples of the API's resident memory. */
async function soak() {
  const opaque = Array.from({ length: 50 }, () => server.opaque());
  const sourcesOf = (role, count) =>
    Array.from({ length: count }, (_, number) => {
      const name = `${role}-${number}`;
      const keys = { signing: () => chaos.signing, former: () => chaos.former };
      return tokenSource(server, { name, random: random(seed, name), opaque, senders, ...keys });
    });
  const callers = sourcesOf('caller', CALLERS);
  const flooders = sourcesOf('flooder', FLOODERS);
  let isOver = false;
  const shared = { judge: (...request) => truth.judge(...request), tally, isOver: () => isOver, senders };
  const loads = [
    load(url, { ...shared, callers: CALLERS, next: (number) => callers[number].next() }),
    load(url, {
      ...shared,
      callers: FLOODERS,
      next: (number) => (chaos.flood ? flooders[number].flood(chaos.flood) : undefined),
    }),
  ];
  const faults = chaos.run();
  const samples = [];
  const sample = async () => samples.push({ at: performance.now() - begun, rss: (await ask()).rss });
  const sampler = setInterval(sample, SAMPLE_MS);
  await new Promise((resolve) => {
    setTimeout(resolve, duration);
  });
  chaos.stop();
  await faults;
  isOver = true;
  clearInterval(sampler);
  await Promise.all(loads);
  await sample();
  return samples;
}

function ask() {
  const answer = told(api, 'rss');
  api.send('memory');
  return answer;
}

/** The next message of the API that has this member. */
function told(child, member) {
  return new Promise((resolve) => {
    const listener = (message) => {
      if (message[member] === undefined) return;
      child.off('message', listener);
      resolve(message);
    };
    child.on('message', listener);
  });
}

/** Prints the table; returns whether everything is correct. */
function report(samples) {
  const settled = samples.find(({ at }) => at > WARM_UP_MS) ?? samples[0];
  const last = samples.at(-1);
  const peak = Math.max(...samples.map(({ rss }) => rss));
  const { verdicts, proofs } = tally;
  const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;
  const mb = (octets) => `${(octets / MEGABYTE).toFixed(1)} MB`;
  const rows = [
    ['seed', seed],
    ['requests', tally.requests],
    ['accepted rightly', verdicts['accepted rightly']],
    ['refused rightly', verdicts['refused rightly']],
    ['unavailable in a declared outage', verdicts['unavailable in a declared outage']],
    ['refused wrongly', verdicts['refused wrongly'], verdicts['refused wrongly'] === 0],
    ['accepted wrongly', verdicts['accepted wrongly'], verdicts['accepted wrongly'] === 0],
    ['without an answer', verdicts['without an answer'], verdicts['without an answer'] === 0],
    ['DPoP proofs accepted', proofs.accepted, proofs.accepted > 0],
    ['  replays refused', proofs.replaysRefused, proofs.replaysRefused > 0],
    ['  others refused', proofs.othersRefused],
    ['slowest rotation', seconds(chaos.slowest.rotation), chaos.slowest.rotation <= SLOWEST_ROTATION],
    [
      '  after Retry-After: 300',
      seconds(chaos.slowest.afterRetryAfter),
      chaos.slowest.afterRetryAfter <= SLOWEST_AFTER_RETRY_AFTER,
    ],
    ['key sets served and lost', truth.lost, truth.lost === 0],
    ['answered in, p50 / p99', `${tally.percentile(0.5).toFixed(1)} / ${tally.percentile(0.99).toFixed(1)} ms`],
    [
      'memory settled / most / at the end',
      `${mb(settled.rss)} / ${mb(peak)} / ${mb(last.rss)}`,
      last.rss - settled.rss <= MOST_GROWN,
    ],
    ['faults', Object.values(chaos.counts).reduce((sum, count) => sum + count, 0)],
    ...Object.entries(chaos.counts)
      .sort()
      .map(([name, count]) => [`  ${name}`, count]),
    [
      'requests at the issuer',
      Object.entries(server.proxy.counts)
        .map(([path, count]) => `${path.split('/').at(-1)} ${count}`)
        .join(', '),
    ],
    [
      'statuses',
      Object.entries(tally.statuses)
        .map(([status, count]) => `${status}: ${count}`)
        .join(', '),
    ],
  ];
  console.log('');
  for (const [name, value, isAsItMustBe] of rows) {
    const mark = isAsItMustBe === undefined ? '' : isAsItMustBe ? '  ok' : '  NOT ok';
    console.log(`${name.padEnd(36)} ${String(value)}${mark}`);
  }
  for (const wrong of tally.wrong) console.log(JSON.stringify(wrong));
  return rows.every(([, , isAsItMustBe]) => isAsItMustBe !== false);
}
