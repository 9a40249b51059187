// Does the test support itself work?
//
// Each part of support/ is tested against independent code: jose, node:tls, node:crypto's X.509, and the real
// frameworks.

import assert from 'node:assert/strict';
import { createHash, webcrypto, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { createLocalJWKSet, jwtVerify } from 'jose';

import { startAuthorizationServer, unsupported } from './authorization-server.mjs';
import { get, listen, post, request } from './http.mjs';
import { AUDIENCE, startIssuer } from './issuer.mjs';
import { ALGORITHMS } from './keys.mjs';
import { createPki } from './pki.mjs';
import { describeWhere } from './suite.mjs';

// jose 6 uses the global, which Node 18 does not have.
globalThis.crypto ??= webcrypto;

describe('pki', () => {
  let pki;
  before(async () => {
    pki = await createPki();
  });

  test('a thumbprint is the SHA-256 of the DER certificate', async () => {
    const { cert, thumbprint } = await pki.client({ commonName: 'a client' });
    const der = new X509Certificate(cert).raw;
    assert.equal(thumbprint, createHash('sha256').update(der).digest('base64url'));
  });

  test('a client certificate names its URI, and a self-signed one its own issuer', async () => {
    const named = await pki.client({ commonName: 'a', uriSan: 'spiffe://example.com/a' });
    const own = await pki.client({ commonName: 'b', selfSigned: true });
    assert.equal(new X509Certificate(named.cert).subjectAltName, 'URI:spiffe://example.com/a');
    const certificate = new X509Certificate(own.cert);
    assert.ok(certificate.verify(certificate.publicKey));
  });

  for (const [what, make, code] of [
    ['good', (p) => p.server(), undefined],
    ['expired', (p) => p.server({ expired: true }), 'CERT_HAS_EXPIRED'],
    ['not yet valid', (p) => p.server({ notBefore: new Date(Date.now() + 3_600_000) }), 'CERT_NOT_YET_VALID'],
    ['wrong-host', (p) => p.server({ hosts: ['elsewhere.example'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['unknown', (p) => p.otherCa.server(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ]) {
    test(`a ${what} server certificate is ${code ?? 'accepted'}`, async () => {
      const issuer = await startIssuer({ tls: await make(pki) });
      try {
        const asking = get(`${issuer.issuer}/jwks`, { ca: pki.ca.pem });
        if (code) {
          await assert.rejects(asking, { code });
        } else {
          assert.equal((await asking).status, 200);
        }
      } finally {
        await issuer.close();
      }
    });
  }
});

describe('issuer', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  for (const alg of ALGORITHMS) {
    test(`a token of ${alg} verifies with jose`, async () => {
      const { payload, protectedHeader } = await verify(issuer.sign({ alg, claims: { extra: 1 } }));
      assert.equal(payload.extra, 1);
      assert.equal(protectedHeader.alg, alg);
    });
  }

  test('an undefined claim is left out, and a raw payload is taken as it is', () => {
    const claims = decode(issuer.sign({ claims: { exp: undefined } }), 1);
    assert.equal('exp' in claims, false);
    assert.equal(
      issuer.signRaw('{}', '{"a":1,"a":2}').split('.')[1],
      Buffer.from('{"a":1,"a":2}').toString('base64url'),
    );
  });

  test('rotation withdraws the old keys, or keeps them when asked', async () => {
    const before = issuer.sign();
    const old = await issuer.rotate();
    await assert.rejects(verify(before), { code: 'ERR_JWKS_NO_MATCHING_KEY' });
    await verify(issuer.sign());
    const between = issuer.sign();
    await issuer.rotate({ keepOld: true });
    await verify(between);
    assert.equal(decode(issuer.sign({ key: old.rsa }), 0).kid, old.rsa.kid);
  });

  test('an answer can be replaced and restored, and requests are counted', async () => {
    issuer.resetCounts();
    issuer.respond('/jwks', { status: 503, body: 'busy' });
    assert.equal((await get(`${issuer.issuer}/jwks`)).status, 503);
    issuer.respond('/jwks', (_request, response) => response.writeHead(302, { location: '/' }).end() && undefined);
    assert.equal((await get(`${issuer.issuer}/jwks`)).status, 302);
    issuer.respond('/jwks');
    assert.equal((await get(`${issuer.issuer}/jwks`)).status, 200);
    assert.deepEqual(issuer.counts, { '/jwks': 3 });
  });

  test('an opaque token is active until it is revoked', async () => {
    const token = issuer.opaque({ scope: 'a' });
    const ask = async () => (await post(`${issuer.issuer}/introspect`, { token })).body;
    assert.deepEqual(await ask(), { active: true, ...issuer.introspected.get(token) });
    issuer.revoke(token);
    assert.deepEqual(await ask(), { active: false });
  });

  test('down refuses connections, up is the same address', async () => {
    await issuer.down();
    await assert.rejects(get(`${issuer.issuer}/jwks`), { code: 'ECONNREFUSED' });
    await issuer.up();
    assert.equal((await get(`${issuer.issuer}/jwks`)).status, 200);
  });

  const verify = (token) =>
    jwtVerify(token, createLocalJWKSet(issuer.jwks), { issuer: issuer.issuer, audience: AUDIENCE });
});

describeWhere(unsupported, 'authorization server', () => {
  let server;
  before(async () => {
    server = await startAuthorizationServer();
  });
  after(() => server?.close());

  const askIssuer = async (path) => (await request(server.issuer + path, { ca: server.pki.ca.pem })).body;

  for (const name of ['basic', 'post', 'secretJwt', 'privateKeyJwt', 'tls', 'tlsUri', 'selfSigned']) {
    test(`the client ${name} proves itself for a token and for introspection`, async () => {
      const token = await server.obtainToken({ client: name, format: 'opaque' });
      assert.equal((await server.introspect(token, { client: name })).active, true);
    });
  }

  for (const assertionAlg of ALGORITHMS) {
    test(`an assertion of ${assertionAlg} is accepted`, async () => {
      assert.ok(await server.obtainToken({ client: 'privateKeyJwt', assertionAlg }));
    });
  }

  test('a wrong proof is refused', async () => {
    const { clients } = server;
    const { tls, post: posting } = clients;
    try {
      clients.tls = { ...tls, certificate: clients.tlsUri.certificate };
      await assert.rejects(server.obtainToken({ client: 'tls' }), { status: 401 });
      clients.post = { ...posting, options: { ...posting.options, clientSecret: 'wrong' } };
      await assert.rejects(server.obtainToken({ client: 'post' }), { status: 401 });
    } finally {
      Object.assign(clients, { tls, post: posting });
    }
  });

  for (const alg of ALGORITHMS) {
    test(`an access token of ${alg} verifies with jose against the published keys`, async () => {
      const token = await server.obtainToken({ alg, scope: 'data:read data:write' });
      const keys = createLocalJWKSet(await askIssuer('/jwks'));
      const expected = { issuer: server.issuer, audience: AUDIENCE, typ: 'at+jwt' };
      const { payload } = await jwtVerify(token, keys, expected);
      assert.deepEqual(payload.groups, ['engineering', 'support']);
      assert.equal(payload.scope, 'data:read data:write');
    });
  }

  test('an opaque token is inactive once it is revoked', async () => {
    const token = await server.obtainToken({ resource: 'https://opaque.example.com' });
    assert.equal((await server.introspect(token)).active, true);
    await server.revoke(token);
    assert.deepEqual(await server.introspect(token), { active: false });
  });

  test('a JWT is not introspected', async () => {
    const asking = server.introspect(await server.obtainToken());
    await assert.rejects(asking, ({ status, body }) => status === 400 && body.error === 'unsupported_token_type');
  });

  test('a bound token carries the thumbprint of its certificate, JWT or opaque', async () => {
    const { certificate } = server.clients.selfSigned;
    const confirmation = { 'x5t#S256': certificate.thumbprint };
    const jwt = await server.obtainToken({ client: 'bound', certificate });
    assert.deepEqual(decode(jwt, 1).cnf, confirmation);
    const opaque = await server.obtainToken({ client: 'bound', certificate, format: 'opaque' });
    assert.deepEqual((await server.introspect(opaque)).cnf, confirmation);
    await assert.rejects(server.obtainToken({ client: 'bound' }), { status: 400 });
  });

  test('a late token is signed by the server and expired', async () => {
    const token = await server.obtainToken({ client: 'late' });
    const keys = createLocalJWKSet(await askIssuer('/jwks'));
    await assert.rejects(jwtVerify(token, keys), { code: 'ERR_JWT_EXPIRED' });
  });

  test('no aliases are published unless asked for', async () => {
    assert.equal('mtls_endpoint_aliases' in (await askIssuer('/.well-known/openid-configuration')), false);
  });
});

describeWhere(unsupported, 'authorization server with aliases', () => {
  for (const tls of [true, false]) {
    test(`mutual TLS goes to the alias, the issuer being ${tls ? 'HTTPS' : 'plain HTTP'}`, async () => {
      const server = await startAuthorizationServer({ tls, mtlsAliases: true, trustStoreId: 'partners' });
      try {
        const ca = server.pki.ca.pem;
        const { body: metadata } = await get(`${server.issuer}/.well-known/openid-configuration`, { ca });
        const alias = `${server.mtls.origin}/token/introspection`;
        assert.equal(metadata.mtls_endpoint_aliases.introspection_endpoint, alias);
        const partners = metadata.mtls_additional_endpoint_aliases.partners.introspection_endpoint;
        assert.equal(partners, `${server.trustStore.origin}/token/introspection`);

        const token = await server.obtainToken({ client: 'tls', format: 'opaque' });
        const { certificate, clientId } = server.clients.tls;
        const form = { token, client_id: clientId };
        const pair = { ca, cert: certificate.cert, key: certificate.key };
        assert.equal((await post(partners, form, pair)).body.active, true);
        assert.equal((await post(metadata.introspection_endpoint, form, pair)).status, 401);
        assert.deepEqual(server.mtls.counts, { '/token': 1 });
        assert.deepEqual(server.trustStore.counts, { '/token/introspection': 1 });
      } finally {
        await server.close();
      }
    });
  }
});

describe('listen', () => {
  const needsNode20 = Number(process.versions.node.split('.')[0]) < 20 && 'Fastify 5 needs Node 20';
  const answer = { ok: true };
  for (const [name, route, skip] of [
    ['express', (_request, response) => response.json(answer)],
    ['express-4', (_request, response) => response.json(answer)],
    ['fastify', async () => answer, needsNode20],
    ['fastify-4', async () => answer],
  ]) {
    test(`${name} answers on a free port, and frees it`, { skip }, async () => {
      const { default: framework } = await import(name);
      const app = framework();
      app.get('/', route);
      const { url, close } = await listen(app);
      const { status, body } = await get(url);
      assert.deepEqual({ status, body }, { status: 200, body: answer });
      await close();
      await assert.rejects(get(url), { code: 'ECONNREFUSED' });
    });
  }
});

function decode(token, part) {
  return JSON.parse(Buffer.from(token.split('.')[part], 'base64url'));
}
