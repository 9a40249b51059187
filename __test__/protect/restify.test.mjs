// Does the middleware of `./express` protect a route of Restify, which calls `next` when a returned promise resolves?

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/express';

import { ANSWERS, partsOf } from '../support/frameworks.mjs';
import { close, get, open } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';

/** A server that runs its handlers as `lib/chain.js` of Restify 11 does. */
function restify(...handlers) {
  return http.createServer((request, response) => {
    Object.assign(request, { startHandlerTimer() {}, endHandlerTimer() {} });
    const run = (index) => {
      const handler = handlers[index];
      if (handler === undefined) return;
      const next = () => run(index + 1);
      process.nextTick(() => {
        const result = handler(request, response, next);
        if (result && typeof result.then === 'function') result.then(next, next);
      });
    };
    run(0);
  });
}

describe('in Restify', () => {
  for (const [how, options] of [
    ['at once', undefined],
    ['later', { tokenResolver: async () => undefined }],
  ]) {
    test(`the route runs once for a token that is accepted ${how}, and never for another one`, async () => {
      let runs = 0;
      const route = (request, response) => {
        runs += 1;
        if (!response.headersSent) response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ sub: request.claims?.sub }));
      };
      const server = restify(protectApi(offline(), options)({ scopes: ['a'] }), route);
      await open(server, { port: 0, host: '127.0.0.1' });
      try {
        const ask = async (token) => partsOf(await get(`http://127.0.0.1:${server.address().port}`, { token }));
        assert.deepEqual(await ask(), ANSWERS.unauthorized('Bearer'));
        assert.deepEqual(await ask('a.b.c'), ANSWERS.invalid('Token is malformed'));
        assert.deepEqual(await ask(signed()), ANSWERS.forbidden('Bearer error="insufficient_scope", scope="a"'));
        assert.equal(runs, 0);
        assert.deepEqual((await ask(signed({ scope: 'a' }))).body, { sub: 'user-1' });
        assert.equal(runs, 1);
      } finally {
        await close(server);
      }
    });
  }
});
