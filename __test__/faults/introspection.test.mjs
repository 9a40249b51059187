// How is an opaque token handled if introspection is down, slow, or returns invalid responses?
//
// The real oidc-provider behind the fault proxy. The probes while the circuit breaker is open take virtual time:
// tests/faults/introspection.rs.

import assert from 'node:assert/strict';
import { after, afterEach, before, mock, test } from 'node:test';

import express from 'express';

import { protectApi } from '@monocloud/backend-node/express';

import { unsupported } from '../support/authorization-server.mjs';
import { get, listen } from '../support/http.mjs';
import { FAULTS, delay, drip, hang, status, text } from './bodies.mjs';
import { gc } from './gc.mjs';
import { alone, startProviderBehindProxy } from './issuers.mjs';
import { eventually, rejection, within } from './waiting.mjs';
import { describeWhere } from '../support/suite.mjs';

const PATH = '/token/introspection';
const FAILURES_TO_OPEN = 10;

describeWhere(unsupported, 'introspection', () => {
  let server;
  let credentials;
  let tokens;
  before(async () => {
    server = await startProviderBehindProxy();
    credentials = server.clients.post.options;
    tokens = await Promise.all(Array.from({ length: 40 }, () => server.obtainToken({ format: 'opaque' })));
  });
  afterEach(() => {
    server.proxy.heal();
    server.proxy.counts = {};
  });
  after(() => server.close());

  async function warm(options) {
    const client = alone(server, { ...credentials, ...options });
    assert.equal((await client.validateAccessToken(tokens[0])).active, undefined);
    server.proxy.counts = {};
    return client;
  }

  const health = (client) => {
    const { failures, lastError, suspended } = client.health().introspection;
    return [failures, lastError, suspended];
  };

  for (const [what, [fault, reason]] of Object.entries(FAULTS)) {
    test(`that answers with ${what} is ${reason}, and a 503 of the API, unless it misunderstands`, async () => {
      const client = await warm();
      const app = express();
      app.get('/', protectApi(client)(), (_request, response) => response.end());
      const api = await listen(app);
      try {
        server.proxy.fault(PATH, fault);
        const error = await rejection(within(20_000, client.validateAccessToken(tokens[1])));
        assert.deepEqual([error.name, error.reason], ['MonoCloudHttpError', reason]);
        assert.ok(!`${error.message}${JSON.stringify(error)}`.includes(tokens[1]));
        const answer = await get(api.url, { token: tokens[1] });
        // A status that is neither 5xx nor 429 is not an outage but a configuration error.
        const isMisunderstanding = /404|204|redirect/.test(what);
        assert.equal(answer.status, isMisunderstanding ? 500 : 503);
        assert.equal(answer.headers['retry-after'] === undefined, isMisunderstanding);
      } finally {
        await api.close();
      }
    });
  }

  for (const [what, fault] of Object.entries({ hangs: hang(), drips: drip() })) {
    test(`that ${what} is timed_out at the deadline, and delays no other token`, async () => {
      const client = await warm({ responseTimeout: 1000 });
      server.proxy.fault(PATH, fault, { times: 1 });
      let isOver = false;
      const pending = rejection(within(20_000, client.validateAccessToken(tokens[1]))).finally(() => {
        isOver = true;
      });
      await eventually(() => server.proxy.count(PATH) === 1);
      assert.ok(await client.validateAccessToken(tokens[2]));
      assert.equal(isOver, false);
      assert.equal((await pending).reason, 'timed_out');
    });
  }

  test('that is slow responds although the client was garbage collected', async () => {
    let answer;
    const later = new Promise((resolve) => {
      answer = resolve;
    });
    server.proxy.fault(PATH, delay(later), { times: 1 });
    const pending = within(20_000, alone(server, credentials).validateAccessToken(tokens[1]));
    await eventually(() => server.proxy.count(PATH) === 1);
    for (let turn = 0; turn < 5; turn += 1) {
      gc();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    answer();
    assert.ok(await pending);
  });

  test('that is slow is waited for, once for all who ask about one token', async () => {
    const client = await warm();
    let release;
    server.proxy.fault(
      PATH,
      delay(
        new Promise((resolve) => {
          release = resolve;
        }),
      ),
    );
    const asking = Promise.all(Array.from({ length: 100 }, () => client.validateAccessToken(tokens[3])));
    await eventually(() => server.proxy.count(PATH) > 0);
    release();
    const answers = await asking;
    assert.equal(new Set(answers).size, 100, 'each caller has claims of its own');
    assert.equal(server.proxy.count(PATH), 1);
  });

  test('that failed ten times in a row is suspended, and asked until it succeeds', async () => {
    const client = await warm();
    // For ten seconds after a response, only tokens that were active count.
    await Promise.all(tokens.slice(0, FAILURES_TO_OPEN).map((each) => client.validateAccessToken(each)));
    server.proxy.counts = {};
    server.proxy.fault(PATH, status(500));
    for (let count = 0; count < FAILURES_TO_OPEN; count += 1) {
      assert.equal((await rejection(client.validateAccessToken(tokens[count]))).reason, 'unexpected_status');
    }
    assert.deepEqual(health(client), [FAILURES_TO_OPEN, 'unexpected_status', true]);
    const outcomes = await Promise.all(tokens.map((each) => rejection(client.validateAccessToken(each))));
    assert.ok(outcomes.every(({ name }) => name === 'MonoCloudHttpError'));
    assert.ok(outcomes.filter(({ reason }) => reason === 'introspection_suspended').length >= tokens.length - 1);
    assert.ok(server.proxy.count(PATH) <= FAILURES_TO_OPEN + 1);
    server.proxy.heal();
    // A token that has just failed is not used as a probe.
    assert.ok(await eventually(() => client.validateAccessToken(tokens.at(-1)).catch(() => false)));
    assert.deepEqual(health(client), [0, undefined, false]);
    assert.equal((await Promise.all(tokens.map((each) => client.validateAccessToken(each)))).length, tokens.length);
  });

  test('that refuses the token or the client counts as working', async () => {
    const client = await warm();
    for (let count = 0; count < FAILURES_TO_OPEN + 5; count += 1) {
      assert.equal((await rejection(client.validateAccessToken(`nobody-has-${count}`))).code, 'inactive_token');
    }
    server.proxy.fault(PATH, status(401, { body: '{"error":"invalid_client"}' }));
    for (let count = 0; count < FAILURES_TO_OPEN + 5; count += 1) {
      assert.equal((await rejection(client.validateAccessToken(tokens[count]))).name, 'MonoCloudOPError');
    }
    assert.equal(client.health().introspection.failures, 0);
    server.proxy.heal();
    assert.ok(await client.validateAccessToken(tokens[0]));
  });

  for (const [what, body] of Object.entries({
    'active as a word': '{"active":"true","aud":"https://api.example.com"}',
    'active as 1': '{"active":1,"aud":"https://api.example.com"}',
    'active twice': '{"active":false,"active":true,"aud":"https://api.example.com"}',
    'no active': '{"aud":"https://api.example.com"}',
    'another audience': '{"active":true,"aud":"https://other.example.com"}',
    'another issuer': '{"active":true,"aud":"https://api.example.com","iss":"https://other.example"}',
    'a list': '[{"active":true,"aud":"https://api.example.com"}]',
  })) {
    test(`that answers with ${what} accepts nothing`, async () => {
      const client = await warm();
      server.proxy.fault(PATH, text(body));
      assert.match((await rejection(client.validateAccessToken(tokens[1]))).name, /^MonoCloud(Token|Http)Error$/);
    });
  }

  test('that is down leaves a cached verdict in use to its end, and not longer', async () => {
    const entries = new Map();
    const cache = {
      get: async (token) => entries.get(token),
      set: async (token, claims) => void entries.set(token, claims),
      delete: async (token) => void entries.delete(token),
    };
    const client = await warm({ cache, clockTolerance: 0 });
    const { exp } = await client.validateAccessToken(tokens[4]);
    const inactive = await rejection(client.validateAccessToken('nobody-has-this'));
    assert.equal(inactive.reason, 'inactive');
    await eventually(() => entries.has(tokens[4]) && entries.has('nobody-has-this'));
    const until = entries.get('nobody-has-this').exp;
    server.proxy.fault(PATH, status(503));
    assert.equal((await client.validateAccessToken(tokens[4])).exp, exp);
    for (let count = 0; count < 2; count += 1) {
      assert.equal((await rejection(client.validateAccessToken('nobody-has-this'))).reason, 'inactive');
    }
    mock.timers.enable({ apis: ['Date'], now: (Math.max(exp, until) + 1) * 1000 });
    try {
      assert.equal((await rejection(client.validateAccessToken(tokens[4]))).name, 'MonoCloudHttpError');
      assert.equal((await rejection(client.validateAccessToken('nobody-has-this'))).name, 'MonoCloudHttpError');
    } finally {
      mock.timers.reset();
    }
  });
});
