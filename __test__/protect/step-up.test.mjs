// Which challenge does a route send to a user who must sign in again (RFC 9470 §3)?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';

import { EVERY } from '../support/adapters.mjs';
import { ANSWERS } from '../support/frameworks.mjs';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';

const now = () => Math.floor(Date.now() / 1000);
const BEARER = 'Bearer error="insufficient_user_authentication"';
const LEVEL = 'error_description="A different authentication level is required"';
const RECENT = 'error_description="More recent authentication is required"';

/** RFC 9470 §3, Figures 2 and 3. There, a line break follows each comma. */
const FIGURE_2 = `${BEARER}, error_description="A different authentication level is required", acr_values="myACR"`;
const FIGURE_3 = `${BEARER}, error_description="More recent authentication is required", max_age="5"`;

/** The claims of the token, the options of the route, and the challenge. */
const ROWS = {
  'Figure 2': [{ acr: 'other' }, { acr: ['myACR'] }, FIGURE_2],
  'Figure 3': [() => ({ auth_time: now() - 6 }), { maxAge: 5 }, FIGURE_3],
  'acr and maxAge, of which acr fails': [
    () => ({ auth_time: now() }),
    { acr: ['a', 'b'], maxAge: 300 },
    `${BEARER}, ${LEVEL}, acr_values="a b", max_age="300"`,
  ],
  'acr and maxAge, of which maxAge fails': [
    { acr: 'b', auth_time: 1 },
    { acr: ['a', 'b'], maxAge: 300 },
    `${BEARER}, ${RECENT}, acr_values="a b", max_age="300"`,
  ],
  'no auth_time': [
    {},
    { maxAge: 300 },
    `${BEARER}, error_description="Token has no valid time of authentication", max_age="300"`,
  ],
  'scopes that the token has': [
    { scope: 'read write' },
    { acr: ['a'], scopes: ['read', 'write'] },
    `${BEARER}, ${LEVEL}, acr_values="a"`,
  ],
  'scopes that are missing too': [
    { scope: 'read' },
    { acr: ['a'], maxAge: 300, scopes: ['read', 'write'] },
    `${BEARER}, ${LEVEL}, acr_values="a", max_age="300", scope="read write"`,
  ],
  'scopes that are missing too, with maxAge': [
    { auth_time: 1 },
    { maxAge: 300, scopes: ['read'] },
    `${BEARER}, ${RECENT}, max_age="300", scope="read"`,
  ],
  'groups that are missing too': [{}, { acr: ['a'], groups: ['g'] }, `${BEARER}, ${LEVEL}, acr_values="a"`],
  'values with the characters of a scope': [
    {},
    { acr: ["urn:x:~!#$%&'()*+,-./:;<=>?@[]^_`{|}"] },
    `${BEARER}, ${LEVEL}, acr_values="urn:x:~!#$%&'()*+,-./:;<=>?@[]^_\`{|}"`,
  ],
};

/** A client whose public methods a subclass or a spy replaced, so that the route gets an error and not a failure. */
function spied() {
  class Own extends MonoCloudBackendNodeClient {
    validateAccessToken(token, options) {
      return super.validateAccessToken(token, options);
    }
  }
  return new Own({ tenantDomain: ISSUER, audience: AUDIENCE, jwksResolver: () => JWKS });
}

/** A client whose `validateAccessToken` forgets the options. The route checks the claims itself. */
function forgetful() {
  const client = offline();
  const { validateAccessToken } = client;
  client.validateAccessToken = (token) => validateAccessToken.call(client, token);
  return client;
}

const CLIENTS = { 'a client': offline, 'a spied client': spied, 'a client that forgets the options': forgetful };

for (const framework of EVERY) {
  describeWhere(framework.skip, framework.name, () => {
    const answer = (client, options, claims, request = {}) =>
      framework.answer(framework.protectApi(client)(options), {
        headers: { authorization: `Bearer ${signed(claims)}` },
        ...request,
      });

    for (const [name, create] of Object.entries(CLIENTS)) {
      for (const [row, [claims, options, challenge]] of Object.entries(ROWS)) {
        test(`${name}: ${row}`, async () => {
          const sent = await answer(create(), options, typeof claims === 'function' ? claims() : claims);
          assert.deepEqual(sent, ANSWERS.unauthorized(challenge));
        });
      }

      test(`${name}: a user who signed in as required is let in`, async () => {
        const sent = await answer(create(), { acr: ['a', 'b'], maxAge: 60 }, { acr: 'b', auth_time: now() });
        assert.equal(sent.status, 200);
      });
    }

    test('two routes of one client each send their own values', async () => {
      const client = offline({ cache: memoryCache() });
      for (const acr of ['a', 'b', 'a']) {
        const sent = await answer(client, { acr: [acr] }, {});
        assert.equal(sent.challenge, `${BEARER}, ${LEVEL}, acr_values="${acr}"`);
      }
    });

    test('protect() throws for acr and maxAge that are invalid', () => {
      const protect = framework.protectApi(offline());
      for (const wrong of [
        { acr: [] },
        { acr: 'a' },
        { acr: ['a b'] },
        { acr: ['"'] },
        { maxAge: 0 },
        { maxAge: '5' },
      ]) {
        assert.throws(() => protect(wrong), { name: 'MonoCloudValidationError', reason: 'argument_invalid' });
      }
    });

    test('a client of another kind gets acr and maxAge only if the route has them', async () => {
      const received = [];
      const duck = {
        async validateAccessToken(token, options) {
          received.push(options);
          return { sub: 'a' };
        },
      };
      await answer(duck, { acr: ['a'], maxAge: 5 }, {});
      await answer(duck, {}, {});
      assert.deepEqual([received[0].acr, received[0].maxAge], [['a'], 5]);
      assert.deepEqual([Object.hasOwn(received[1], 'acr'), Object.hasOwn(received[1], 'maxAge')], [false, false]);
    });
  });
}
