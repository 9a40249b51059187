// Can one issuer, or anyone who sends tokens, disturb the others?

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient, MonoCloudMultiIssuerClient } from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/node';

import { gc } from '../faults/gc.mjs';
import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { outcomeOf } from '../support/dpop.mjs';
import { eventually } from '../support/eventually.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { compact } from '../support/jws.mjs';
import { jwkOf, keySet } from '../support/keys.mjs';

const audience = AUDIENCE;

let a;
let b;
before(async () => {
  [a, b] = await Promise.all(['tenant-a', 'tenant-b'].map((keys) => startIssuer({ keys })));
});
after(() => Promise.all([a, b].map((issuer) => issuer.close())));
beforeEach(() => {
  for (const issuer of [a, b]) issuer.resetCounts();
});

const both = (options) => new MonoCloudMultiIssuerClient({ clients: [backend(a), backend(b, options)] });
const outcome = (client, token, options) => outcomeOf(client.validateAccessToken(token, options));

describe('one issuer', () => {
  test('that does not answer delays no token of another', async () => {
    let answer;
    b.respond('/jwks', () => new Promise((resolve) => { answer = resolve; })); // prettier-ignore
    try {
      // Its own key source, so that other tests have not fetched the keys already.
      const client = both({ responseTimeout: 9000 });
      const waiting = outcome(client, b.sign());
      for (let i = 0; i < 10; i += 1) assert.equal(await outcome(client, a.sign()), 'accepted');
      assert.equal(client.health().issuers[b.issuer].ready, false);
      await eventually(() => answer);
      answer({ body: b.jwks });
      assert.equal(await waiting, 'accepted');
    } finally {
      b.respond('/jwks');
    }
  });

  test('that is down is an outage for its own tokens only', async () => {
    await b.down();
    try {
      const client = both({ responseTimeout: 9001 });
      await assert.rejects(client.validateAccessToken(b.sign()), failure('MonoCloudHttpError', 'connection_refused'));
      assert.equal(await outcome(client, a.sign()), 'accepted');
    } finally {
      await b.up();
    }
  });

  test('that changes its keys is asked again, and no other', async () => {
    const client = both({ responseTimeout: 9002 });
    for (const issuer of [a, b]) assert.equal(await outcome(client, issuer.sign()), 'accepted');
    const [old] = [b.sign(), await b.rotate()];
    for (const issuer of [a, b]) issuer.resetCounts();
    assert.equal(await outcome(client, b.sign()), 'accepted');
    assert.equal(await outcome(client, a.sign()), 'accepted');
    assert.deepEqual([a.counts, b.counts], [{}, { '/jwks': 1 }]);
    assert.equal(await outcome(client, old), 'key_not_found');
    assert.deepEqual(a.counts, {});
  });

  test('whose introspection fails closes the circuit of its own client only', async () => {
    const clients = [
      backend(a, { ...ANY_CLIENT, introspectJwtTokens: true }),
      backend(b, { ...ANY_CLIENT, introspectJwtTokens: true }),
    ];
    const client = new MonoCloudMultiIssuerClient({ clients });
    b.respond('/introspect', { status: 500 });
    try {
      for (let i = 0; i < 12; i += 1) await outcome(client, b.sign({ claims: { jti: `${i}` } }));
      assert.equal(client.health().issuers[b.issuer].introspection.suspended, true);
      const token = a.sign();
      a.introspected.set(token, a.claims());
      assert.equal(await outcome(client, token), 'accepted');
      assert.equal(client.health().issuers[a.issuer].introspection.suspended, false);
    } finally {
      b.respond('/introspect');
    }
  });
});

describe('a flood', () => {
  const TENANTS = 1000;
  const UNKNOWN = 100_000;
  const issuerOf = (number) => `https://tenant-${number}.example`;
  const naming = (iss) => `e30.${Buffer.from(JSON.stringify({ iss })).toString('base64url')}.c2ln`;
  let key;
  let jwks;
  before(async () => {
    key = (await keySet('tenants')).ed25519;
    jwks = { keys: [jwkOf(key.publicKey, { kid: 'k' })] };
  });
  const signed = (number) => {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const claims = { iss: issuerOf(number), aud: audience, sub: 'user-1', exp };
    return compact({ alg: 'EdDSA', kid: 'k' }, claims, key.privateKey);
  };

  /** A client whose `resolve` knows the tenants, the requests that it caused, and the clients that it made. */
  function tenants(options) {
    const known = new Set(Array.from({ length: TENANTS }, (_, number) => issuerOf(number)));
    const made = [];
    const requests = new Map();
    const resolve = (tenantDomain) => {
      if (!known.has(tenantDomain)) return null;
      const jwksResolver = () => {
        requests.set(tenantDomain, (requests.get(tenantDomain) ?? 0) + 1);
        return jwks;
      };
      const client = new MonoCloudBackendNodeClient({ tenantDomain, audience, jwksResolver });
      made.push(new WeakRef(client));
      return client;
    };
    return { client: new MonoCloudMultiIssuerClient({ resolve, ...options }), made, requests };
  }

  test('of 100,000 unknown issuers costs no request, no client and no memory, and 1,000 tenants keep working', async () => {
    const { client, made, requests } = tenants({ maxClients: TENANTS });
    const tokens = Array.from({ length: TENANTS }, (_, number) => signed(number));
    for (let i = 0; i < 2000; i += 1) await outcome(client, naming(`https://early-${i}.example`));
    for (const token of tokens) assert.equal(await outcome(client, token), 'accepted');
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < UNKNOWN; i += 1) {
      if ((await outcome(client, naming(`https://unknown-${i}.example`))) !== 'issuer_mismatch') assert.fail(`${i}`);
      if (i % 100 === 0) assert.equal(await outcome(client, tokens[(i / 100) % TENANTS]), 'accepted');
    }
    gc();
    const grown = process.memoryUsage().heapUsed - before;
    assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes`);
    assert.equal(Object.keys(client.health().issuers).length, TENANTS);
    // Each tenant was resolved once, and its keys were fetched once.
    assert.equal(made.length, TENANTS);
    assert.deepEqual(new Set(requests.values()), new Set([1]));
    assert.equal(requests.size, TENANTS);
  });

  test('of tenants keeps at most maxClients, and clients that gave way are freed, also by routes', async () => {
    const { client, made } = tenants({ maxClients: 10 });
    const guard = protectApi(client)();
    for (let number = 0; number < 300; number += 1) {
      const headers = { authorization: `Bearer ${signed(number)}` };
      const { claims } = await guard({ method: 'GET', headers, rawHeaders: Object.entries(headers).flat() });
      assert.equal(claims.iss, issuerOf(number));
    }
    assert.equal(Object.keys(client.health().issuers).length, 10);
    assert.equal(made.length, 300);
    const alive = async () => {
      // A WeakRef keeps its target until the current job ends.
      await new Promise((resolve) => { setImmediate(resolve); }); // prettier-ignore
      gc();
      return made.filter((ref) => ref.deref() !== undefined).length;
    };
    let least = Infinity;
    for (let round = 0; round < 20 && least > 20; round += 1) least = Math.min(least, await alive());
    assert.ok(least <= 20, `${least} clients of 300`);
  });

  test('of tokens that nobody signed evicts no client that accepted tokens', async () => {
    const { client, made } = tenants({ maxClients: 10 });
    const good = Array.from({ length: 9 }, (_, number) => signed(number));
    const use = async () => {
      for (const token of good) assert.equal(await outcome(client, token), 'accepted');
    };
    await use();
    for (let number = 100; number < 400; number += 1) {
      assert.notEqual(await outcome(client, naming(issuerOf(number))), 'accepted');
      if (number % 5 === 0) await use();
    }
    // The places that rejected tokens fight for are the others.
    assert.equal(made.length, 9 + 300);
  });

  test('never removes a configured client', async () => {
    const clients = [backend(a), backend(b)];
    const { client } = tenants({ maxClients: 1, clients });
    for (let number = 0; number < 20; number += 1) assert.equal(await outcome(client, signed(number)), 'accepted');
    assert.deepEqual(Object.keys(client.health().issuers), [a.issuer, b.issuer, issuerOf(19)]);
    assert.equal(await outcome(client, b.sign()), 'accepted');
  });
});
