// What crosses the boundary between JavaScript and Rust: facts once, failures whole, codes and limits by one definition.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { AUDIENCE, ISSUER, offline, signed } from '../support/offline.mjs';

const require = createRequire(import.meta.url);
const native = require('../../npm/native/load.js');
const { LIMITS, NAMES } = require('../../npm/native/constants.js');

/**
 * Only the numbers are the same: characters in a reply of Redis and slots, the age of a cached document and of an
 * authentication.
 */
const OF_JAVASCRIPT = ['cache.js: MAX_VALUE_LENGTH', 'mcp/metadata.js: MAX_MAX_AGE'];

function engineWith(options, hostEnvironment = {}) {
  const given = { tenantDomain: ISSUER, audience: AUDIENCE, ...options };
  const settings = { options: given, environment: {}, clientKind: 'backend', hostEnvironment };
  return new native.MonoCloudBackendNodeClient(JSON.stringify(settings));
}

/** An engine whose only fetch of its keys has failed, with a warm function and a token for it. */
async function engineInAnOutage() {
  const engine = engineWith({}, { hasFetcher: true });
  const { ended } = engine.waitForKeys(1, false);
  for (const { id } of JSON.parse(engine.takeRequests())) engine.answer(id, 503, 'Busy', '[["retry-after","7"]]', 'no');
  await ended;
  return { engine, policy: engine.policy({ scopes: [], groups: [], acr: [] }), token: signed() };
}

test('the facts of a client say what its options say', () => {
  const engine = engineWith({});
  const { dpopContext: shared, ...facts } = engine.facts();
  assert.deepEqual(facts, {
    tenant: ISSUER,
    audiences: [AUDIENCE],
    announcesDpop: false,
    cachesIntrospected: true,
    dpopAlgorithms: 'ES256 EdDSA Ed25519 PS256 RS256',
    dpopMode: 'when_present',
    ignoresBinding: false,
    introspectsJwts: false,
    needsMetadata: true,
    publicUrls: [],
    publishesValues: false,
    responseTimeoutMs: 5000,
    usesNonces: false,
  });
  const others = {
    dpop: { algorithms: ['ES384'], nonce: 'when_stale' },
    introspectJwtTokens: true,
    introspectionCacheDuration: 0,
    publicUrl: ['https://api.example.com/v1/'],
    responseTimeout: 1000,
    validateCertificateBinding: 'dangerously_ignore',
    validateDPoPBinding: 'required',
  };
  const { dpopContext: own, ...otherFacts } = engineWith(others, { resolvesJwks: true }).facts();
  assert.deepEqual(otherFacts, {
    tenant: ISSUER,
    audiences: [AUDIENCE],
    announcesDpop: true,
    cachesIntrospected: false,
    dpopAlgorithms: 'ES384',
    dpopMode: 'required',
    ignoresBinding: true,
    introspectsJwts: true,
    needsMetadata: false,
    publicUrls: ['https://api.example.com/v1'],
    publishesValues: false,
    responseTimeoutMs: 1000,
    usesNonces: true,
  });
  // Whether tokens must be bound does not decide which engines share their used proofs.
  assert.notEqual(own, shared);
  assert.equal(engineWith({ validateDPoPBinding: 'required' }).facts().dpopContext, engine.facts().dpopContext);
  assert.equal(engineWith({}, { resolvesJwks: true, resolvesMetadata: true }).facts().needsMetadata, true);
});

test('a failure with details is one outcome, and one without is a number', async () => {
  const { engine, policy, token } = await engineInAnOutage();
  const { code, detail } = engine.decide(token, policy, Date.now() / 1000);
  const { reason } = native.failures().find(({ outcomeCode }) => outcomeCode === code);
  const { status, statusText, body, retryAfter, isOutage } = JSON.parse(detail);
  assert.deepEqual(
    { reason, status, statusText, body, retryAfter, isOutage },
    { reason: 'unexpected_status', status: 503, statusText: 'Busy', body: 'no', retryAfter: 7, isOutage: true },
  );
  assert.ok(engine.decide('a.b.c', policy, Date.now() / 1000) < 0);
  const onPool = await engine.decideOnPool(token, policy, Date.now() / 1000);
  assert.deepEqual([onPool.code, onPool.detail], [code, detail]);
});

test('a failure with details is never a slot, whatever number the prototype of objects gives', async () => {
  const client = offline({ jwksResolver: () => Promise.reject(new Error('down')) });
  const token = signed();
  const attempt = () => client.validateAccessToken(token).then(JSON.stringify, ({ reason }) => reason);
  assert.equal(await attempt(), 'fetcher_failed');
  const { toString, valueOf } = Object.prototype;
  try {
    Object.prototype.valueOf = () => 1;
    Object.prototype.toString = () => '1';
    assert.equal(await attempt(), 'fetcher_failed');
  } finally {
    Object.assign(Object.prototype, { toString, valueOf });
    for (const name of ['toString', 'valueOf']) Object.defineProperty(Object.prototype, name, { enumerable: false });
  }
});

test('no JavaScript file defines a limit or a name again that the engine defines', () => {
  const folder = fileURLToPath(new URL('../../npm', import.meta.url));
  const large = Object.values(LIMITS).filter((limit) => limit > 1000);
  const again = readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.js'))
    .flatMap((name) => {
      const source = readFileSync(join(folder, name), 'utf8');
      const numbers = [...source.matchAll(/\b(\w+) = (\d[\d\s*_-]*);/g)].map(([, constant, value]) => [
        constant,
        value.split('**').reduceRight((power, base) => product(base) ** power, 1),
      ]);
      const limits = numbers.filter(([, value]) => large.includes(value)).map(([constant]) => `${name}: ${constant}`);
      const names = Object.values(NAMES).filter((text) => source.includes(`'${text}'`));
      return [...limits, ...names.map((text) => `${name}: ${text}`)];
    });
  assert.deepEqual(again, OF_JAVASCRIPT);
});

/** `512 * 1024` is 524288. */
function product(text) {
  return text.split('*').reduce((all, factor) => all * Number(factor.replaceAll('_', '')), 1);
}
