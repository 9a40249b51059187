// How does an application change the response to a refused request: `realm`, `body`, `onRefused`, `delegate`?

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, test } from 'node:test';

import { MonoCloudTokenError } from '@monocloud/backend-node';

import { EVERY } from '../support/adapters.mjs';
import { ANSWERS, partsOf } from '../support/frameworks.mjs';
import { offline, signed } from '../support/offline.mjs';
import { Routes } from '../support/refusal-routes.mjs';
import { describeWhere } from '../support/suite.mjs';

const USUAL = ANSWERS.unauthorized('Bearer');
const PROBLEM = 'application/problem+json';
const throwing = () => {
  throw new Error('down');
};
const unreachable = () => offline({ jwksResolver: throwing });
const broken = { validateAccessToken: throwing };

const problem = (status, title, code) => ({ type: 'about:blank', title, status, code });

/** What `onRefused` does, and how the response to a request without a token differs from the usual one. */
const HOOKS = {
  'returns nothing': [() => {}, {}],
  throws: [throwing, {}],
  'rejects later': [() => Promise.reject(new Error('down')), {}],
  'returns text': [() => 'let it in', {}],
  'returns true': [() => true, {}],
  'returns an array': [() => [200], {}],
  'returns claims': [() => ({ claims: { sub: 'me' }, sub: 'me' }), {}],
  'returns a status of 200': [() => ({ status: 200, statusCode: 200 }), {}],
  'gives another body and a status of 200': [
    async () => ({ status: 200, body: { error: 'sign in' } }),
    { body: { error: 'sign in' } },
  ],
  'gives headers': [() => ({ headers: { 'x-trace': 'a', 'retry-after': '9' } }), { trace: 'a', retryAfter: '9' }],
  'adds a challenge': [
    () => ({ headers: { 'www-authenticate': 'Basic realm="a"' } }),
    { challenge: 'Bearer, Basic realm="a"' },
  ],
  'gives a challenge that is empty': [() => ({ headers: { 'WWW-Authenticate': '' } }), {}],
  'gives a header with a line break': [() => ({ headers: { 'x-trace': 'a\r\nset-cookie: b' }, body: {} }), {}],
  'gives a header that no text names': [() => ({ headers: { 'x trace': 'a' }, body: {} }), {}],
  'gives a header that is a number': [() => ({ headers: { 'x-trace': 1 }, body: {} }), {}],
  'gives a header that the server sets': [() => ({ headers: { 'Content-Length': '0' }, body: {} }), {}],
  'gives a header that begins another message': [() => ({ headers: { 'transfer-encoding': 'chunked' }, body: {} }), {}],
  'gives headers that are a list': [() => ({ headers: ['x-trace'], body: {} }), {}],
  'gives a body that is no JSON': [() => ({ body: 1n }), {}],
  'gives a body that is a function': [() => ({ body: () => {} }), {}],
  'gives a body that is bytes': [() => ({ body: Buffer.from('a') }), {}],
  'gives members that throw': [
    () => ({
      get body() {
        throw new Error('down');
      },
    }),
    {},
  ],
};
const FAILING = /throws|rejects|a line break|no text names|a number|server sets|another message|a list|a body that is/;

/** How a hook sends a response itself, and what the client receives. */
const TAKE_OVER = {
  express: (_refusal, _request, response) => response.writeHead(418, { 'content-type': 'text/plain' }).end('mine'),
  fastify: (_refusal, _request, reply) => reply.code(418).type('text/plain').send('mine'),
  koa(_refusal, ctx) {
    ctx.respond = false;
    ctx.res.writeHead(418, { 'content-type': 'text/plain' }).end('mine');
  },
};
const isNest = ({ platform }) => platform !== undefined;
const kindOf = ({ name }) => {
  if (name.startsWith('nestjs')) return 'nestjs';
  if (/^(?:express|fastify|koa)/.test(name)) return /^[a-z]+/.exec(name)[0];
  return /by \.\/express/.test(name) ? 'express' : undefined;
};

async function failedHooks(work) {
  const seen = [];
  const listener = (message) => seen.push(message);
  subscribe('monocloud:backend:hook.failed', listener);
  try {
    await work();
  } finally {
    unsubscribe('monocloud:backend:hook.failed', listener);
  }
  return seen.map(({ hook }) => hook);
}

for (const framework of EVERY) {
  describeWhere(framework.skip, framework.name, () => {
    const routes = new Routes(framework);
    let runs = 0;
    const handler = () => {
      runs += 1;
      return {};
    };

    // --- realm ---

    const realm = { options: { realm: 'the "API" \\ 1' }, route: { scopes: ['a'] } };
    routes.row('realm is the first parameter of every challenge', realm, async (ask) => {
      const first = 'Bearer realm="the \\"API\\" \\\\ 1"';
      const challengeTo = async (request) => partsOf(await ask(request)).challenge;
      assert.equal(await challengeTo({}), first);
      assert.equal(
        await challengeTo({ token: signed({ exp: 1 }) }),
        `${first}, error="invalid_token", error_description="Token has expired"`,
      );
      assert.equal(await challengeTo({ token: signed() }), `${first}, error="insufficient_scope", scope="a"`);
    });

    // --- body ---

    const asProblem = (name, setting, request, status, body) =>
      routes.row(name, { ...setting, options: { ...setting.options, body: 'problem' } }, async (ask) => {
        const answer = await ask(typeof request === 'function' ? request() : request);
        assert.deepEqual([answer.status, answer.body], [status, body]);
        assert.match(answer.headers['content-type'], /^application\/problem\+json/);
      });
    asProblem('a problem without a token', {}, {}, 401, problem(401, 'Unauthorized', 'unauthorized'));
    asProblem(
      'a problem with a rejected token',
      {},
      () => ({ token: signed({ exp: 1 }) }),
      401,
      problem(401, 'Unauthorized', 'invalid_token'),
    );
    asProblem(
      'a problem with a scope that is missing',
      { route: { scopes: ['a'] } },
      () => ({ token: signed() }),
      403,
      problem(403, 'Forbidden', 'insufficient_scope'),
    );
    asProblem(
      'a problem of authorize',
      { route: { authorize: () => false } },
      () => ({ token: signed() }),
      403,
      problem(403, 'Forbidden', 'access_denied'),
    );
    asProblem(
      'a problem in an outage',
      { client: unreachable() },
      () => ({ token: signed() }),
      503,
      problem(503, 'Service Unavailable', 'temporarily_unavailable'),
    );
    asProblem(
      'a problem of this API itself',
      { client: broken, options: { exposeReason: true } },
      { token: 'a' },
      500,
      problem(500, 'Internal Server Error', 'server_error'),
    );
    asProblem(
      'a problem with its reason',
      { options: { exposeReason: true } },
      () => ({ token: signed({ exp: 1 }) }),
      401,
      { ...problem(401, 'Unauthorized', 'invalid_token'), reason: 'expired' },
    );
    routes.row("body: 'message' is the default", { options: { body: 'message' } }, async (ask) =>
      assert.deepEqual(partsOf(await ask({})), USUAL),
    );

    // --- onRefused ---

    for (const [what, [onRefused, changes]] of Object.entries(HOOKS)) {
      routes.row(`onRefused that ${what}`, { options: { onRefused }, handler }, async (ask) => {
        const seen = await failedHooks(async () => {
          const answer = await ask({});
          const { trace, ...others } = changes;
          assert.deepEqual(partsOf(answer), { ...USUAL, ...others });
          assert.equal(answer.headers['x-trace'], trace);
        });
        const isFailing = FAILING.test(what) || what === 'gives members that throw';
        assert.deepEqual(seen, isFailing ? ['onRefused'] : []);
        assert.equal(runs, 0);
      });
    }
    routes.row('onRefused that gives text', { options: { onRefused: () => ({ body: 'No' }) } }, async (ask) => {
      const { body, headers, status } = await ask({});
      assert.equal(status, 401);
      // The exception filter of NestJS makes JSON of it.
      if (isNest(framework)) assert.deepEqual(body, { error: 'Unauthorized', message: 'No', statusCode: 401 });
      else assert.deepEqual([body, headers['content-type']], ['No', 'text/plain; charset=utf-8']);
    });
    routes.row(
      'onRefused that gives a body and its type',
      { options: { onRefused: () => ({ body: { a: 1 }, headers: { 'content-type': 'application/hal+json' } }) } },
      async (ask) => {
        const { body, headers } = await ask({});
        assert.deepEqual(body, { a: 1 });
        assert.match(headers['content-type'], /^application\/hal\+json/);
      },
    );
    routes.row(
      'onRefused and a problem',
      { options: { body: 'problem', onRefused: () => ({ headers: { 'x-trace': 'a' } }) } },
      async (ask) => {
        const { body, headers } = await ask({});
        assert.deepEqual([body.code, headers['x-trace']], ['unauthorized', 'a']);
        assert.match(headers['content-type'], new RegExp(`^${PROBLEM.replace('+', '\\+')}`));
      },
    );

    const told = [];
    const onRefused = (refusal, request, response) => void told.push({ refusal, request, response });
    const tokenResolver = (request) => void (told.resolved = request);
    routes.row('onRefused is told', { options: { onRefused, tokenResolver } }, async (ask) => {
      const token = signed({ exp: 1 });
      await ask({});
      const [without] = told.splice(0);
      assert.equal(without.request, told.resolved);
      assert.deepEqual(
        [without.refusal.status, without.refusal.reason, without.refusal.error],
        [401, 'token_required', undefined],
      );
      assert.ok(Object.isFrozen(without.refusal) && Object.isFrozen(without.refusal.headers));
      await ask({ token });
      const [{ refusal, response }] = told.splice(0);
      assert.deepEqual([refusal.status, refusal.reason], [401, 'expired']);
      assert.ok(refusal.error instanceof MonoCloudTokenError);
      assert.deepEqual([refusal.error.code, refusal.error.message], ['invalid_token', 'Token has expired']);
      assert.match(refusal.headers['WWW-Authenticate'], /error="invalid_token"/);
      assert.ok(!JSON.stringify([refusal, refusal.error, String(refusal.error.stack)]).includes(token));
      assert.equal(response !== undefined, ['express', 'fastify'].includes(kindOf(framework)));
    });
    routes.row('onRefused is not told of a request that passes', { options: { onRefused } }, async (ask) => {
      told.length = 0;
      assert.equal((await ask({ token: signed() })).status, 200);
      assert.equal(told.length, 0);
    });
    const another = Object.assign(new Error('No'), {
      name: 'MonoCloudTokenError',
      code: 'invalid_token',
      reason: 'own',
    });
    for (const [what, thrown, reason] of [
      ['an error of another copy of this package', another, 'own'],
      ['an error of the application', new TypeError('may name the token'), 'internal'],
      ['something that is no error', 'text', 'internal'],
    ]) {
      const client = { validateAccessToken: () => Promise.reject(thrown) };
      routes.row(
        `onRefused is told of ${what} as far as it is safe`,
        { client, options: { onRefused } },
        async (ask) => {
          told.length = 0;
          await ask({ token: 'a' });
          const [{ refusal }] = told;
          assert.deepEqual([refusal.reason, refusal.error], [reason, thrown === another ? another : undefined]);
        },
      );
    }
    const second = [];
    routes.row(
      'onRefused is told of authorize and of a resolver that fail',
      {
        options: {
          onRefused: ({ reason, status }) => void second.push([status, reason]),
          tokenResolver: (request) => (JSON.stringify(request.headers).includes('x-fail') ? throwing() : undefined),
        },
        route: { authorize: throwing },
      },
      async (ask) => {
        assert.equal((await ask({ token: signed() })).status, 403);
        assert.deepEqual(second, [[403, 'authorize_failed']]);
      },
    );

    const takeOver = TAKE_OVER[kindOf(framework)];
    if (takeOver !== undefined) {
      for (const [how, hook] of [
        ['at once', takeOver],
        ['later', async (...args) => void (await takeOver(...args))],
        [
          'and throws',
          (...args) => {
            takeOver(...args);
            throw new Error('after all');
          },
        ],
      ]) {
        routes.row(`onRefused that sends a response ${how}`, { options: { onRefused: hook }, handler }, async (ask) => {
          const { status, body } = await ask({});
          assert.deepEqual([status, body, runs], [418, 'mine', 0]);
        });
      }
      routes.row(
        'onRefused that sets a status of 200 and sends nothing',
        {
          options: {
            onRefused(_refusal, request, response) {
              if (response === undefined) Object.assign(request, { status: 200, body: 'in' });
              else response.statusCode = 200;
            },
          },
          handler,
        },
        async (ask) => assert.deepEqual(partsOf(await ask({})), USUAL),
      );
    }

    routes.run('a route', { before, after });

    test('protectApi() throws for other values', () => {
      for (const wrong of [
        { realm: '' },
        { realm: 1 },
        { realm: 'a\r\nb' },
        { realm: 'a\tb' },
        { realm: 'é' },
        { realm: 'a'.repeat(257) },
        { body: 'html' },
        { body: true },
        { exposeReason: true },
        { exposeReason: 'yes', body: 'problem' },
        { onRefused: {} },
        { delegate: 'yes' },
      ]) {
        assert.throws(() => framework.protectApi(offline(), wrong), {
          name: 'MonoCloudValidationError',
          reason: 'argument_invalid',
        });
      }
    });

    test('delegate needs a framework with an error handler', () => {
      const wrong = () => framework.protectApi(offline(), { delegate: true });
      if (kindOf(framework) === undefined) assert.throws(wrong, /a guard returns its refusals/);
      else wrong();
    });
  });
}
