// Which keys does the client use, and how does it fail when it cannot fetch them?

import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { MonoCloudAuthBaseError, MonoCloudHttpError } from '@monocloud/backend-node';

import { backend, failure } from '../support/backend.mjs';
import { eventually } from '../support/eventually.mjs';
import { startIssuer } from '../support/issuer.mjs';

const DISCOVERY = '/.well-known/openid-configuration';
/** The refreshes that unknown kids may cause at once, and the time until one more is allowed. */
const BUDGET = 2;
const REFILL_MS = 5000;

let issuer;
beforeEach(() => startOne());
after(() => issuer.close());

/** Each test has its own issuer, because clients of one issuer share their keys. */
async function startOne() {
  await issuer?.close();
  issuer = await startIssuer();
}

describe('getMetadata and getJwks', () => {
  test('give the documents as they are, fetched once until they are forced', async () => {
    issuer.metadata = { ...issuer.metadata, 'x-own': { a: [1] } };
    const client = backend(issuer);
    assert.deepEqual(await client.getMetadata(), issuer.metadata);
    assert.deepEqual(await client.getJwks(), issuer.jwks);
    await Promise.all([client.getMetadata(), client.getJwks(), client.getMetadata(false), client.getJwks(false)]);
    assert.deepEqual(issuer.counts, { [DISCOVERY]: 1, '/jwks': 1 });
    issuer.metadata = { ...issuer.metadata, 'x-own': 2 };
    assert.equal((await client.getMetadata(true))['x-own'], 2);
    await issuer.rotate();
    assert.deepEqual(await client.getJwks(true), issuer.jwks);
    assert.deepEqual(issuer.counts, { [DISCOVERY]: 2, '/jwks': 2 });
  });

  test('give an object of their own to each caller', async () => {
    const client = backend(issuer);
    (await client.getMetadata()).issuer = 'https://changed.example';
    (await client.getJwks()).keys.length = 0;
    assert.equal((await client.getMetadata()).issuer, issuer.issuer);
    assert.equal((await client.validateAccessToken(issuer.sign())).iss, issuer.issuer);
  });

  test('forced while the issuer is down reject, and keep the old documents', async () => {
    const client = backend(issuer);
    await client.validateAccessToken(issuer.sign());
    await issuer.down();
    for (const method of ['getMetadata', 'getJwks']) {
      await assert.rejects(client[method](true), { name: 'MonoCloudHttpError', reason: 'connection_refused' });
      assert.ok(await client[method]());
    }
    assert.ok(await client.validateAccessToken(issuer.sign()));
  });
});

describe('rotation', () => {
  test('is picked up with the first token of the new key, for one request', async () => {
    const client = backend(issuer);
    await client.validateAccessToken(issuer.sign());
    await issuer.rotate({ keepOld: true });
    issuer.resetCounts();
    assert.ok(await client.validateAccessToken(issuer.sign()));
    assert.deepEqual(issuer.counts, { '/jwks': 1 });
  });

  test('met by 100 tokens at once costs one request, and refuses none', async () => {
    const client = backend(issuer);
    await client.validateAccessToken(issuer.sign());
    const old = issuer.sign();
    await issuer.rotate({ keepOld: true });
    issuer.resetCounts();
    const tokens = Array.from({ length: 100 }, (_, i) =>
      i % 5 ? issuer.sign({ alg: i % 2 ? 'EdDSA' : 'ES256' }) : old,
    );
    await Promise.all(tokens.map((token) => client.validateAccessToken(token)));
    assert.deepEqual(issuer.counts, { '/jwks': 1 });
  });

  test('that withdraws a key ends its tokens with the refresh, those seen before, too', async () => {
    const client = backend(issuer);
    const old = issuer.sign();
    await client.validateAccessToken(old);
    await client.validateAccessToken(old);
    await issuer.rotate();
    assert.ok(await client.validateAccessToken(old), 'known until the refresh');
    await client.validateAccessToken(issuer.sign());
    await assert.rejects(
      client.validateAccessToken(old),
      failure('MonoCloudTokenError', 'key_not_found', { code: 'invalid_token' }),
    );
  });

  test('that reuses a kid for another key ends the tokens of the first with the refresh', async () => {
    const client = backend(issuer);
    const old = issuer.sign();
    await client.validateAccessToken(old);
    const { rsa } = await issuer.rotate();
    issuer.jwks.keys = issuer.jwks.keys.map((jwk) => (jwk.kty === 'RSA' ? { ...jwk, kid: rsa.kid } : jwk));
    await client.getJwks(true);
    await assert.rejects(client.validateAccessToken(old), { reason: 'signature_invalid' });
  });

  test('does not affect keys that stay', async () => {
    const client = backend(issuer);
    const old = issuer.sign();
    await client.validateAccessToken(old);
    await issuer.rotate({ keepOld: true });
    await client.getJwks(true);
    assert.ok(await client.validateAccessToken(old));
  });
});

describe('a flood of unknown kids', () => {
  for (const [how, run] of [
    ['at once', (calls) => Promise.all(calls.map((call) => call()))],
    ['one after another', (calls) => calls.reduce((earlier, call) => earlier.then(call), Promise.resolve())],
  ]) {
    test(`${how} costs no more than its budget, and delays no known key`, async () => {
      const client = backend(issuer);
      const good = issuer.sign();
      await client.validateAccessToken(good);
      issuer.resetCounts();
      const start = performance.now();
      const forged = Array.from({ length: 150 }, (_, i) => issuer.sign({ header: { kid: `unknown-${i}` } }));
      const calls = forged.map((token) => async () => {
        await assert.rejects(client.validateAccessToken(token), {
          name: 'MonoCloudTokenError',
          reason: 'key_not_found',
        });
        assert.ok(await client.validateAccessToken(good));
      });
      await run(calls);
      const refills = Math.ceil((performance.now() - start) / REFILL_MS);
      assert.ok(issuer.counts['/jwks'] >= 1 && issuer.counts['/jwks'] <= BUDGET + refills, inspect(issuer.counts));
      assert.equal(issuer.counts[DISCOVERY], undefined);
    });
  }
});

describe('an outage', () => {
  const refused = failure('MonoCloudHttpError', 'connection_refused', {
    status: undefined,
    statusText: undefined,
    raw: undefined,
  });

  test('before the first keys is a MonoCloudHttpError, until it is over', async () => {
    const client = backend(issuer);
    await issuer.down();
    for (let i = 0; i < 3; i += 1) await assert.rejects(client.validateAccessToken(issuer.sign()), refused);
    await assert.rejects(client.validateAccessToken(issuer.sign({ header: { kid: 'unknown' } })), refused);
    // A token that no key could make valid is rejected all the same.
    await assert.rejects(client.validateAccessToken('a.b.c'), { name: 'MonoCloudTokenError' });
    await issuer.up();
    await eventually(() =>
      client.validateAccessToken(issuer.sign()).catch((error) => assert.ok(error instanceof MonoCloudHttpError)),
    );
  });

  test('after the first keys does not affect their tokens, and is an outage for others', async () => {
    const client = backend(issuer);
    await client.validateAccessToken(issuer.sign());
    await issuer.down();
    const unknown = issuer.sign({ header: { kid: 'unknown' } });
    for (let i = 0; i < 3; i += 1) {
      await assert.rejects(client.validateAccessToken(unknown), refused);
      assert.ok(await client.validateAccessToken(issuer.sign()));
      await assert.rejects(client.validateAccessToken(issuer.sign({ claims: { exp: 1 } })), { reason: 'expired' });
    }
    await issuer.up();
    await issuer.rotate();
    await eventually(() =>
      client.validateAccessToken(issuer.sign()).catch((error) => assert.ok(error instanceof MonoCloudHttpError)),
    );
  });
});

describe('an invalid response', () => {
  const huge = `{"keys":[],"x":"${'x'.repeat(512 * 1024)}"}`;
  for (const [what, path, answer, reason, status] of [
    ['500', DISCOVERY, { status: 500, body: 'broken' }, 'unexpected_status', 500],
    ['404', '/jwks', { status: 404, body: '' }, 'unexpected_status', 404],
    ['429', '/jwks', { status: 429, body: '{}' }, 'unexpected_status', 429],
    [
      'a redirect, which is not followed',
      '/jwks',
      { status: 302, headers: { location: '/elsewhere' } },
      'unexpected_status',
      302,
    ],
    ['201', '/jwks', { status: 201, body: { keys: [] } }, 'unexpected_status', 201],
    ['no JSON', DISCOVERY, { body: '<html>' }, 'body_invalid', 200],
    ['no object', DISCOVERY, { body: '[]' }, 'body_invalid', 200],
    ['metadata without jwks_uri', DISCOVERY, () => ({ body: { issuer: issuer.issuer } }), 'body_invalid', undefined],
    ['no JSON', '/jwks', { body: 'keys' }, 'body_invalid', 200],
    ['no JWK Set', '/jwks', { body: { keys: {} } }, 'body_invalid', 200],
    ['an empty JWK Set', '/jwks', { body: { keys: [] } }, 'keys_empty', 200],
    ['more than 512 KiB', '/jwks', { body: huge }, 'body_too_large', 200],
    [
      'a connection that breaks',
      '/jwks',
      (_, response) => response.destroy() && undefined,
      'connection_failed',
      undefined,
    ],
  ]) {
    test(`${what} at ${path} is a MonoCloudHttpError with the response`, async () => {
      issuer.respond(path, answer);
      await assert.rejects(backend(issuer).validateAccessToken(issuer.sign()), (error) => {
        assert.ok(error instanceof MonoCloudHttpError && error instanceof MonoCloudAuthBaseError, inspect(error));
        assert.deepEqual([error.reason, error.status, error.raw?.status], [reason, status, status]);
        return true;
      });
      assert.equal(issuer.counts['/elsewhere'], undefined);
    });
  }

  test('replaces no keys that are good', async () => {
    const client = backend(issuer);
    await client.validateAccessToken(issuer.sign());
    for (const answer of [{ body: { keys: [] } }, { body: '<html>' }, { status: 503 }, { body: huge }]) {
      issuer.respond('/jwks', answer);
      await assert.rejects(client.getJwks(true), { name: 'MonoCloudHttpError' });
      assert.ok(await client.validateAccessToken(issuer.sign()));
    }
  });

  test('is available in raw, without cookies, and not in a log', async () => {
    const headers = { 'set-cookie': ['a=cookie-canary'], 'X-Trace': 'trace-1', 'content-type': 'text/plain' };
    issuer.respond('/jwks', { status: 502, headers, body: 'body-canary' });
    await assert.rejects(backend(issuer).getJwks(), (error) => {
      assert.deepEqual([error.status, error.statusText], [502, 'Bad Gateway']);
      const {
        headers: { 'x-trace': trace, 'set-cookie': cookie },
        ...raw
      } = error.raw;
      assert.deepEqual(
        { ...raw, trace, cookie },
        { status: 502, statusText: 'Bad Gateway', body: 'body-canary', trace: 'trace-1', cookie: undefined },
      );
      assert.equal(inspect(error).includes('canary') || JSON.stringify(error).includes('canary'), false);
      return true;
    });
  });
});

describe('metadata at the RFC 8414 place', () => {
  const OAUTH_DISCOVERY = '/.well-known/oauth-authorization-server';
  const CREDENTIALS = { clientId: 'api', clientSecret: 'secret' };

  test('alone serves JWTs, introspection and getMetadata()', async () => {
    issuer.respond(DISCOVERY, { status: 404, body: 'Not found' });
    issuer.respond(OAUTH_DISCOVERY, { body: issuer.metadata });
    const client = backend(issuer, CREDENTIALS);
    await client.warmUp();
    assert.ok(await client.validateAccessToken(issuer.sign()));
    assert.ok(await client.validateAccessToken(issuer.opaque()));
    assert.deepEqual(await client.getMetadata(), issuer.metadata);
    assert.deepEqual([issuer.counts[DISCOVERY], issuer.counts[OAUTH_DISCOVERY]], [1, 1]);
  });

  test('is asked for an endpoint that the OpenID document lacks, once, and by nobody else', async () => {
    const { introspection_endpoint: _endpoint, ...openid } = issuer.metadata;
    issuer.respond(DISCOVERY, { body: openid });
    issuer.respond(OAUTH_DISCOVERY, { body: issuer.metadata });
    const client = backend(issuer, CREDENTIALS);
    assert.ok(await client.validateAccessToken(issuer.sign()));
    assert.equal(issuer.counts[OAUTH_DISCOVERY], undefined);
    for (let count = 0; count < 3; count += 1) assert.ok(await client.validateAccessToken(issuer.opaque()));
    assert.equal(issuer.counts[OAUTH_DISCOVERY], 1);
    assert.deepEqual(await client.getMetadata(), openid);
  });

  test('is not asked where the metadata comes from a resolver', async () => {
    const client = backend(issuer, { ...CREDENTIALS, metadataResolver: () => ({ issuer: issuer.issuer }) });
    await assert.rejects(client.validateAccessToken(issuer.opaque()), { reason: 'introspection_endpoint_missing' });
    await assert.rejects(client.validateAccessToken(issuer.sign()), { reason: 'body_invalid' });
    assert.equal(issuer.counts[OAUTH_DISCOVERY], undefined);
  });
});

describe('the issuer', () => {
  test('comes from the metadata: if it differs from the tenant, a MonoCloudValidationError', async () => {
    for (const other of ['https://other.example', `${issuer.issuer}/a`, `${issuer.issuer}//`, '']) {
      issuer.respond(DISCOVERY, { body: { ...issuer.metadata, issuer: other } });
      const client = backend(issuer, { metadataCacheDuration: 0 });
      await assert.rejects(client.getMetadata(true), failure('MonoCloudValidationError', 'metadata_issuer_mismatch'));
    }
    await assert.rejects(backend(issuer).validateAccessToken(issuer.sign()), { reason: 'metadata_issuer_mismatch' });
  });

  test('must be named: a document without it is not metadata, and an outage', async () => {
    for (const none of [undefined, null, 1, [issuer.issuer]]) {
      issuer.respond(DISCOVERY, { body: { ...issuer.metadata, issuer: none } });
      const client = backend(issuer, { metadataCacheDuration: 0 });
      await assert.rejects(client.getMetadata(true), failure('MonoCloudHttpError', 'body_invalid'));
    }
  });

  test('may have one trailing slash where the tenant has none, and then tokens have it, too', async () => {
    issuer.metadata = { ...issuer.metadata, issuer: `${issuer.issuer}/` };
    const client = backend(issuer);
    const slashed = issuer.sign({ claims: { iss: `${issuer.issuer}/` } });
    assert.equal((await client.validateAccessToken(slashed)).iss, `${issuer.issuer}/`);
    await assert.rejects(client.validateAccessToken(issuer.sign()), { reason: 'issuer_mismatch' });
  });

  test('may have no slash where the tenant has one', async () => {
    const client = backend(issuer, { tenantDomain: `${issuer.issuer}/` });
    assert.equal((await client.validateAccessToken(issuer.sign())).iss, issuer.issuer);
  });
});
