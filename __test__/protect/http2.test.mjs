// Does every server that speaks HTTP/2 answer as over HTTP/1.1: ./node with both APIs of node:http2, ./koa and ./web?

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { after, before, test } from 'node:test';

import * as koa from '@monocloud/backend-node/koa';
import * as node from '@monocloud/backend-node/node';
import * as web from '@monocloud/backend-node/web';

import { nodeListener } from '../support/adapters.mjs';
import { backend } from '../support/backend.mjs';
import { boundToken, credentials, DEFAULT_ALGS, freshKey, proofOf } from '../support/dpop.mjs';
import { ANSWERS, partsOf } from '../support/frameworks.mjs';
import { close, open } from '../support/http.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { offline, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';

const { forbidden, internal, invalid, unauthorized, unavailable } = ANSWERS;
const isOldNode = Number(process.versions.node.split('.')[0]) < 20;
const failing = () => Promise.reject(new Error('down'));

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

/** A server whose one route answers with the claims. */
const SERVERS = {
  'node, compatibility API': [
    node.protectApi,
    (guard) => http2.createServer(nodeListener({ '/': { protect: guard, handler: ({ claims }) => ({ claims }) } })),
  ],
  'node, stream API': [node.protectApi, (guard) => http2.createServer().on('stream', answerStream(guard))],
  koa: [
    koa.protectApi,
    async (middleware) => {
      const { default: Koa } = await import('koa');
      const app = new Koa().use(middleware).use((ctx) => {
        ctx.body = { claims: ctx.state.claims };
      });
      return http2.createServer(app.callback());
    },
  ],
  'web, under @hono/node-server': [
    web.protectApi,
    async (guard) => {
      const { createAdaptorServer } = await import('@hono/node-server');
      const fetch = web.withAuth(guard, (_request, { claims }) => Response.json({ claims }));
      return createAdaptorServer({ fetch: (request) => fetch(request), createServer: http2.createServer });
    },
    isOldNode && 'it needs Node 20',
  ],
};

function answerStream(guard) {
  return async (stream, headers, _flags, rawHeaders) => {
    const [method, url, { socket }] = [headers[':method'], headers[':path'], stream.session];
    const auth = await guard({ method, url, headers, rawHeaders, socket });
    if ('status' in auth) {
      stream.respond({ ':status': auth.status, ...auth.headers });
      stream.end(auth.body);
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/json', ...auth.headers });
    stream.end(JSON.stringify({ claims: auth.claims }));
  };
}

/** Runs `use` with a function that sends a request with these headers, and returns `{ status, headers, body }`. */
async function serve(server, use) {
  await open(server, { port: 0, host: '127.0.0.1' });
  const session = http2.connect(`http://127.0.0.1:${server.address().port}`);
  try {
    return await use((headers) => send(session, headers));
  } finally {
    session.destroy();
    await close(server);
  }
}

async function send(session, headers) {
  const stream = session.request({ ':path': '/', ':authority': 'api.example:8443', ...headers });
  const received = new Promise((resolve) => {
    stream.once('response', resolve);
  });
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  const answer = await received;
  return { status: answer[':status'], headers: answer, body: text === '' ? '' : JSON.parse(text) };
}

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const challenge = 'Bearer error="insufficient_user_authentication", error_description=';

/** The situation, the headers, the response, and the client, options and route where they matter. */
const ROWS = [
  ['no token', {}, unauthorized('Bearer')],
  ['a token in the query', { ':path': `/?access_token=${signed()}` }, unauthorized('Bearer')],
  ['a rejected token', () => bearer(signed({ exp: 1 })), invalid('Token has expired')],
  ['a resolver that fails', {}, unauthorized('Bearer error="invalid_token"'), { options: { tokenResolver: failing } }],
  [
    'missing scopes',
    () => bearer(signed()),
    forbidden('Bearer error="insufficient_scope", scope="a"'),
    { route: { scopes: ['a'] } },
  ],
  [
    'missing groups',
    () => bearer(signed()),
    forbidden('Bearer error="insufficient_scope"'),
    { route: { groups: ['g'] } },
  ],
  [
    'a user who must sign in again',
    () => bearer(signed({ acr: 'b', auth_time: 1 })),
    unauthorized(`${challenge}"A different authentication level is required", acr_values="a", max_age="60"`),
    { route: { acr: ['a'], maxAge: 60 } },
  ],
  [
    'an issuer out of reach',
    () => bearer(signed()),
    unavailable('5'),
    { client: () => offline({ jwksResolver: failing }) },
  ],
  [
    'a client that breaks',
    () => bearer(signed()),
    internal(),
    { client: () => ({ validateAccessToken: () => Promise.reject(new TypeError('broken')) }) },
  ],
];

for (const [name, [protectApi, create, skip = false]] of Object.entries(SERVERS)) {
  describeWhere(skip, `${name}: the answer over HTTP/2`, () => {
    for (const [what, headers, expected, { client = offline, options, route } = {}] of ROWS) {
      test(`to ${what} is ${expected.status}`, async () => {
        await serve(await create(protectApi(client(), options)(route)), async (ask) => {
          const answer = await ask(typeof headers === 'function' ? headers() : headers);
          assert.deepEqual(partsOf(answer), expected);
          assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
        });
      });
    }

    test('to a good token is the route’s', async () => {
      await serve(await create(protectApi(offline())()), async (ask) => {
        const { status, body } = await ask(bearer(signed({ sub: 'me' })));
        assert.deepEqual([status, body.claims.sub], [200, 'me']);
      });
    });

    test('to a DPoP proof is that for the URL of :authority, once, and a nonce comes with it', async () => {
      const key = await freshKey();
      const token = boundToken(issuer, key);
      const url = 'http://api.example:8443/';
      const guard = protectApi(backend(issuer, { dpop: { nonce: 'required' } }))();
      await serve(await create(guard), async (ask) => {
        const first = await ask(credentials(token, proofOf({ key, token, url })));
        const nonce = first.headers['dpop-nonce'];
        assert.equal(first.status, 401);
        assert.match(first.headers['www-authenticate'], /^DPoP error="use_dpop_nonce"/);
        const proof = proofOf({ key, token, url, nonce });
        assert.equal((await ask(credentials(token, proof))).status, 200);
        const again = await ask(credentials(token, proof));
        assert.match(again.headers['www-authenticate'], /^DPoP error="invalid_dpop_proof"/);
        const other = await ask(credentials(token, proofOf({ key, token, url: 'http://other.example/', nonce })));
        assert.match(other.headers['www-authenticate'], new RegExp(`algs="${DEFAULT_ALGS}"$`));
        assert.equal(other.status, 401);
      });
    });
  });
}
