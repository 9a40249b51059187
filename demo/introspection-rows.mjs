// Which routes accept which opaque, certificate-bound and cached tokens?

import { listen } from '../__test__/support/http.mjs';
import { secureExpress, secureFastify } from './secure-apis.mjs';
import { callAll } from './table.mjs';

const PROTECTED = '/api/protected';
const NEEDS_WRITE = '/api/data';
const NEEDS_ENGINEERING = '/api/team';
const NEEDS_CERTIFICATE = '/api/secure';

/** Calls the documents' APIs, which have no cache, and then the secure ones, which have one. */
export async function callIntrospected(apis, server) {
  const results = [];
  for (const api of apis) {
    results.push(...(await callAll(api, await opaqueRows(server), server)));
  }

  const tls = {
    ...(await server.pki.server()),
    requestCert: true,
    // Binding compares thumbprints (RFC 8705 §3), so the certificate's issuer does not matter.
    rejectUnauthorized: false,
  };
  for (const [name, make] of [
    ['Express TLS', async () => listen(secureExpress(), { tls })],
    ['Fastify TLS', async () => listen(secureFastify(tls))],
  ]) {
    const api = { name, ...(await make()) };
    try {
      const rows = [...(await boundRows(server)), ...(await cachedRows(server))];
      results.push(...(await callAll(api, rows, server)));
    } finally {
      await api.close();
    }
  }
  return results;
}

async function opaqueRows(server) {
  const token = await server.obtainToken({ format: 'opaque' });
  const sales = await server.obtainToken({ client: 'basic', format: 'opaque' });
  const elsewhere = await server.obtainToken({ resource: 'https://opaque.example.com' });
  return [
    { path: PROTECTED, credential: 'opaque', token, expected: 200, asks: 1 },
    { path: NEEDS_ENGINEERING, credential: 'opaque of engineering', token, expected: 200, asks: 1 },
    { path: NEEDS_WRITE, credential: 'opaque with data:read', token, expected: 403, because: /data:write/ },
    {
      path: NEEDS_ENGINEERING,
      credential: 'opaque of sales',
      token: sales,
      expected: 403,
      because: /insufficient_scope/,
    },
    { path: PROTECTED, credential: "another API's opaque", token: elsewhere, expected: 401, because: /audience/i },
    { path: PROTECTED, credential: 'invented', token: 'never-issued', expected: 401, because: /active/i },
    {
      path: PROTECTED,
      credential: 'opaque, revoked',
      token,
      expected: 401,
      because: /active/i,
      prepare: () => server.revoke(token),
    },
  ];
}

async function boundRows(server) {
  const [own, other] = await Promise.all([
    server.pki.client({ commonName: 'caller' }),
    server.pki.client({ commonName: 'thief' }),
  ]);
  const ca = server.pki.ca.pem;
  const [withOwn, withOther] = [own, other].map(({ cert, key }) => ({ ca, cert, key }));
  const jwt = await server.obtainToken({ client: 'bound', certificate: own });
  const opaque = await server.obtainToken({ client: 'bound', certificate: own, format: 'opaque' });
  const revoked = await server.obtainToken({ client: 'bound', certificate: own, format: 'opaque' });
  await server.revoke(revoked);
  const unbound = await server.obtainToken();

  const row = (credential, token, tls, expected) => ({ path: NEEDS_CERTIFICATE, credential, token, tls, expected });
  const refused = (credential, token, tls) => ({
    ...row(credential, token, tls, 401),
    because: /certificate|bound|binding/i,
  });
  return [
    row('bound JWT, its certificate', jwt, withOwn, 200),
    refused('bound JWT, another certificate', jwt, withOther),
    refused('bound JWT, no certificate', jwt, { ca }),
    refused('unbound JWT', unbound, withOwn),
    { ...row('bound opaque, its certificate', opaque, withOwn, 200), asks: 1 },
    { ...row('bound opaque, cached', opaque, withOwn, 200), asks: 0 },
    { ...refused('cached, another certificate', opaque, withOther), asks: 0 },
    { ...refused('cached, no certificate', opaque, { ca }), asks: 0 },
    { ...row('bound opaque, revoked', revoked, withOwn, 401), because: /active/i, asks: 1 },
  ];
}

async function cachedRows(server) {
  const token = await server.obtainToken({ format: 'opaque' });
  const tls = { ca: server.pki.ca.pem };
  return [
    { path: PROTECTED, credential: 'opaque, first time', token, tls, expected: 200, asks: 1 },
    { path: PROTECTED, credential: 'opaque, cached', token, tls, expected: 200, asks: 0 },
    {
      path: NEEDS_WRITE,
      credential: 'cached, with data:read',
      token,
      tls,
      expected: 403,
      because: /data:write/,
      asks: 0,
    },
  ];
}
