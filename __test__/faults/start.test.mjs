// Does the package start if the issuer is down?
//
// The real oidc-provider behind the fault proxy. The pauses between attempts take minutes and are tested in virtual
// time: tests/faults/start.rs.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import express from 'express';
import Fastify from 'fastify';

import { protectApi as protectExpress } from '@monocloud/backend-node/express';
import { protectApi as protectFastify } from '@monocloud/backend-node/fastify';

import { unsupported } from '../support/authorization-server.mjs';
import { get, listen } from '../support/http.mjs';
import { FAULTS, delay, status } from './bodies.mjs';
import { alone, startProviderBehindProxy } from './issuers.mjs';
import { DISCOVERY, OAUTH_DISCOVERY } from './proxy.mjs';
import { eventually, within } from './waiting.mjs';
import { describeWhere } from '../support/suite.mjs';

/** The most time that an issuer may delay a request. The documented value is 1.5 s; a busy machine needs more. */
const PATIENCE_MS = 4000;

describeWhere(unsupported, 'an issuer that is down when the API starts', () => {
  let server;
  let token;
  before(async () => {
    server = await startProviderBehindProxy();
    token = await server.obtainToken();
  });
  afterEach(async () => {
    server.proxy.heal();
    await server.proxy.down();
    await server.proxy.up();
  });
  after(() => server.close());

  const apps = {
    express: (client) => {
      const app = express();
      app.get('/', protectExpress(client)(), (_request, response) => response.json({ ok: true }));
      return app;
    },
    fastify: (client) => {
      const app = Fastify();
      app.get('/', { onRequest: protectFastify(client)() }, async () => ({ ok: true }));
      return app;
    },
  };

  for (const [name, make] of Object.entries(apps)) {
    test(`is a 503 with Retry-After in ${name}, for as long as it is down and no longer`, async () => {
      await server.proxy.down();
      const api = await listen(make(alone(server)));
      try {
        for (let count = 0; count < 20; count += 1) {
          const answer = await within(PATIENCE_MS, get(api.url, { token }));
          assert.equal(answer.status, 503);
          assert.deepEqual(answer.body, { message: 'service unavailable' });
          assert.ok(Number(answer.headers['retry-after']) > 0);
          assert.equal(answer.headers['www-authenticate'], undefined);
        }
        await server.proxy.up();
        const statuses = new Set();
        await eventually(async () => {
          const { status } = await get(api.url, { token });
          statuses.add(status);
          return status === 200;
        });
        assert.ok(
          [...statuses].every((status) => status === 503 || status === 200),
          `${[...statuses]}`,
        );
      } finally {
        await api.close();
      }
    });
  }

  test('makes the constructor neither ask nor throw', async () => {
    await server.proxy.down();
    alone(server);
    await server.proxy.up();
    const before = server.proxy.count(DISCOVERY);
    const client = alone(server);
    // One turn of the event loop, in which a request would have been sent.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    assert.equal(server.proxy.count(DISCOVERY), before);
    assert.equal((await client.validateAccessToken(token)).aud, 'https://api.example.com');
  });

  test('is asked once by a hundred requests at once, and once more a second later', async () => {
    server.proxy.fault(DISCOVERY, status(503));
    const client = alone(server);
    const before = server.proxy.count(DISCOVERY);
    const ask = () => Promise.allSettled(Array.from({ length: 100 }, () => client.validateAccessToken(token)));
    const outcomes = [...(await ask()), ...(await ask())];
    assert.ok(outcomes.every(({ reason }) => reason?.name === 'MonoCloudHttpError' && reason.status === 503));
    assert.equal(server.proxy.count(DISCOVERY), before + 1);
    await eventually(async () => {
      await ask();
      return server.proxy.count(DISCOVERY) > before + 1;
    });
  });

  for (const path of [DISCOVERY, '/jwks']) {
    for (const [what, [fault, reason]] of Object.entries(FAULTS)) {
      test(`because ${path} answers with ${what} is a MonoCloudHttpError of ${reason}`, async () => {
        server.proxy.fault(path, fault);
        server.proxy.fault(OAUTH_DISCOVERY, fault);
        const outcome = within(20_000, alone(server).validateAccessToken(token));
        await assert.rejects(outcome, (error) => {
          assert.deepEqual([error.name, error.reason], ['MonoCloudHttpError', reason]);
          assert.ok(!error.message.includes(token));
          return true;
        });
        assert.equal(server.proxy.count('/elsewhere'), 0);
      });
    }
  }

  test('because it is slow is only slow', async () => {
    let release;
    server.proxy.fault(
      '*',
      delay(
        new Promise((resolve) => {
          release = resolve;
        }),
      ),
    );
    const client = alone(server);
    const outcomes = Promise.all(Array.from({ length: 50 }, () => client.validateAccessToken(token)));
    setImmediate(release);
    assert.equal((await outcomes).length, 50);
  });
});
