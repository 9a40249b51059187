/** Do the applications of the other frameworks in `examples/` send the right response to each kind of token? */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { importExample, startExample } from '../examples/run.mjs';
import { get, request } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { describeWhere } from '../support/suite.mjs';

const NEEDS_20 = Number(process.versions.node.split('.')[0]) < 20 && 'it needs Node 20';
const EXPIRED = 'Bearer error="invalid_token", error_description="Token has expired"';

let issuer;
/** An issuer that is out of reach. */
let gone;

before(async () => {
  [issuer, gone] = await Promise.all([startIssuer(), startIssuer()]);
  await gone.close();
});
after(() => issuer.close());

const sign = (claims) => issuer.sign({ claims });
const variablesOf = ({ issuer }) => ({ TENANT_DOMAIN: issuer, AUDIENCE });

/** A running example: `ask(path, token)` sends a request, `close` ends it. */
const started = (name, asks) => async (from) => {
  const { url, close } = await startExample(name, { variables: variablesOf(from) });
  return { ask: (...args) => asks(url, ...args), close };
};
/** An example whose function the test calls. */
const imported = (name, file, asks) => async (from) => {
  const { module, close } = await importExample(name, file, { variables: variablesOf(from) });
  return { ask: (...args) => asks(module, ...args), close };
};

const askUrl = (url, path, token) => get(url + path, { token });

/** The `Request` that a framework would pass on. */
function requestTo(path, token, { method = 'GET', body } = {}) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Request(`https://api.example.com${path}`, { method, headers, body });
}

/** A `Response` in the form of the other answers. */
async function answerOf(response) {
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), body: JSON.parse(text) };
}

async function askGraphql(url, field, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const body = JSON.stringify({ query: `{ ${field} }` });
  const answer = await request(`${url}/graphql`, { method: 'POST', headers, body });
  return { ...answer, body: answer.body.data ?? answer.body };
}

async function askTrpc(url, procedure, token) {
  const answer = await get(`${url}/trpc/${procedure}`, { token });
  return { ...answer, body: answer.body.result?.data ?? answer.body };
}

function askNext({ GET, POST }, path, token) {
  if (path === '/read') return GET(requestTo('/api/posts', token), {}).then(answerOf);
  return POST(requestTo('/api/posts', token, { method: 'POST', body: '{ "text": "hello" }' }), {}).then(answerOf);
}

/** SvelteKit names the route by its folder. `spelled` is another spelling of its path. */
function askSvelteKit({ handle }, id, token, { spelled = id ?? '/elsewhere', isRemoteRequest = false } = {}) {
  const message = requestTo(spelled, token);
  const event = { request: message, url: new URL(message.url), route: { id }, locals: {}, isRemoteRequest };
  return handle({ event, resolve: async () => Response.json({ subject: event.locals.claims?.sub }) }).then(answerOf);
}

const requestContext = { http: { method: 'GET', sourceIp: '192.0.2.1' }, identity: { sourceIp: '192.0.2.1' } };
const EVENTS = {
  'an HTTP API (2.0)': (path, headers) => ({
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers,
    requestContext,
    isBase64Encoded: false,
  }),
  'a REST API (1.0)': (path, headers) => ({
    httpMethod: 'GET',
    path,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    requestContext,
    body: null,
    isBase64Encoded: false,
  }),
};

const askLambda =
  (eventOf) =>
  async ({ handler }, path, token) => {
    const headers = { Host: 'api.example.com', ...(token && { Authorization: `Bearer ${token}` }) };
    const { statusCode, headers: sent, body } = await handler(eventOf(path, headers), {});
    return { status: statusCode, headers: sent, body: JSON.parse(body) };
  };

const APPS = {
  hono: { start: started('hono', askUrl), skip: NEEDS_20 },
  koa: { start: started('koa', askUrl) },
  h3: { start: started('h3', askUrl), skip: NEEDS_20 },
  trpc: { start: started('trpc', askTrpc), paths: ['me', 'report'], skip: NEEDS_20 },
  'graphql-yoga': {
    start: started('graphql-yoga', askGraphql),
    paths: ['me', 'report'],
    me: { me: 'user-1' },
    skip: NEEDS_20,
  },
  nextjs: {
    start: imported('nextjs', 'app/api/posts/route.js', askNext),
    paths: ['/read', '/write'],
    me: { subject: 'user-1', posts: [] },
    created: 201,
    scope: 'posts:write',
  },
  sveltekit: { start: imported('sveltekit', 'src/hooks.server.js', askSvelteKit) },
  ...Object.fromEntries(
    Object.entries(EVENTS).map(([kind, eventOf]) => [
      `aws-lambda behind ${kind}`,
      { start: imported('aws-lambda', 'handler.js', askLambda(eventOf)) },
    ]),
  ),
};

/** Runs `use` with the `ask` of a running example, and always ends it. */
async function run({ start }, from, use) {
  const { ask, close } = await start(from);
  try {
    await use(ask);
  } finally {
    await close();
  }
}

for (const [name, app] of Object.entries(APPS)) {
  const { paths = ['/api/me', '/api/report'], me = { subject: 'user-1' }, created = 200, scope = 'report:read' } = app;
  const [read, scoped] = paths;

  describeWhere(app.skip, name, () => {
    it('answers by token and scope, with a challenge', () =>
      run(app, issuer, async (ask) => {
        for (const path of paths) {
          const none = await ask(path);
          assert.deepEqual([none.status, none.headers['www-authenticate']], [401, 'Bearer'], path);
          const expired = await ask(path, sign({ exp: 1 }));
          assert.deepEqual([expired.status, expired.headers['www-authenticate']], [401, EXPIRED], path);
        }
        const good = await ask(read, sign());
        assert.deepEqual([good.status, good.body], [200, me]);
        const poor = await ask(scoped, sign());
        assert.deepEqual(
          [poor.status, poor.headers['www-authenticate']],
          [403, `Bearer error="insufficient_scope", scope="${scope}"`],
        );
        assert.equal((await ask(scoped, sign({ scope }))).status, created);
      }));

    it('answers 503, not 401, while the authorization server is out of reach', () =>
      run(app, gone, async (ask) => {
        for (const path of paths) {
          const answer = await ask(path, gone.sign());
          assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '5'], path);
          assert.equal(answer.headers['www-authenticate'], undefined);
        }
      }));
  });
}

for (const name of ['trpc', 'graphql-yoga']) {
  describeWhere(NEEDS_20, `${name}, if the second guard of a request meets an outage`, () => {
    it('answers 503, not 401', async () => {
      const { scope, ...claims } = issuer.claims({ scope: 'report:read' });
      let count = 0;
      issuer.respond('/introspect', () => {
        count += 1;
        return count === 1
          ? { body: { active: true, scope, ...claims } }
          : { status: 503, headers: { 'retry-after': '7' } };
      });
      const variables = { ...variablesOf(issuer), CLIENT_ID: 'api', CLIENT_SECRET: 'secret' };
      const { url, close } = await startExample(name, { variables });
      try {
        const answer = await (name === 'trpc' ? askTrpc : askGraphql)(url, 'report', 'opaque');
        assert.deepEqual([answer.status, answer.headers['retry-after'], count], [503, '7', 2]);
      } finally {
        issuer.respond('/introspect');
        await close();
      }
    });
  });
}

describe('sveltekit', () => {
  const [public_, app] = ['/health', APPS.sveltekit];

  it('lets a public route through, and no other, however its path is spelled', () =>
    run(app, issuer, async (ask) => {
      assert.equal((await ask(public_)).status, 200);
      assert.equal((await ask('/api/me', undefined, { spelled: '/%61pi/me' })).status, 401);
      assert.equal((await ask('/api/report', sign(), { spelled: '/api/rep%6Frt' })).status, 403);
      assert.equal((await ask('/api/me', undefined, { spelled: public_ })).status, 401);
      assert.equal((await ask(null)).status, 401);
    }));

  it('guards a remote function whose caller names a public route', () =>
    run(app, issuer, async (ask) => {
      assert.equal((await ask(public_, undefined, { isRemoteRequest: true })).status, 401);
      assert.equal((await ask(public_, sign(), { isRemoteRequest: true })).status, 200);
    }));
});
