// What happens if two copies of the package meet: a monorepo, `jest.resetModules()`, another realm?
//
// An error, a promise or a client of one copy is not an instance of the other copy's classes.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, describe, test } from 'node:test';

import { copyOnDisk, freshCopy, inRealm } from '../support/copies.mjs';
import { ANSWERS, EXPRESS, FASTIFY } from '../support/frameworks.mjs';
import { AUDIENCE, ISSUER, JWKS, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';

const require = createRequire(import.meta.url);
const { forbidden, internal, invalid, unauthorized, unavailable } = ANSWERS;

const disk = copyOnDisk();
after(() => disk.remove());
const COPIES = { 'another folder': disk.load, 'modules that were reset': freshCopy(), 'another realm': inRealm() };

const IDENTITY = { tenantDomain: ISSUER, audience: AUDIENCE };
const down = () => Promise.reject(new Error('down'));
const endpoints = { issuer: ISSUER, introspection_endpoint: `${ISSUER}/introspect` };

/** Each row: the client of one copy, the route, the token, and the response of the other copy. */
const CASES = [
  ['a good token', {}, {}, () => signed(), 200],
  ['a malformed token', {}, {}, () => 'a.b.c', invalid('Token is malformed')],
  ['an expired token', {}, {}, () => signed({ exp: 1 }), invalid('Token has expired')],
  ['missing scopes', {}, { scopes: ['a'] }, () => signed(), forbidden('Bearer error="insufficient_scope", scope="a"')],
  ['missing groups', {}, { groups: ['a'] }, () => signed(), forbidden('Bearer error="insufficient_scope"')],
  [
    'no clientId',
    {},
    {},
    () => 'opaque',
    invalid('clientId is required to introspect a token (option clientId, MONOCLOUD_BACKEND_CLIENT_ID)'),
  ],
  ['keys out of reach', { jwksResolver: down }, {}, () => signed(), unavailable('5')],
  [
    'credentials that the issuer refuses',
    {
      clientId: 'a',
      clientSecret: 'b',
      jwksResolver: undefined,
      fetcher: async (url) =>
        url.endsWith('/introspect')
          ? Response.json({ error: 'invalid_client' }, { status: 401 })
          : Response.json(endpoints),
    },
    {},
    () => 'opaque',
    internal(),
  ],
];

const partsOf = (answer) => (answer.status === 200 ? 200 : answer);

for (const [where, copy] of Object.entries(COPIES)) {
  for (const framework of [...EXPRESS, ...FASTIFY]) {
    describeWhere(framework.skip, `${framework.name}: a client of ${where}`, () => {
      for (const [what, options, route, token, expected] of CASES) {
        test(`is answered for by name: ${what}`, async () => {
          const { MonoCloudBackendNodeClient } = copy('index.js');
          const client = new MonoCloudBackendNodeClient({ ...IDENTITY, jwksResolver: () => JWKS, ...options });
          const answer = await framework.answer(framework.protectApi(client)(route), { token: token() });
          assert.deepEqual(partsOf(answer), expected);
        });
      }
    });
  }

  test(`${where} has classes of its own`, () => {
    for (const name of ['MonoCloudBackendNodeClient', 'MonoCloudTokenError']) {
      assert.notEqual(copy('index.js')[name], require('../../npm/index.js')[name]);
    }
  });

  describe(`protectApi of ${where}`, () => {
    for (const [framework, file] of [
      [EXPRESS[1], 'express.js'],
      [FASTIFY[1], 'fastify.js'],
    ]) {
      for (const [whose, clientFile] of [
        ['its own', undefined],
        ['the first copy', '../../npm/index.js'],
      ]) {
        for (const [what, options, route, token, expected] of CASES) {
          test(`answers with a client of ${whose} on ${framework.name}: ${what}`, async () => {
            const { MonoCloudBackendNodeClient } = clientFile ? require(clientFile) : copy('index.js');
            const client = new MonoCloudBackendNodeClient({ ...IDENTITY, jwksResolver: () => JWKS, ...options });
            const { protectApi } = copy(file);
            assert.deepEqual(partsOf(await framework.answer(protectApi(client)(route), { token: token() })), expected);
            assert.deepEqual(await framework.answer(protectApi(client)(route)), unauthorized('Bearer'));
          });
        }
      }
    }
  });
}

describe('an error is identified by its name', () => {
  const [framework] = EXPRESS;
  const answerTo = (error) =>
    framework.answer(framework.protectApi({ validateAccessToken: () => Promise.reject(error) })({ scopes: ['a'] }), {
      token: 'x',
    });
  const named = (name, members) => Object.assign(new Error('No'), { name, ...members });
  const { MonoCloudTokenError, MonoCloudHttpError } = require('../../npm/index.js');

  function endless() {
    return new Proxy({}, { getPrototypeOf: endless });
  }

  for (const [what, error, expected] of [
    ['own', named('MonoCloudTokenError', { code: 'invalid_token' }), invalid('No')],
    ['own, of an error without a code', named('MonoCloudTokenError'), invalid('No')],
    ['own, of an object that is no Error', { name: 'MonoCloudValidationError', message: 'No' }, invalid('No')],
    [
      'own, with a code',
      named('MonoCloudTokenError', { code: 'insufficient_scope' }),
      forbidden('Bearer error="insufficient_scope", scope="a"'),
    ],
    [
      'own, with a documented message and no code, as the published package has it',
      named('MonoCloudTokenError', { message: 'Token is missing required groups' }),
      forbidden('Bearer error="insufficient_scope"'),
    ],
    ['own, with a status', named('MonoCloudHttpError', { status: 404 }), internal()],
    [
      'own, of an outage',
      named('MonoCloudHttpError', { status: 503, raw: { headers: { 'retry-after': '7' } } }),
      unavailable('7'),
    ],
    [
      'own, and it says that it is an outage, whatever its status',
      named('MonoCloudHttpError', { status: 404, isOutage: true, retryAfter: 3 }),
      unavailable('3'),
    ],
    ['unknown, and it says that it is an outage', named('SomeError', { isOutage: true }), internal()],
    ['own, of an OP error', named('MonoCloudOPError'), internal()],
    ['inherited', new (class extends MonoCloudTokenError {})('No'), invalid('No')],
    [
      'inherited, under a name of its own',
      Object.assign(new (class extends MonoCloudHttpError {})('No'), { name: 'OwnError' }),
      unavailable('5'),
    ],
    [
      'inherited, with a status that its class gives',
      new (class extends Error {
        get name() {
          return 'MonoCloudHttpError';
        }

        get status() {
          return 403;
        }
      })('No'),
      internal(),
    ],
    ['unknown', named('SomeTokenError', { code: 'invalid_token' }), internal()],
    ['no text', named(['MonoCloudTokenError']), internal()],
    [
      'thrown when it is read',
      Object.defineProperty(new Error('No'), 'name', {
        get() {
          throw new Error('canary');
        },
      }),
      internal(),
    ],
    ['that of classes without an end', endless(), internal()],
  ]) {
    test(`which is ${what}`, async () => {
      assert.deepEqual(await answerTo(error), expected);
    });
  }

  test('never by a name on Object.prototype', async (t) => {
    t.after(() => {
      for (const name of ['name', 'code', 'status', 'retryAfter']) delete Object.prototype[name];
    });
    const plain = [{}, new TypeError('x'), Object.create({})];
    Object.assign(Object.prototype, {
      name: 'MonoCloudTokenError',
      code: 'insufficient_scope',
      status: 404,
      retryAfter: 9,
    });
    for (const error of plain) assert.deepEqual(await answerTo(error), internal());
    assert.deepEqual(await answerTo(new MonoCloudHttpError('x')), unavailable('5'));
  });
});

describe('an application that replaced the global Promise', () => {
  /** A thenable that is not a Promise of any realm, such as one of Bluebird. */
  class Own {
    #promise;

    constructor(run) {
      this.#promise = new Native(run);
    }

    static race(list) {
      return new Own((resolve, reject) => Native.race(list).then(resolve, reject));
    }

    then(...handlers) {
      return this.#promise.then(...handlers);
    }
  }
  const Native = Promise;

  for (const framework of [...EXPRESS, ...FASTIFY]) {
    test(`gets the same answers on ${framework.name}`, { skip: framework.skip }, async () => {
      const load = inRealm({ Promise: Own });
      const { MonoCloudBackendNodeClient, protectApi } = load(
        framework.name.startsWith('express') ? 'express.js' : 'fastify.js',
      );
      const client = (options) => new MonoCloudBackendNodeClient({ ...IDENTITY, jwksResolver: () => JWKS, ...options });
      const later = { tokenResolver: async () => undefined };
      const ask = (made, options, token) => framework.answer(protectApi(made, options)({ scopes: ['a'] }), { token });
      assert.deepEqual(await ask(client(), later), unauthorized('Bearer'));
      assert.deepEqual(await ask(client(), later, signed()), forbidden('Bearer error="insufficient_scope", scope="a"'));
      assert.deepEqual(await ask(client({ jwksResolver: down }), undefined, signed()), unavailable('5'));
      assert.equal((await ask(client(), later, signed({ scope: 'a' }))).status, 200);
      assert.equal((await ask(client(), undefined, signed({ scope: 'a' }))).body.claims.scope, 'a');
    });
  }

  test('may override a method by one that gives its own kind of promise', async () => {
    const { MonoCloudBackendNodeClient } = require('../../npm/index.js');
    class Client extends MonoCloudBackendNodeClient {
      validateJwtAccessToken(...args) {
        return new Own((resolve, reject) => super.validateJwtAccessToken(...args).then(resolve, reject));
      }
    }
    const client = new Client({ ...IDENTITY, jwksResolver: () => JWKS });
    assert.equal((await client.validateAccessToken(signed())).sub, 'user-1');
    await assert.rejects(client.validateAccessToken(signed({ exp: 1 })), { reason: 'expired' });
  });
});

describe('./utils', () => {
  const { parseCallbackParams } = require('../../npm/utils.js');

  test('reads a URL and URLSearchParams that are instances of other classes', () => {
    class OtherUrl {
      [Symbol.toStringTag] = 'URL';

      toString() {
        return 'com.example.app:/cb?code=1&state=2';
      }
    }
    class OtherParameters {
      [Symbol.toStringTag] = 'URLSearchParams';

      toString() {
        return 'code=1&state=2';
      }
    }
    for (const callback of [new OtherUrl(), new OtherParameters(), new URL(String(new OtherUrl()))]) {
      assert.deepEqual(parseCallbackParams(callback), { code: '1', state: '2' });
    }
    for (const odd of [{ href: 'https://a.b/?code=1' }, new FormData(), new Map()]) {
      assert.throws(() => parseCallbackParams(odd), { reason: 'callback_invalid' });
    }
  });
});
