// Is the memory of verified tokens limited by its size, in Rust and in JavaScript?
//
// A separate process validates tokens of 200 groups each. Without the limit they would take about 180 MB (10,000 of
// them: 590 MB). Each token is validated three times, so that the engine stores it and JavaScript keeps its claims.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { runScript } from '../support/child.mjs';

const MEGABYTE = 1024 * 1024;
const BUDGET = { heap: 32, rss: 112 };
const TOKENS = Number(process.env.TOKENS ?? 3000);
/** A debug build on a busy machine is slow. */
const DEADLINE_MS = 300_000;

/** Prints the growth of resident memory and of JavaScript's heap in bytes, and the number of remembered tokens. */
const SCRIPT = `
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const PHASES = JSON.parse(process.env.PHASES);
const OPTIONS = JSON.parse(process.env.OPTIONS);
const tenantDomain = 'https://tenant.example';
const audience = 'https://api.example.com';

const { publicKey, privateKey } = generateKeyPairSync('ed25519', {
  publicKeyEncoding: { format: 'der', type: 'spki' }, privateKeyEncoding: { format: 'der', type: 'pkcs8' },
});
const key = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' });
const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'k', x: publicKey.subarray(-32).toString('base64url') }] };
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const exp = Math.floor(Date.now() / 1000) + 3600;
const claimsOf = (number, groups) => ({
  iss: tenantDomain, aud: audience, exp, sub: 'user-' + number,
  groups: Array.from({ length: groups }, (_, j) => ({ id: 'id-' + number + '-' + j, name: 'group ' + j + ' of ' + number })),
});
function tokenOf(number, groups) {
  const input = encode({ alg: 'EdDSA', kid: 'k' }) + '.' + encode(claimsOf(number, groups));
  return input + '.' + sign(null, Buffer.from(input), key).toString('base64url');
}
// No network: functions of this process return the issuer's documents.
const introspected = new Map();
const fetcher = async (url, { body }) => {
  const of = introspected.get(new URLSearchParams(body).get('token'));
  return { status: 200, statusText: 'OK', headers: [], text: async () => JSON.stringify({ active: true, ...of }) };
};
const introspection_endpoint = tenantDomain + '/introspect';
const client = new MonoCloudBackendNodeClient({
  tenantDomain, audience, clientId: 'api', clientSecret: 'secret', fetcher,
  jwksResolver: () => jwks,
  metadataResolver: () => ({ issuer: tenantDomain, jwks_uri: tenantDomain + '/jwks', introspection_endpoint }),
  ...OPTIONS, ...(process.env.CACHE && { cache: memoryCache() }),
});
async function use(number, groups, times = 3) {
  const token = process.env.CACHE ? 'opaque-' + number + '-' + groups : tokenOf(number, groups);
  if (process.env.CACHE) introspected.set(token, claimsOf(number, groups));
  for (let time = 0; time < times; time += 1) await client.validateAccessToken(token);
  introspected.delete(token);
}
async function settled() {
  let least = { rss: Infinity, heapUsed: Infinity };
  for (let reading = 0; reading < 5; reading += 1) {
    gc();
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    const { rss, heapUsed } = process.memoryUsage();
    least = { rss: Math.min(least.rss, rss), heapUsed: Math.min(least.heapUsed, heapUsed) };
  }
  return least;
}
for (let number = 0; number < 50; number += 1) await use('start' + number, 200);
const before = await settled();
let number = 0;
for (const { count, groups, times } of PHASES) {
  for (let done = 0; done < count; done += 1) await use(number += 1, groups, times);
}
const after = await settled();
const remembered = client.health().rememberedTokens;
console.log(JSON.stringify({ rss: after.rss - before.rss, heap: after.heapUsed - before.heapUsed, remembered }));
`;

const run = (phases, { options = {}, cache = '' } = {}) =>
  runScript(
    SCRIPT,
    { PHASES: JSON.stringify(phases), OPTIONS: JSON.stringify(options), CACHE: cache },
    { deadline: DEADLINE_MS },
  );

/** Resident memory includes what the allocators of both sides keep for later. */
function assertWithin(grown, { heap, rss }) {
  if (process.env.TOLD) console.log(grown);
  assert.ok(grown.heap <= heap * MEGABYTE, `heap: ${(grown.heap / MEGABYTE).toFixed(1)} MB`);
  assert.ok(grown.rss <= rss * MEGABYTE, `resident: ${(grown.rss / MEGABYTE).toFixed(1)} MB`);
}

describe('resident memory', () => {
  test('of tokens with 200 groups each stays in the order of the budget of 32 MiB', async () => {
    const grown = await run([{ count: TOKENS, groups: 200 }]);
    assertWithin(grown, BUDGET);
    assert.ok(grown.remembered > 100 && grown.remembered < TOKENS / 2, String(grown.remembered));
  });

  // The smaller tokens are stored, but their claims are never read, so JavaScript does not reuse the slots.
  test('of large tokens that smaller ones pushed out again and again stays within a budget of 4 MiB', async () => {
    const turn = [
      { count: 100, groups: 200 },
      { count: 700, groups: 20, times: 2 },
    ];
    const options = { verifiedTokenCacheBytes: 4 * MEGABYTE };
    assertWithin(await run(Array(10).fill(turn).flat(), { options }), { heap: 3, rss: 80 });
  });

  test('of opaque tokens with 200 groups each in memoryCache() stays in the order of its 32 MiB', async () => {
    assertWithin(await run([{ count: TOKENS, groups: 200 }], { cache: 'yes' }), BUDGET);
  });

  test('does not grow for tokens without a budget', async () => {
    const grown = await run([{ count: 1000, groups: 200 }], { options: { verifiedTokenCacheBytes: 0 } });
    assert.equal(grown.remembered, 0);
    assertWithin(grown, { heap: 8, rss: 40 });
  });
});
