// Which values may be passed as options? Only a plain object of known members: a misspelt option must never be
// ignored.

import assert from 'node:assert/strict';
import vm from 'node:vm';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';

import { memoryCache, redisCache, redisReplayStore } from '@monocloud/backend-node/cache';
import { protectApi as expressApi } from '@monocloud/backend-node/express';
import { protectApi as fastifyApi } from '@monocloud/backend-node/fastify';

import { close, get, listen } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';

const refused =
  (...words) =>
  (error) => {
    assert.deepEqual([error.name, error.reason], ['MonoCloudValidationError', 'argument_invalid'], inspect(error));
    for (const word of words) assert.ok(error.message.includes(word), error.message);
    return true;
  };

class Options {
  scopes = ['a'];
}

/** Values that are not plain objects. `null` and `undefined` mean no options. */
const NO_OPTIONS = [
  'admin',
  '',
  1,
  0,
  1n,
  true,
  false,
  Symbol('a'),
  ['admin'],
  [],
  () => ({}),
  new Options(),
  new Map(),
  new Date(0),
  Object.create({ scopes: ['a'] }),
  new (class extends Array {})(),
  Object.create(Object.assign(Object.create(null), { scopes: ['a'] })),
];
const redis = { get() {}, set() {}, del() {} };

/** Each function that takes options, with one member that it knows. */
const PLACES = {
  'protect() of Express': [(options) => expressApi(offline())(options), 'scopes'],
  'protect() of Fastify': [(options) => fastifyApi(offline())(options), 'groups'],
  'protectApi() of Express': [(options) => expressApi(offline(), options), 'tokenResolver'],
  'protectApi() of Fastify': [(options) => fastifyApi(offline(), options), 'certificateResolver'],
  'validateAccessToken()': [(options) => offline().validateAccessToken(signed(), options), 'scopes'],
  'validateJwtAccessToken()': [(options) => offline().validateJwtAccessToken(signed(), options), 'jwks'],
  'introspectAccessToken()': [(options) => offline().introspectAccessToken('opaque', options), 'clientCertificate'],
  'memoryCache()': [memoryCache, 'maxEntries'],
  'redisCache()': [(options) => redisCache(redis, options), 'prefix'],
  'redisReplayStore()': [(options) => redisReplayStore(redis, options), 'prefix'],
};

describe('the options of', () => {
  for (const [place, [use, known]] of Object.entries(PLACES)) {
    test(`${place} are a plain object, or nothing`, async () => {
      for (const options of NO_OPTIONS) await assert.rejects(async () => use(options), refused(), inspect(options));
    });

    test(`${place} have no unknown member, whatever its value`, async () => {
      const misspelt = known.replace(/s?$/, 'x');
      for (const name of [misspelt, 'anything', '__proto__', 'constructor', 'toString']) {
        for (const value of [undefined, null, ['admin']]) {
          const options = Object.defineProperty({}, name, { value, enumerable: true });
          await assert.rejects(async () => use(options), refused(JSON.stringify(name)));
        }
      }
      await assert.rejects(async () => use({ [misspelt]: 1 }), refused(`Did you mean "${known}"?`));
      const hidden = Object.defineProperty({}, 'anything', { value: 1, enumerable: false });
      await assert.rejects(async () => use(hidden), refused('"anything"'));
    });

    test(`${place} that cannot be read are refused, and their error is not repeated`, async () => {
      const canary = () => {
        throw new Error('canary');
      };
      const own = Object.defineProperty({}, known, { get: canary, enumerable: true });
      const proxy = new Proxy({}, { ownKeys: canary });
      for (const options of [own, proxy]) {
        await assert.rejects(
          async () => use(options),
          (error) => refused()(error) && !inspect(error).includes('canary'),
        );
      }
    });
  }

  test('a route suggest the intended option', () => {
    const protect = expressApi(offline());
    assert.throws(() => protect({ scope: ['admin'] }), refused('protect()', '"scope"', 'Did you mean "scopes"?'));
    assert.throws(() => protect({ Groups: ['admin'] }), refused('Did you mean "groups"?'));
    assert.throws(
      () => protect({ validateCertificateBindings: true }),
      refused('Did you mean "validateCertificateBinding"?'),
    );
    assert.throws(
      () => protect({ admin: true }),
      refused(
        'It knows scopes, anyScopes, groups, permissions, roles, claims, acr, maxAge, validateCertificateBinding',
      ),
    );
  });

  test('a call may be of another realm, or without a prototype', async () => {
    const bare = Object.assign(Object.create(null), { scopes: ['a'] });
    for (const options of [vm.runInNewContext("({ scopes: ['a'] })"), bare, Object.freeze({ scopes: ['a'] })]) {
      assert.equal((await offline().validateAccessToken(signed({ scope: 'a' }), options)).scope, 'a');
      await assert.rejects(offline().validateAccessToken(signed(), options), { reason: 'scope_missing' });
    }
  });

  test('a call are read once', async () => {
    const values = [['a'], []];
    const options = {
      get scopes() {
        return values.shift();
      },
    };
    await assert.rejects(offline().validateAccessToken(signed(), options), { reason: 'scope_missing' });
    assert.equal(values.length, 1);
  });
});

describe('other arguments', () => {
  test('a jwks whose JSON is nothing is an invalid argument', async () => {
    const jwks = { keys: [], toJSON: () => undefined };
    await assert.rejects(offline().validateJwtAccessToken(signed(), { jwks }), {
      name: 'MonoCloudValidationError',
      reason: 'argument_invalid',
      message: 'jwks must be a JWK Set',
    });
  });

  test('of getMetadata and getJwks are a boolean', async () => {
    const client = offline({ metadataResolver: () => ({ issuer: 'https://issuer.example' }) });
    for (const method of ['getMetadata', 'getJwks']) {
      for (const flag of ['x', 1, {}, []]) await assert.rejects(client[method](flag), refused(method));
      for (const flag of [undefined, null, false, true]) assert.equal(typeof (await client[method](flag)), 'object');
    }
  });

  test('after the options are ignored, as when map() calls a method', async () => {
    assert.equal((await offline().validateAccessToken(signed(), {}, 'more')).sub, 'user-1');
    assert.equal(typeof expressApi(offline(), {}, 'more')({}, 'more'), 'function');
    // map() passes the index as the second argument.
    await assert.rejects(Promise.all([signed()].map(offline().validateAccessToken, offline())), refused());
  });

  test('of protectApi are a client, its options, or both', async () => {
    const environment = { MONOCLOUD_BACKEND_TENANT_DOMAIN: 'https://a.example', MONOCLOUD_BACKEND_AUDIENCE: 'urn:a' };
    Object.assign(process.env, environment);
    try {
      for (const args of [
        [],
        [undefined],
        [null],
        [{}],
        [{ tokenResolver: () => 'x' }],
        [undefined, { tokenResolver: () => 'x' }],
      ]) {
        assert.equal(typeof expressApi(...args), 'function');
      }
      for (const args of [
        ['x'],
        [1],
        [{ client: offline() }],
        [undefined, { resolver: 1 }],
        [{ validateAccessTokens() {} }],
      ]) {
        assert.throws(() => expressApi(...args), refused('protectApi()'));
      }
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
    }
  });
});

describe('protect put on a route without being called', () => {
  const advice = /protect\(\)/;

  for (const version of ['express', 'express-4']) {
    test(`of ${version} is an error of that route, with the advice to call it`, async () => {
      const { default: express } = await import(version);
      const app = express();
      let told;
      app.get('/', expressApi(offline()), (_, response) => response.json('open'));
      // oxlint-disable-next-line no-unused-vars
      app.use((error, request, response, next) => {
        told = error;
        response.status(500).end();
      });
      const server = await listen(app);
      try {
        assert.equal((await get(server.url, { token: signed() })).status, 500);
        assert.ok(refused('without being called', 'protect()')(told));
      } finally {
        await (server.close ? server.close() : close(server));
      }
    });
  }

  for (const version of ['fastify', 'fastify-4']) {
    test(`of ${version} is an error of that route, with the advice to call it`, async (t) => {
      if (version === 'fastify' && Number(process.versions.node.split('.')[0]) < 20)
        return t.skip('Fastify 5 needs Node 20');
      const { default: fastify } = await import(version);
      const app = fastify();
      app.get('/', { onRequest: fastifyApi(offline()) }, async () => 'open');
      const { statusCode, body } = await app.inject({ url: '/', headers: { authorization: `Bearer ${signed()}` } });
      assert.deepEqual([statusCode, body.includes('open')], [500, false]);
      assert.match(body, advice);
      return undefined;
    });
  }
});

describe('a list of scopes or groups', () => {
  const throwing = Object.defineProperty(['a'], 0, {
    get: () => {
      throw new Error('canary');
    },
  });
  const revoked = Proxy.revocable([], {});
  revoked.revoke();
  const WRONG = {
    'with a hole': [,], // oxlint-disable-line no-sparse-arrays
    'with a hole behind an item': Object.assign(['a'], { length: 3 }),
    'of huge length': Object.assign([], { length: 2 ** 32 - 1 }),
    'of 1,001 items': Array.from({ length: 1001 }, (_, i) => `s${i}`),
    'with a getter that throws': throwing,
    'that is a proxy which throws': new Proxy([], {
      get: () => {
        throw new Error('canary');
      },
    }),
    'that is a proxy which was revoked': revoked.proxy,
    'with half of a pair': ['\ud83d'],
    'with a String object': [new String('a')], // oxlint-disable-line no-new-wrappers
    'with nothing': [undefined],
    'that only looks like an array': { length: 1, 0: 'a' },
    'that is a typed array': new Uint8Array(1),
  };
  for (const [what, list] of Object.entries(WRONG)) {
    test(`${what} is argument_invalid, on a route and on a call`, async () => {
      for (const name of ['scopes', 'groups']) {
        assert.throws(() => expressApi(offline())({ [name]: list }), refused(name));
        for (const method of ['validateAccessToken', 'validateJwtAccessToken', 'introspectAccessToken']) {
          await assert.rejects(offline()[method](signed(), { [name]: list }), refused(name));
        }
      }
    });
  }

  test('may be frozen, a subclass’s, of another realm, a proxy, or have getters: its items count, each read once', async () => {
    class Own extends Array {
      every() {
        return true;
      }
      map() {
        return [];
      }
      [Symbol.iterator]() {
        return [].values();
      }
    }
    let reads = 0;
    const getter = Object.defineProperty([], 0, {
      get: () => {
        reads += 1;
        return reads === 1 ? 'a' : 'x';
      },
      enumerable: true,
    });
    const lists = [Object.freeze(['a']), Own.from(['a']), vm.runInNewContext("['a']"), new Proxy(['a'], {}), getter];
    for (const scopes of lists) {
      assert.equal((await offline().validateAccessToken(signed({ scope: 'a' }), { scopes })).scope, 'a');
      reads = 0;
      await assert.rejects(offline().validateAccessToken(signed({ scope: 'x' }), { scopes }), {
        reason: 'scope_missing',
      });
    }
  });

  test('with holes that a polluted prototype would fill stays sparse', async (t) => {
    Object.defineProperty(Array.prototype, 0, { value: 'data:read', configurable: true, writable: true });
    t.after(() => delete Array.prototype[0]);
    const scopes = Object.assign([], { length: 1 });
    await assert.rejects(offline().validateAccessToken(signed({ scope: 'data:read' }), { scopes }), refused('scopes'));
  });
});

describe('policies of calls', () => {
  test('with equal text but different lists are kept apart', async () => {
    const client = offline();
    const token = signed({ scope: 'a b 1:c', groups: ['d'] });
    const asks = [
      [{ scopes: ['a', 'b'] }, true],
      [{ scopes: ['ab'] }, false],
      [{ scopes: ['a b'] }, false],
      [{ scopes: ['a;b'] }, false],
      [{ scopes: ['1:c'] }, true],
      [{ scopes: ['a'], groups: ['d'] }, true],
      [{ scopes: ['a', 'd'] }, false],
      [{ groups: ['a', 'b'] }, false],
      [{ groups: ['ad'] }, false],
      [{ scopes: ['', '1:a'] }, false],
      [{ scopes: [';1:d'] }, false],
      [{ scopes: ['a'], validateCertificateBinding: true }, false],
    ];
    for (let round = 0; round < 3; round += 1) {
      for (const [options, isGood] of asks) {
        const claims = client.validateAccessToken(token, options);
        if (isGood) assert.equal((await claims).scope, 'a b 1:c');
        else await assert.rejects(claims, { name: 'MonoCloudTokenError' });
      }
    }
  });

  test('in any number never loosen a route’s, a call’s under way, or one another', async () => {
    const client = offline();
    const [token, admin] = [signed({ scope: 'data:read' }), signed({ scope: 'admin' })];
    const answers = [];
    const response = {
      setHeader() {},
      end() {},
      set statusCode(status) {
        answers.push(status);
      },
    };
    const route = expressApi(client)({ scopes: ['admin'] });
    const ask = async () => {
      for (const bearer of [token, admin]) {
        const request = { headers: { authorization: `Bearer ${bearer}` }, rawHeaders: [] };
        await route(request, response, () => answers.push('next'));
      }
      return answers.splice(0);
    };
    assert.deepEqual(await ask(), [403, 'next']);
    const waiting = [];
    for (let i = 0; i < 3000; i += 1) {
      waiting.push(
        assert.rejects(client.validateAccessToken(token, { scopes: [`s${i}`] }), { reason: 'scope_missing' }),
      );
    }
    await Promise.all(waiting);
    assert.deepEqual(await ask(), [403, 'next']);
    await assert.rejects(client.validateAccessToken(token, { scopes: ['s0'] }), { reason: 'scope_missing' });
  });
});

test('a route and a call take each mode of binding, and no other value', async () => {
  const words = {
    true: true,
    false: false,
    required: 'required',
    dangerously_ignore: 'dangerously_ignore',
    when_present: 'when_present',
  };
  const bound = signed({ cnf: { 'x5t#S256': 'A'.repeat(43) } });
  const expected = {
    true: ['confirmation_missing', 'certificate_missing'],
    required: ['confirmation_missing', 'certificate_missing'],
    false: ['good', 'good'],
    dangerously_ignore: ['good', 'good'],
    when_present: ['good', 'certificate_missing'],
  };
  // The client's own mode does not matter.
  for (const mode of ['when_present', 'required', 'dangerously_ignore']) {
    const client = offline({ validateCertificateBinding: mode });
    for (const [word, validateCertificateBinding] of Object.entries(words)) {
      const outcomes = [signed(), bound].map((token) =>
        client.validateAccessToken(token, { validateCertificateBinding }).then(
          () => 'good',
          ({ reason }) => reason,
        ),
      );
      assert.deepEqual(await Promise.all(outcomes), expected[word], `${mode}, ${word}`);
      assert.equal(typeof expressApi(client)({ validateCertificateBinding }), 'function');
    }
    for (const wrong of ['', 'Required', 'ignore', 'true', 1, 0, {}, []]) {
      assert.throws(
        () => expressApi(client)({ validateCertificateBinding: wrong }),
        refused('validateCertificateBinding'),
      );
      await assert.rejects(client.validateAccessToken(signed(), { validateCertificateBinding: wrong }), refused());
    }
  }
});
