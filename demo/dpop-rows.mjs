// Which routes accept which tokens that are bound to a DPoP key (RFC 9449)?

import { listen } from '../__test__/support/http.mjs';
import { boundRequest, proofKey } from '../__test__/support/dpop.mjs';
import { nonceExpress, nonceFastify } from './secure-apis.mjs';
import { callAll } from './table.mjs';

const PROTECTED = '/api/protected';
const NEEDS_WRITE = '/api/data';

/** Calls the documents' APIs, and then APIs that ask for a nonce. */
export async function callDpop(apis, server) {
  const [own, thief] = await Promise.all([proofKey('ES256', 'owner'), proofKey('ES256', 'thief')]);
  const results = [];
  for (const api of apis) {
    results.push(...(await callAll(api, await boundRows(server, own, thief), server)));
  }
  for (const [name, make] of [
    ['Express nonce', nonceExpress],
    ['Fastify nonce', nonceFastify],
  ]) {
    const api = { name, ...(await listen(make())) };
    try {
      results.push(...(await callAll(api, await nonceRows(server, own), server)));
    } finally {
      await api.close();
    }
  }
  return results;
}

async function boundRows(server, own, thief) {
  const [jwt, opaque] = await Promise.all(['jwt', 'opaque'].map((format) => server.obtainToken({ dpop: own, format })));
  const unbound = await server.obtainToken();
  const row = (credential, expected, headers, because) => ({
    path: PROTECTED,
    credential,
    expected,
    headers,
    because,
  });
  let sent;
  return [
    row('bound JWT, its proof', 200, (url) => (sent = boundRequest({ key: own, token: jwt, url }))),
    row('bound JWT, the same proof again', 401, () => sent, /already used/),
    row('bound JWT, no proof', 401, () => ({ authorization: `DPoP ${jwt}` }), /invalid_dpop_proof/),
    row('bound JWT as a bearer token', 401, () => ({ authorization: `Bearer ${jwt}` }), /bound to a DPoP key/),
    row('bound JWT, the proof of a thief', 401, (url) => boundRequest({ key: thief, token: jwt, url }), /another/),
    row(
      'bound JWT, a proof for another URL',
      401,
      (url) => boundRequest({ key: own, token: jwt, url: `${url}/other` }),
      /another URL/,
    ),
    row(
      'bound JWT, a proof of yesterday',
      401,
      (url) => boundRequest({ key: own, token: jwt, url, iat: Math.floor(Date.now() / 1000) - 86_400 }),
      /seconds old/,
    ),
    row('unbound JWT with a proof', 401, (url) => boundRequest({ key: own, token: unbound, url }), /not bound/),
    { ...row('bound opaque, its proof', 200, (url) => boundRequest({ key: own, token: opaque, url })), asks: 1 },
    {
      ...row(
        'bound JWT with data:read, its proof',
        403,
        (url) => boundRequest({ key: own, token: jwt, url }),
        /^DPoP .*data:write/,
      ),
      path: NEEDS_WRITE,
    },
  ];
}

async function nonceRows(server, own) {
  const token = await server.obtainToken({ dpop: own });
  let nonce;
  const row = (credential, expected, because, claims = () => ({})) => ({
    path: PROTECTED,
    credential,
    expected,
    because,
    headers: (url) => boundRequest({ key: own, token, url, ...claims() }),
    seen: ({ headers }) => (nonce = headers['dpop-nonce'] ?? nonce),
  });
  return [
    row('bound JWT, a proof without a nonce', 401, /use_dpop_nonce/),
    row('bound JWT, a proof with the nonce', 200, undefined, () => ({ nonce })),
    row('bound JWT, the nonce and a wrong clock', 200, undefined, () => ({
      nonce,
      iat: Math.floor(Date.now() / 1000) - 3600,
    })),
    row('bound JWT, an invented nonce', 401, /use_dpop_nonce/, () => ({ nonce: 'invented' })),
  ];
}
