// What exactly does an introspection request contain?
//
// RFC 7662 §2.1 with RFC 6749 §2.3.1 or RFC 7523. node:crypto and jose read the requests of the engine's own HTTP
// client and of a `fetcher`.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';

import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { ALGORITHMS, jwkOf, keySet, kindOf } from '../support/keys.mjs';

globalThis.crypto ??= webcrypto;

const PATH = '/introspect';
const SECRET = 'a secret of 256 bits or even more';
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());
beforeEach(() => {
  issuer.respond(PATH);
  issuer.resetCounts();
});

/** The requests to the introspection endpoint, in order. */
const sent = () =>
  issuer.requests
    .filter(({ path }) => path === PATH)
    .map(({ method, headers, body }) => ({ method, headers, form: Object.fromEntries(new URLSearchParams(body)) }));

for (const [way, transport] of [
  ['the own client', {}],
  ['a fetcher', { fetcher: (input, init) => fetch(input, init) }],
]) {
  describe(`over ${way}`, () => {
    test('client_secret_post sends the token, its hint and both credentials, once', async () => {
      const token = issuer.opaque();
      await backend(issuer, { ...ANY_CLIENT, ...transport }).validateAccessToken(token);
      const [{ method, headers, form }, ...more] = sent();
      assert.deepEqual(more, []);
      assert.equal(method, 'POST');
      assert.equal(headers.accept, 'application/json');
      assert.match(headers['content-type'], /^application\/x-www-form-urlencoded/);
      assert.equal(headers.authorization, undefined);
      assert.deepEqual(form, { token, token_type_hint: 'access_token', client_id: 'api', client_secret: 'secret' });
    });

    test('client_secret_basic form-encodes each half and leaves the form alone', async () => {
      const [clientId, clientSecret] = ['a:b c/ü', 'p%2B+&=:'];
      const options = { clientId, clientSecret, clientAuthMethod: 'client_secret_basic', ...transport };
      const token = issuer.opaque();
      await backend(issuer, options).validateAccessToken(token);
      const [{ headers, form }] = sent();
      const [scheme, credentials] = headers.authorization.split(' ');
      const halves = Buffer.from(credentials, 'base64').toString().split(':');
      assert.equal(scheme, 'Basic');
      assert.deepEqual(
        halves.map((half) => new URLSearchParams(`x=${half}`).get('x')),
        [clientId, clientSecret],
      );
      assert.deepEqual(form, { token, token_type_hint: 'access_token' });
    });

    for (const alg of ALGORITHMS) {
      test(`private_key_jwt of ${alg} contains iss, aud, exp and the kid of its key`, async () => {
        const { privateKey, publicKey } = (await keySet('api'))[kindOf(alg)];
        const clientSecret = jwkOf(privateKey, { alg, kid: 'the-key' });
        const options = { clientId: 'api', clientSecret, clientAuthMethod: 'private_key_jwt', ...transport };
        await backend(issuer, options).validateAccessToken(issuer.opaque());
        const [{ form }] = sent();
        assert.equal(form.client_assertion_type, JWT_BEARER);
        assert.equal(form.client_id ?? 'api', 'api');
        assert.deepEqual(decodeProtectedHeader(form.client_assertion), { alg, typ: 'JWT', kid: 'the-key' });
        const claims = await verified(form.client_assertion, await importJWK(jwkOf(publicKey, { alg })));
        assert.deepEqual([claims.iss, claims.sub, claims.aud], ['api', 'api', issuer.issuer]);
        assert.ok(claims.exp - claims.iat <= 60 && claims.nbf === claims.iat);
      });
    }

    test('client_secret_jwt is HS256 with the octets of the secret', async () => {
      const options = { clientId: 'api', clientSecret: SECRET, clientAuthMethod: 'client_secret_jwt', ...transport };
      await backend(issuer, options).validateAccessToken(issuer.opaque());
      const [{ form }] = sent();
      assert.equal(decodeProtectedHeader(form.client_assertion).alg, 'HS256');
      await verified(form.client_assertion, Buffer.from(SECRET));
    });

    for (const [assertionAudience, expected] of [
      [undefined, () => issuer.issuer],
      ['issuer', () => issuer.issuer],
      ['endpoint', () => `${issuer.issuer}/introspect`],
      ['https://acme.example/oauth/token', () => 'https://acme.example/oauth/token'],
      ['Endpoint', () => 'Endpoint'],
    ]) {
      test(`an assertion with assertionAudience ${assertionAudience} is for one audience`, async () => {
        const options = {
          clientId: 'api',
          clientSecret: SECRET,
          clientAuthMethod: 'client_secret_jwt',
          assertionAudience,
          ...transport,
        };
        await backend(issuer, options).validateAccessToken(issuer.opaque());
        const [{ form }] = sent();
        assert.equal(decodeJwt(form.client_assertion).aud, expected());
      });
    }

    test('an assertion has a new jti for each request', async () => {
      const options = { clientId: 'api', clientSecret: SECRET, clientAuthMethod: 'client_secret_jwt', ...transport };
      const client = backend(issuer, options);
      for (let i = 0; i < 20; i += 1) await client.validateAccessToken(issuer.opaque());
      assert.equal(new Set(await identifiers()).size, 20);
    });

    test('spiffe_jwt sends the SVID as it is', async () => {
      const options = {
        clientId: 'spiffe://a/api',
        clientSecret: 'an.svid.here',
        clientAuthMethod: 'spiffe_jwt',
        ...transport,
      };
      await backend(issuer, options).validateAccessToken(issuer.opaque());
      const [{ form }] = sent();
      assert.equal(form.client_assertion, 'an.svid.here');
      assert.match(form.client_assertion_type, /^urn:ietf:params:oauth:client-assertion-type:/);
    });

    test('a JWT goes there with introspectJwtTokens, and its revocation is noticed', async () => {
      const token = issuer.sign();
      issuer.introspected.set(token, issuer.claims({ scope: 'from:the-issuer' }));
      const client = backend(issuer, { ...ANY_CLIENT, introspectJwtTokens: true, ...transport });
      assert.equal((await client.validateAccessToken(token)).scope, 'from:the-issuer');
      issuer.revoke(token);
      await assert.rejects(client.validateAccessToken(token), failure('MonoCloudTokenError', 'inactive'));
      assert.deepEqual([issuer.counts[PATH], issuer.counts['/jwks']], [2, undefined]);
    });

    test('concurrent calls for one token share a request, those for two do not', async () => {
      const client = backend(issuer, { ...ANY_CLIENT, ...transport });
      const tokens = [issuer.opaque({ sub: 'a' }), issuer.opaque({ sub: 'b' })];
      const calls = Array.from({ length: 50 }, (_, i) => client.validateAccessToken(tokens[i % 2]));
      const claims = await Promise.all(calls);
      assert.deepEqual(
        claims.map(({ sub }) => sub),
        claims.map((_, i) => 'ab'[i % 2]),
      );
      assert.equal(issuer.counts[PATH], 2);
    });

    test('concurrent calls that fail share the failure and leave nothing behind', async () => {
      issuer.respond(PATH, { status: 500 });
      const client = backend(issuer, { ...ANY_CLIENT, ...transport });
      const token = issuer.opaque();
      const ended = await Promise.allSettled(Array.from({ length: 20 }, () => client.validateAccessToken(token)));
      assert.ok(ended.every(({ reason }) => reason?.reason === 'unexpected_status'));
      assert.equal(issuer.counts[PATH], 1);
      issuer.respond(PATH);
      assert.ok(await client.validateAccessToken(token));
    });
  });
}

test('a broken connection is retried once, with a new jti', async () => {
  let asked = 0;
  issuer.respond(PATH, (_request, response, body) => {
    asked += 1;
    if (asked === 1) return void response.destroy();
    return { body: { active: true, ...issuer.introspected.get(new URLSearchParams(body).get('token')) } };
  });
  const client = backend(issuer, { clientId: 'api', clientSecret: SECRET, clientAuthMethod: 'client_secret_jwt' });
  assert.ok(await client.validateAccessToken(issuer.opaque()));
  assert.equal(asked, 2);
  assert.equal(new Set(await identifiers()).size, 2);
});

test('a connection that breaks again is connection_failed, after two requests', async () => {
  issuer.respond(PATH, (_request, response) => void response.destroy());
  const client = backend(issuer, ANY_CLIENT);
  await assert.rejects(client.validateAccessToken(issuer.opaque()), failure('MonoCloudHttpError', 'connection_failed'));
  assert.equal(issuer.counts[PATH], 2);
});

test('introspection reuses connections', async () => {
  const ports = new Set();
  issuer.respond(PATH, ({ socket }, _response, body) => {
    ports.add(socket.remotePort);
    return { body: { active: true, ...issuer.introspected.get(new URLSearchParams(body).get('token')) } };
  });
  const client = backend(issuer, ANY_CLIENT);
  for (let i = 0; i < 10; i += 1) await client.validateAccessToken(issuer.opaque());
  assert.equal(ports.size, 1);
});

test('no endpoint in the metadata is a MonoCloudValidationError', async () => {
  const other = await startIssuer();
  try {
    delete other.metadata.introspection_endpoint;
    const asking = backend(other, ANY_CLIENT).validateAccessToken(other.opaque());
    await assert.rejects(asking, failure('MonoCloudValidationError', 'introspection_endpoint_missing'));
  } finally {
    await other.close();
  }
});

async function verified(assertion, key) {
  const { payload } = await jwtVerify(assertion, key, { issuer: 'api', audience: issuer.issuer });
  return payload;
}

/** The `jti` of each received assertion; checks its signature. */
async function identifiers() {
  const claims = await Promise.all(sent().map(({ form }) => verified(form.client_assertion, Buffer.from(SECRET))));
  return claims.map(({ jti }) => jti);
}
