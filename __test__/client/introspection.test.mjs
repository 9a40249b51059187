// Does the real authorization server respond to every client authentication method?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';

import { startAuthorizationServer, unsupported } from '../support/authorization-server.mjs';
import { backend, failure } from '../support/backend.mjs';
import { ALGORITHMS } from '../support/keys.mjs';
import { describeWhere } from '../support/suite.mjs';

const INTROSPECTION = '/token/introspection';
const METHODS = ['basic', 'post', 'secretJwt', 'privateKeyJwt', 'tls', 'tlsUri', 'selfSigned'];
const REFUSED = failure('MonoCloudOPError', 'client_refused', { error: 'invalid_client' });

describeWhere(unsupported, 'introspection without mutual-TLS aliases', () => {
  let server;
  let token;
  before(async () => {
    server = await startAuthorizationServer();
    token = await server.obtainToken({ format: 'opaque', scope: 'data:read data:write' });
  });
  after(() => server?.close());

  for (const name of METHODS) {
    test(`the client ${name} obtains the claims of an active token`, async () => {
      const claims = await backend(server, { as: name }).validateAccessToken(token, { scopes: ['data:write'] });
      assert.equal(claims.iss, server.issuer);
      assert.deepEqual(claims.groups, ['engineering', 'support']);
      assert.equal('active' in claims, false);
    });
  }

  for (const alg of ALGORITHMS) {
    test(`an assertion of ${alg} is accepted, from a JWK or its text`, async () => {
      const jwk = server.clients.privateKeyJwt.secrets[alg];
      for (const clientSecret of [jwk, JSON.stringify(jwk)]) {
        const client = backend(server, { as: 'privateKeyJwt', clientSecret });
        assert.equal((await client.introspectAccessToken(token)).scope, 'data:read data:write');
      }
    });
  }

  for (const alg of ['HS256', 'HS384', 'HS512']) {
    test(`an assertion of ${alg} is accepted from an oct JWK`, async () => {
      const k = Buffer.from(server.clients.secretJwt.options.clientSecret).toString('base64url');
      const client = backend(server, { as: 'secretJwt', clientSecret: { kty: 'oct', k, alg } });
      assert.ok(await client.introspectAccessToken(token));
    });
  }

  for (const name of ['basic', 'post', 'secretJwt']) {
    test(`a wrong secret of the client ${name} is refused`, async () => {
      const clientSecret = 'a wrong secret that is long enough for any HMAC of them';
      await assert.rejects(backend(server, { as: name, clientSecret }).validateAccessToken(token), REFUSED);
    });
  }

  test('an assertion with the wrong key is refused', async () => {
    const { d, x, y } = server.keys.ES256;
    const clientSecret = { ...server.clients.privateKeyJwt.secrets.ES256, d, x, y };
    const client = backend(server, { as: 'privateKeyJwt', clientSecret });
    await assert.rejects(client.validateAccessToken(token), REFUSED);
  });

  for (const [what, name, issue] of [
    ["another client's certificate", 'tls', (pki) => pki.client({ commonName: 'somebody else' })],
    ['an expired certificate', 'tls', (pki) => pki.client({ commonName: 'tls-client', notAfter: new Date(0) })],
    ['a certificate of an unknown authority', 'tls', (pki) => pki.otherCa.client({ commonName: 'tls-client' })],
    [
      'another self-signed certificate',
      'selfSigned',
      (pki) => pki.client({ commonName: 'self-signed', selfSigned: true }),
    ],
  ]) {
    test(`${what} is refused`, async () => {
      const { cert, key } = await issue(server.pki);
      const client = backend(server, { as: name, clientCertificate: cert, clientCertificateKey: key });
      await assert.rejects(client.validateAccessToken(token), REFUSED);
    });
  }

  test('mutual TLS without a certificate sends no request', async () => {
    const { clientId, clientAuthMethod } = server.clients.tls.options;
    const client = backend(server, { clientId, clientAuthMethod });
    server.resetCounts();
    await assert.rejects(
      client.validateAccessToken(token),
      failure('MonoCloudValidationError', 'client_certificate_required'),
    );
    assert.deepEqual(server.counts, {});
  });

  test('an opaque token without clientId is a MonoCloudValidationError that says so', async () => {
    const asking = backend(server).validateAccessToken(token);
    await assert.rejects(asking, {
      ...failure('MonoCloudValidationError', 'client_id_required'),
      message: /^clientId is required/,
    });
  });

  test('a revoked token is refused by the very next request', async () => {
    const client = backend(server, { as: 'post' });
    const revoked = await server.obtainToken({ format: 'opaque' });
    assert.ok(await client.validateAccessToken(revoked));
    await server.revoke(revoked);
    const inactive = failure('MonoCloudTokenError', 'inactive', { code: 'inactive_token' });
    await assert.rejects(client.validateAccessToken(revoked), inactive);
  });

  test('100 concurrent validations of one token make one request, and each has its own claims', async () => {
    const client = backend(server, { as: 'post' });
    await client.getMetadata();
    server.resetCounts();
    const all = await Promise.all(Array.from({ length: 100 }, () => client.validateAccessToken(token)));
    assert.deepEqual(server.counts, { [INTROSPECTION]: 1 });
    all[0].scope = 'changed';
    assert.ok(all.slice(1).every(({ scope }) => scope === 'data:read data:write'));
    await client.validateAccessToken(token);
    assert.equal(server.counts[INTROSPECTION], 2);
  });

  test('a JWT is introspected with introspectJwtTokens, and this server refuses the request', async () => {
    const jwt = await server.obtainToken();
    const client = backend(server, { as: 'post', introspectJwtTokens: true });
    const refused = failure('MonoCloudOPError', 'introspection_refused', { error: 'unsupported_token_type' });
    await assert.rejects(client.validateAccessToken(jwt), refused);
    assert.ok(await backend(server, { as: 'post' }).validateAccessToken(jwt));
  });

  test('no secret, key or token is in an error or in what inspect shows of a client', async () => {
    const secrets = [
      ['post', { clientSecret: 'the-secret-of-this-test' }, ['the-secret-of-this-test']],
      ['basic', { clientSecret: 'the-secret-of-this-test' }, ['the-secret-of-this-test']],
      ['privateKeyJwt', { clientSecret: { ...server.keys.ES256, kid: 'unknown' } }, [server.keys.ES256.d]],
      [
        'selfSigned',
        { clientId: 'client-tls' },
        server.clients.selfSigned.options.clientCertificateKey.split('\n').slice(1, 3),
      ],
    ];
    for (const [name, options, words] of secrets) {
      const client = backend(server, { as: name, ...options });
      const error = await client.validateAccessToken(token).then(
        () => undefined,
        (reason) => reason,
      );
      assert.equal(error?.name, 'MonoCloudOPError');
      const shown = [client, error, error.raw].map((value) => inspect(value, { depth: Infinity, showHidden: true }));
      shown.push(error.message, error.stack, JSON.stringify(client), JSON.stringify(error));
      for (const word of [...words, token]) {
        assert.ok(!shown.some((text) => text.includes(word)), `${name}: ${word.slice(0, 4)}…`);
      }
    }
  });
});

describeWhere(unsupported, 'introspection with mutual-TLS aliases', () => {
  let server;
  let token;
  before(async () => {
    server = await startAuthorizationServer({ mtlsAliases: true, trustStoreId: 'partners' });
    token = await server.obtainToken({ format: 'opaque' });
  });
  after(() => server?.close());

  /** The listener (of three) that received the introspection request. */
  const asked = () => {
    const listeners = { plain: server, mtls: server.mtls, trustStore: server.trustStore };
    return Object.keys(listeners).filter((name) => listeners[name].counts[INTROSPECTION]);
  };

  for (const [name, options, where] of [
    ['tls', {}, 'mtls'],
    ['selfSigned', {}, 'mtls'],
    ['tls', { trustStoreId: 'partners' }, 'trustStore'],
    ['selfSigned', { trustStoreId: 'partners' }, 'trustStore'],
    ['post', {}, 'plain'],
    ['privateKeyJwt', { trustStoreId: 'partners' }, 'plain'],
  ]) {
    test(`the client ${name} asks ${where} with ${inspect(options)}`, async () => {
      server.resetCounts();
      assert.ok(await backend(server, { as: name, ...options }).validateAccessToken(token));
      assert.deepEqual(asked(), [where]);
    });
  }

  test('a trust store that the metadata does not name causes no request', async () => {
    server.resetCounts();
    const client = backend(server, { as: 'tls', trustStoreId: 'unknown' });
    await assert.rejects(
      client.validateAccessToken(token),
      failure('MonoCloudValidationError', 'mtls_endpoint_missing'),
    );
    assert.deepEqual(asked(), []);
  });
});
