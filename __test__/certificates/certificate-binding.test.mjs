// Is a bound token of the real authorization server accepted only with its own certificate?
//
// RFC 8705 §3 end to end: the server issues a bound token, a resolver finds the certificate, and the engine compares
// both.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import express from 'express';
import { fromAlb, fromClientCert, fromHeader, fromSocket, fromXfcc } from '@monocloud/backend-node/certificates';
import { memoryCache } from '@monocloud/backend-node/cache';
import { protectApi as protectExpress } from '@monocloud/backend-node/express';
import { protectApi as protectFastify } from '@monocloud/backend-node/fastify';

import { startAuthorizationServer, unsupported } from '../support/authorization-server.mjs';
import { backend, failure } from '../support/backend.mjs';
import { get, listen } from '../support/http.mjs';
import { describeWhere } from '../support/suite.mjs';

const REQUIRED = { validateCertificateBinding: true };
const IGNORED = { validateCertificateBinding: false };
const KINDS = [
  ['a bound JWT', {}],
  ['a bound opaque token', { format: 'opaque' }],
];

const base64Of = ({ cert }) => cert.replace(/-----.*-----|\s/g, '');

/** The header that a proxy writes for its connection's certificate, by resolver. */
const PROXIES = [
  ['fromHeader', fromHeader('x-client-cert'), ({ cert }) => ({ 'x-client-cert': encodeURIComponent(cert) })],
  ['fromXfcc', fromXfcc(), ({ cert }) => ({ 'x-forwarded-client-cert': `Hash=00;Cert="${encodeURIComponent(cert)}"` })],
  ['fromClientCert', fromClientCert(), (pair) => ({ 'client-cert': `:${base64Of(pair)}:` })],
  ['fromAlb', fromAlb(), ({ cert }) => ({ 'x-amzn-mtls-clientcert': encodeURIComponent(cert) })],
];

function expressApp(client, certificateResolver) {
  const protect = protectExpress(client, { certificateResolver });
  const app = express();
  for (const [path, options] of [
    ['/', undefined],
    ['/required', REQUIRED],
    ['/ignored', IGNORED],
  ]) {
    app.get(path, protect(options), (request, response) => response.json(request.claims));
  }
  return app;
}

async function fastifyApp(client, certificateResolver, tls) {
  const { default: Fastify } = await import(Number(process.versions.node.split('.')[0]) < 20 ? 'fastify-4' : 'fastify');
  const protect = protectFastify(client, { certificateResolver });
  const app = Fastify({ https: tls ?? null });
  for (const [path, options] of [
    ['/', undefined],
    ['/required', REQUIRED],
    ['/ignored', IGNORED],
  ]) {
    app.get(path, { onRequest: protect(options) }, async (request) => request.claims);
  }
  return app;
}

describeWhere(unsupported, 'certificate binding', () => {
  let server;
  let own;
  let other;
  let tls;
  before(async () => {
    server = await startAuthorizationServer();
    [own, other] = await Promise.all(['own', 'other'].map((commonName) => server.pki.client({ commonName })));
    tls = { ...(await server.pki.server()), requestCert: true, rejectUnauthorized: false };
  });
  after(() => server?.close());

  const boundToken = (options) => server.obtainToken({ client: 'bound', certificate: own, ...options });

  /** An HTTPS API in Node itself, called with a pair's certificate, or with none. */
  async function secureApi(framework, client) {
    const app =
      framework === 'express' ? expressApp(client, fromSocket()) : await fastifyApp(client, fromSocket(), tls);
    const { url, close } = await listen(app, { tls });
    const ask = (path, token, pair) =>
      get(url + path, { token, ca: server.pki.ca.pem, cert: pair?.cert, key: pair?.key });
    return { ask, close };
  }

  for (const framework of ['express', 'fastify']) {
    for (const [kind, options] of KINDS) {
      for (const [cached, cache] of [
        ['', undefined],
        [', cached', memoryCache()],
      ]) {
        test(`${kind}${cached} is good from its own certificate alone, for ${framework} over TLS`, async () => {
          const api = await secureApi(framework, backend(server, { as: 'post', cache }));
          try {
            const token = await boundToken(options);
            for (const path of ['/', '/required']) {
              const good = await api.ask(path, token, own);
              assert.deepEqual([good.status, good.body.cnf], [200, { 'x5t#S256': own.thumbprint }]);
              for (const [pair, because] of [
                [other, /another client certificate/],
                [undefined, /none was presented/],
              ]) {
                const { status, headers, body } = await api.ask(path, token, pair);
                assert.deepEqual([status, body], [401, { message: 'unauthorized' }]);
                assert.match(headers['www-authenticate'], because);
              }
              assert.equal((await api.ask(path, token, own)).status, 200);
            }
            assert.equal((await api.ask('/ignored', token, other)).status, 200);
          } finally {
            await api.close();
          }
        });
      }
    }

    test(`an unbound token is refused where binding is required, for ${framework}`, async () => {
      const api = await secureApi(framework, backend(server, { as: 'post' }));
      try {
        for (const format of ['jwt', 'opaque']) {
          const token = await server.obtainToken({ format });
          const { status, headers } = await api.ask('/required', token, own);
          assert.equal(status, 401);
          assert.match(headers['www-authenticate'], /not bound/);
          assert.equal((await api.ask('/', token, undefined)).status, 200);
        }
      } finally {
        await api.close();
      }
    });
  }

  for (const [name, resolver, write] of PROXIES) {
    for (const [kind, options] of KINDS) {
      test(`${kind} is good with the header of its own certificate alone, by ${name}`, async () => {
        const client = backend(server, { as: 'post' });
        const apps = [expressApp(client, resolver), await fastifyApp(client, resolver)];
        const apis = await Promise.all(apps.map((app) => listen(app)));
        try {
          const token = await boundToken(options);
          for (const { url } of apis) {
            const status = async (headers) => (await get(url, { token, headers })).status;
            assert.equal(await status(write(own)), 200);
            assert.equal(await status(write(other)), 401);
            assert.equal(await status({}), 401);
            const [[header, value]] = Object.entries(write(own));
            assert.equal(await status({ [header]: [value, value] }), 401);
          }
        } finally {
          await Promise.all(apis.map(({ close }) => close()));
        }
      });
    }
  }

  for (const [what, cache, asks] of [
    ['by each request', undefined, 3],
    ['at all with a cache', memoryCache(), 1],
  ]) {
    test(`a bound opaque token is asked about once ${what}`, async () => {
      const api = await secureApi('express', backend(server, { as: 'post', cache }));
      try {
        const token = await boundToken({ format: 'opaque' });
        server.resetCounts();
        for (const pair of [other, own, own]) await api.ask('/', token, pair);
        assert.equal(server.counts['/token/introspection'], asks);
      } finally {
        await api.close();
      }
    });
  }

  test('a revoked bound opaque token is refused from its own certificate too', async () => {
    const api = await secureApi('express', backend(server, { as: 'post' }));
    try {
      const token = await boundToken({ format: 'opaque' });
      assert.equal((await api.ask('/', token, own)).status, 200);
      assert.equal((await api.ask('/', token, other)).status, 401);
      await server.revoke(token);
      const { status, headers } = await api.ask('/', token, own);
      assert.equal(status, 401);
      assert.match(headers['www-authenticate'], /inactive/);
    } finally {
      await api.close();
    }
  });

  for (const [kind, options] of KINDS) {
    test(`${kind} obeys the client's mode where the call says nothing`, async () => {
      const token = await boundToken(options);
      const client = (validateCertificateBinding) => backend(server, { as: 'post', validateCertificateBinding });
      const missing = failure('MonoCloudTokenError', 'certificate_missing', { code: 'invalid_token' });
      for (const mode of [undefined, 'when_present', 'required']) {
        await assert.rejects(client(mode).validateAccessToken(token), missing);
        assert.ok(await client(mode).validateAccessToken(token, { clientCertificate: own.cert }));
      }
      assert.ok(await client('dangerously_ignore').validateAccessToken(token));
      await assert.rejects(client('dangerously_ignore').validateAccessToken(token, REQUIRED), missing);
      const unbound = await server.obtainToken(options);
      const required = client('required').validateAccessToken(unbound, { clientCertificate: own.cert });
      await assert.rejects(required, failure('MonoCloudTokenError', 'confirmation_missing'));
    });
  }
});
