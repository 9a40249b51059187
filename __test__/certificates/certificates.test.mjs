// Which certificate does a resolver find, and which header values does it reject?
//
// The five resolvers on real requests of node:http, Express and Fastify: over TLS to Node itself, and with the
// headers of proxies.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { after, before, describe, test } from 'node:test';

import { fromAlb, fromClientCert, fromHeader, fromSocket, fromXfcc } from '@monocloud/backend-node/certificates';

import { failure } from '../support/backend.mjs';
import { close, listen, open, request } from '../support/http.mjs';
import { createPki } from '../support/pki.mjs';

const needsNode20 = Number(process.versions.node.split('.')[0]) < 20 && 'Fastify 5 needs Node 20';
const MAX_HEADERS = 256 * 1024;

let pki;
let own;
let other;
before(async () => {
  pki = await createPki();
  [own, other] = await Promise.all(['own', 'other'].map((commonName) => pki.client({ commonName })));
});

/** An API of each kind whose response is the resolver's result; `tls` for those that terminate TLS themselves. */
const APIS = {
  'node:http': async (resolve, tls) => {
    const answer = async (incoming, response) => response.end((await resolve(incoming)) ?? '');
    const server = tls ? https.createServer(tls, answer) : http.createServer({ maxHeaderSize: MAX_HEADERS }, answer);
    await open(server, { port: 0, host: '127.0.0.1' });
    return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`, close: () => close(server) };
  },
  express: (resolve, tls) => expressApi('express', resolve, tls),
  'express-4': (resolve, tls) => expressApi('express-4', resolve, tls),
  fastify: (resolve, tls) => fastifyApi('fastify', resolve, tls),
  'fastify-4': (resolve, tls) => fastifyApi('fastify-4', resolve, tls),
};

async function expressApi(name, resolve, tls) {
  const { default: express } = await import(name);
  const app = express().get('/', async (incoming, response) => response.send((await resolve(incoming)) ?? ''));
  return listen(app, { tls });
}

async function fastifyApi(name, resolve, tls) {
  const { default: Fastify } = await import(name);
  const app = Fastify({ https: tls ?? null }).get('/', async (incoming) => (await resolve(incoming)) ?? '');
  return listen(app);
}

const skipFor = (name) => name === 'fastify' && needsNode20;

/** The thumbprint of the certificate that a resolver found, if any. */
const thumbprintOf = (found) => (found === '' ? undefined : thumbprintOfText(found));

function thumbprintOfText(text) {
  const decoded = text.includes('%') ? decodeURIComponent(text) : text;
  // Uses the first certificate of a chain.
  const base64 = decoded.split('-----END')[0].replace('-----BEGIN CERTIFICATE-----', '').replace(/\s/g, '');
  const hex = new X509Certificate(Buffer.from(base64, 'base64')).fingerprint256.replaceAll(':', '');
  return Buffer.from(hex, 'hex').toString('base64url');
}

const base64Of = ({ cert }) => new X509Certificate(cert).raw.toString('base64');

/** How each proxy writes a certificate into its header. */
const HEADERS = [
  ['fromHeader', () => fromHeader('X-Client-Cert'), 'x-client-cert', ({ cert }) => encodeURIComponent(cert)],
  [
    'fromXfcc',
    fromXfcc,
    'x-forwarded-client-cert',
    ({ cert, thumbprint }) =>
      `By=spiffe://a/b;Hash=${thumbprint};Cert="${encodeURIComponent(cert)}";Subject="CN=own,O=\\"x;y\\"";URI=spiffe://a/c`,
  ],
  ['fromClientCert', fromClientCert, 'client-cert', (pair) => `:${base64Of(pair)}:`],
  // AWS does not encode `+=/`.
  ['fromAlb', fromAlb, 'x-amzn-mtls-clientcert', ({ cert }) => encodeURI(cert)],
];

for (const [name, make, header, write] of HEADERS) {
  describe(name, () => {
    for (const kind of Object.keys(APIS)) {
      test(`gives the certificate of ${header} to ${kind}`, { skip: skipFor(kind) }, async () => {
        const api = await APIS[kind](make());
        try {
          const ask = async (headers) => thumbprintOf((await request(api.url, { headers })).body);
          assert.equal(await ask({ [header]: write(own) }), own.thumbprint);
          assert.equal(await ask({ [header.toUpperCase()]: write(other) }), other.thumbprint);
          assert.equal(await ask({}), undefined);
          assert.equal(await ask({ [header]: [write(own), write(own)] }), undefined, 'twice');
        } finally {
          await api.close();
        }
      });
    }

    describe('finds none', () => {
      let api;
      before(async () => {
        api = await APIS['node:http'](make());
      });
      after(() => api?.close());

      for (const [what, headers] of [
        ['in a header sent twice', (value) => ({ [header]: [value, value] })],
        ['in a header sent twice in two spellings', (value) => ({ [header]: value, [header.toUpperCase()]: value })],
        ['beside its look-alike', (value) => ({ [header]: value, [header.replace('-', '_')]: value })],
        [
          'beside its loud look-alike',
          (value) => ({ [header]: value, [header.replaceAll('-', '_').toUpperCase()]: 'x' }),
        ],
        ['in the look-alike alone', (value) => ({ [header.replaceAll('-', '_')]: value })],
        [
          'in a value over 16 KiB',
          (value) => ({ [header]: `${value}${name === 'fromXfcc' ? ';URI=' : ''}${'%20'.repeat(6000)}` }),
        ],
        ['in an empty header', () => ({ [header]: '' })],
        ['in garbage', () => ({ [header]: 'not a certificate' })],
        ['in half of a certificate', (value) => ({ [header]: value.slice(0, value.length / 2) })],
        ['in two certificates after each other', (value) => ({ [header]: `${value}, ${value}` })],
        ['in the header of another proxy', (value) => ({ 'x-ssl-cert': value })],
      ]) {
        test(what, async () => {
          const lines = Object.entries(headers(write(own)));
          const raw = lines.flatMap(([field, values]) => [values].flat().flatMap((value) => [field, value]));
          const { status, body } = await requestRaw(api.url, raw);
          assert.deepEqual([status, body], [200, '']);
        });
      }
    });
  });
}

/** Like `request`, with header names and values alternating, exactly as given. */
function requestRaw(url, headers) {
  return request(url, { headers: ['host', 'api.example.com', ...headers] });
}

describe('fromHeader', () => {
  test('reads a PEM, a chain, and bare base64, URL-encoded or not', async () => {
    const api = await APIS['node:http'](fromHeader('x-client-cert'));
    try {
      for (const value of [
        encodeURIComponent(own.cert + other.cert), // The leaf comes first.
        encodeURIComponent(base64Of(own)),
        base64Of(own),
        own.cert.trim().replace(/\n/g, ' '),
        encodeURIComponent(own.cert.replace(/\n/g, '\r\n')),
      ]) {
        const { body } = await request(api.url, { headers: { 'x-client-cert': value } });
        assert.equal(thumbprintOf(body), own.thumbprint);
      }
    } finally {
      await api.close();
    }
  });

  test('finds none in a header sent twice of which Node keeps the first', async () => {
    const api = await APIS['node:http'](fromHeader('from'));
    try {
      const value = encodeURIComponent(own.cert);
      assert.equal((await requestRaw(api.url, ['from', value])).body, value);
      assert.equal((await requestRaw(api.url, ['from', value, 'from', 'x'])).body, '');
    } finally {
      await api.close();
    }
  });

  for (const name of [undefined, '', 'a b', 'a:b', 'ä', 1, ['x'], 'x\n']) {
    test(`${JSON.stringify(name)} is not a header name`, () => {
      assert.throws(() => fromHeader(name), failure('MonoCloudValidationError', 'argument_invalid'));
    });
  }
});

describe('fromXfcc', () => {
  let api;
  before(async () => {
    api = await APIS['node:http'](fromXfcc());
  });
  after(() => api?.close());

  for (const [what, write] of [
    ['several elements, whoever wrote them', (cert) => `Cert="${cert}",By=spiffe://a;Cert="${cert}"`],
    ['Cert twice', (cert) => `Cert="${cert}";Cert="${cert}"`],
    ['Cert in another value', (cert) => `Subject="CN=a;Cert=${cert}"`],
    ['an open quote', (cert) => `Cert="${cert}`],
    ['no Cert', () => 'Hash=0;Chain=""'],
    ['a Chain only', (cert) => `Chain="${cert}"`],
  ]) {
    test(`finds none in ${what}`, async () => {
      const value = write(encodeURIComponent(own.cert));
      assert.equal((await request(api.url, { headers: { 'x-forwarded-client-cert': value } })).body, '');
    });
  }
});

describe('fromSocket', () => {
  for (const kind of Object.keys(APIS)) {
    test(`gives the certificate of the connection to ${kind}`, { skip: skipFor(kind) }, async () => {
      const tls = { ...(await pki.server()), ca: pki.ca.pem, requestCert: true, rejectUnauthorized: false };
      const api = await APIS[kind](fromSocket(), tls);
      try {
        const ask = async (pair, headers) =>
          thumbprintOf((await request(api.url, { ca: pki.ca.pem, ...pair, headers })).body);
        const selfSigned = await pki.client({ commonName: 'a', selfSigned: true });
        for (const { cert, key, thumbprint } of [own, other, selfSigned]) {
          assert.equal(await ask({ cert, key }), thumbprint);
        }
        assert.equal(await ask({}), undefined);
        assert.equal(
          await ask({}, { 'x-client-cert': encodeURIComponent(own.cert) }),
          undefined,
          'a header is no connection',
        );
      } finally {
        await api.close();
      }
    });
  }

  test('finds none where the connection is not TLS', async () => {
    const api = await APIS['node:http'](fromSocket());
    try {
      assert.equal((await request(api.url)).body, '');
    } finally {
      await api.close();
    }
  });
});
