// What do other results of a warm client cost? Rejections by the middleware, cached opaque tokens, and several issuers.
//
// A part of micro.mjs. Every rejection goes through an Express middleware with a fake request and response: this
// package's protectApi, and for the other validators the usual try/catch.

import { randomBytes } from 'node:crypto';
import { loadOurs, OURS, ourClient, validatorsFor } from './contestants.mjs';
import { interleave, perRepeatedCall } from './measure.mjs';
import { number, printMissing, printTable, ratio, summary, target, times } from './report.mjs';
import { claimsFor, CLIENT_ID, CLIENT_SECRET, forge, signToken } from './support.mjs';

const TOKENS = 100;

export async function measurePaths(context) {
  const refusals = await measureRefusals(context);
  const caches = await measureCaches(context);
  const issuers = await measureIssuers(context);
  return { refusals, caches, issuers };
}

async function measureRefusals({ issuer, key, rounds, budget, nativeFloor }) {
  const good = Array.from({ length: TOKENS }, () => signToken(key, claimsFor(issuer.url)));
  const expired = { ...claimsFor(issuer.url), exp: 1_000_000_000 };
  const regimes = {
    'accepted, repeated': { status: 0, tokens: good },
    malformed: { status: 401, tokens: good.map(malform) },
    'forged signature': { status: 401, tokens: good.map(forge) },
    expired: { status: 401, tokens: good.map((_, i) => signToken(key, { ...expired, jti: `${i}` })) },
  };

  const guards = await guardsFor(issuer, key);
  const present = guards.filter((guard) => !guard.missing);
  const contestants = Object.entries(regimes).flatMap(([what, regime]) =>
    present.map((guard) => ({
      what,
      name: guard.name,
      ...regime,
      // The middleware that responds at once shows the cost of the fakes; it validates nothing.
      validate: drive(guard.middleware, guard.validates ? regime.status : 0),
    })),
  );
  const floor = nativeFloor(key, good);
  if (floor) {
    contestants.push({ what: 'raw verify', ...floor });
  }
  const samples = await timed(contestants, rounds, budget);

  const floorSamples = floor && samples.at(-1);
  const rows = contestants.map((contestant, i) => ({
    what: contestant.what,
    name: contestant.name,
    ...summary(samples[i]),
    xFloor: ratio(samples[i], floorSamples),
  }));
  printTable(
    `Answers of an Express middleware, ${key.alg}, ${TOKENS} tokens in turn (microseconds of main thread; fast-jwt's cache remembers refusals too)`,
    ['token', 'validator', 'median', 'min', 'max', 'x floor'],
    [
      ...guards.filter((guard) => guard.missing).map((guard) => ['every', guard.name, guard.missing, '-', '-', '-']),
      ...rows.map((row) => [
        row.what,
        row.name,
        number(row.median),
        number(row.min),
        number(row.max),
        times(row.xFloor),
      ]),
    ],
  );
  printMissing(guards);

  const ours = (what) => rows.find((row) => row.name === OURS && row.what === what);
  target('malformed token refused by the middleware', ours('malformed')?.median, { atMost: 2, unit: ' µs' });
  target('forged signature refused, of the raw verify', ours('forged signature')?.xFloor, { atMost: 1.15, unit: 'x' });
  return rows;
}

async function measureCaches({ issuer, rounds, budget }) {
  const main = await loadOurs();
  const caches = await loadOurs('/cache');
  const tokens = Array.from({ length: TOKENS }, () => randomBytes(32).toString('base64url'));
  const own = mapCache();
  const used = mapCache();
  const client = (cache) => ourClient(main, issuer, { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, cache });
  const validate = (made) => (token) => made.validateAccessToken(token);

  const contestants = [{ name: 'an ICache in JavaScript (Map), its own get', validate: own.get }];
  for (const token of tokens) {
    await own.set(token, claimsFor(issuer.url));
  }
  if (!main.missing) {
    contestants.push({ name: `${OURS} with that ICache`, validate: validate(client(used)) });
  }
  if (!main.missing && !caches.missing) {
    const cache = caches.memoryCache({ maxEntries: 10_000 });
    contestants.push({ name: `${OURS} with memoryCache`, validate: validate(client(cache)) });
  }
  const samples = await timed(
    contestants.map((contestant) => ({ ...contestant, tokens })),
    rounds,
    budget,
  );
  if (!main.missing && used.sets() !== TOKENS) {
    throw new Error(`${used.sets()} introspections for ${TOKENS} cached tokens`);
  }

  const rows = contestants.map(({ name }, i) => ({ name, ...summary(samples[i]) }));
  const missing = [main, caches].filter((module) => module.missing);
  printTable(
    'Opaque tokens found in a cache (microseconds of main thread)',
    ['cache', 'median', 'min', 'max'],
    [
      ...rows.map((row) => [row.name, number(row.median), number(row.min), number(row.max)]),
      ...missing.map((module) => [OURS, module.missing, '-', '-']),
    ],
  );
  printMissing(missing);

  const median = (ending) => rows.find((row) => row.name === `${OURS} with ${ending}`)?.median;
  const withMap = median('that ICache');
  target('cached opaque token, memoryCache', median('memoryCache'), { atMost: 1.5, unit: ' µs' });
  target('ICache in JavaScript, over its own cost', withMap && withMap - rows[0].median, { atMost: 1.5, unit: ' µs' });
  return rows;
}

/** The choice of one client of 21 by the token, in an Express middleware, with repeated tokens. */
async function measureIssuers({ issuer, key, rounds, budget }) {
  const express = await loadOurs('/express');
  if (express.missing) {
    printMissing([express]);
    return [];
  }
  const tokens = Array.from({ length: TOKENS }, () => signToken(key, claimsFor(issuer.url)));
  const others = Array.from({ length: 20 }, (_, i) => ourClient(express, { url: `https://tenant-${i}.example` }));
  const several = (options) => new express.MonoCloudMultiIssuerClient(options);
  const guards = {
    'one issuer': express.protectApi(ourClient(express, issuer))(),
    '21 issuers': express.protectApi(several({ clients: [...others, ourClient(express, issuer)] }))(),
    'a resolved issuer': express.protectApi(several({ resolve: () => ourClient(express, issuer) }))(),
  };
  const contestants = Object.entries(guards).map(([name, guard]) => ({ name, tokens, validate: drive(guard, 0) }));
  const samples = await timed(contestants, rounds, budget);
  const rows = contestants.map(({ name }, i) => ({
    name,
    ...summary(samples[i]),
    xOne: ratio(samples[i], samples[0]),
  }));
  printTable(
    `Several issuers in an Express middleware, ${key.alg}, ${TOKENS} tokens in turn (microseconds of main thread)`,
    ['client', 'median', 'min', 'max', 'x one issuer'],
    rows.map((row) => [row.name, number(row.median), number(row.min), number(row.max), times(row.xOne)]),
  );
  target('21 issuers, over one issuer', rows[1].min - rows[0].min, { atMost: 1.5, unit: ' µs' });
  return rows;
}

/** Warms up and measures contestants that bring their own tokens. */
async function timed(contestants, rounds, budget) {
  for (const contestant of contestants.filter(({ validate }) => validate)) {
    await perRepeatedCall(contestant, contestant.tokens, budget * 2);
  }
  return interleave({
    rounds,
    contestants,
    segment: (contestant) => contestant.floor?.() ?? perRepeatedCall(contestant, contestant.tokens, budget),
  });
}

/** Express middlewares: ours, usual ones for the other validators, and one that responds at once. */
async function guardsFor(issuer, key) {
  const express = await loadOurs('/express');
  const ours = express.missing
    ? { name: OURS, ...express }
    : { name: OURS, validates: true, middleware: express.protectApi(ourClient(express, issuer))() };
  const peers = await validatorsFor(issuer, key, (name) => ['fast-jwt', 'fast-jwt, cache 1000', 'jose'].includes(name));
  return [
    ours,
    ...peers.map(({ name, validate }) => ({
      name: name === 'jose' ? 'jose, one at a time' : name,
      validates: true,
      async middleware(request, response, next) {
        try {
          request.claims = await validate(request.headers.authorization.slice(7));
        } catch {
          response
            .status(401)
            .set('www-authenticate', 'Bearer error="invalid_token"')
            .json({ message: 'unauthorized' });
          return;
        }
        next();
      },
    })),
    { name: 'none (the mock alone)', middleware: (request, response, next) => next() },
  ];
}

/** Sends one token through a middleware and checks its result: a status, or 0 for `next()`. */
function drive(middleware, expected) {
  const next = (error) => {
    if (error) {
      throw error;
    }
  };
  return async (token) => {
    const response = new MockResponse();
    await middleware(new MockRequest(token), response, next);
    if (response.statusCode !== expected || (expected !== 0) !== (response.body !== undefined)) {
      throw new Error(`answered ${response.statusCode} instead of ${expected}`);
    }
  };
}

class MockRequest {
  constructor(token) {
    this.method = 'GET';
    this.url = '/';
    this.headers = { host: '127.0.0.1', authorization: `Bearer ${token}` };
  }

  get(name) {
    return this.headers[name.toLowerCase()];
  }
}

class MockResponse {
  constructor() {
    this.statusCode = 0;
    this.headers = {};
    this.body = undefined;
    this.headersSent = false;
  }

  status(code) {
    this.statusCode = code;
    return this;
  }

  set(name, value) {
    this.headers[name] = value;
    return this;
  }

  json(body) {
    this.body = body;
    this.headersSent = true;
    return this;
  }
}
for (const other of ['header', 'setHeader']) {
  MockResponse.prototype[other] = MockResponse.prototype.set;
}
for (const other of ['send', 'end']) {
  MockResponse.prototype[other] = MockResponse.prototype.json;
}

/** An ICache as users write it. */
function mapCache() {
  const entries = new Map();
  let sets = 0;
  return {
    get: async (token) => entries.get(token),
    set: async (token, claims) => {
      sets++;
      entries.set(token, claims);
    },
    delete: async (token) => {
      entries.delete(token);
    },
    sets: () => sets,
  };
}

/** Three parts and the right size, but the payload is not base64url: a typical malformed token. */
function malform(token) {
  const at = token.indexOf('.') + 40;
  return `${token.slice(0, at)}!${token.slice(at + 1)}`;
}
