// Which response does a protected route send? The same on every framework (RFC 6750 §3).

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudTokenError,
  MonoCloudValidationError,
} from '@monocloud/backend-node';

import { ANSWERS, partsOf } from './frameworks.mjs';
import { get, request } from './http.mjs';
import { AUDIENCE, JWKS, offline, signed } from './offline.mjs';
import { rawGet } from './raw-http.mjs';
import { describeWhere } from './suite.mjs';

const { forbidden, internal, invalid, unauthorized, unavailable } = ANSWERS;

/** A client whose issuer sends this response to every request. */
const answering = (status, headers = {}) =>
  offline({ jwksResolver: undefined, fetcher: () => new Response('{}', { status, headers }) });

/** A client whose issuer has valid metadata except for `members`, and responds to everything else with `status`. */
const publishing = (members, status = 404) =>
  offline({
    jwksResolver: undefined,
    clientId: 'a',
    clientSecret: 'b',
    fetcher: (url) =>
      url.endsWith('/openid-configuration')
        ? Response.json({ issuer: 'https://issuer.example', jwks_uri: 'https://issuer.example/jwks', ...members })
        : new Response('{}', { status }),
  });

/** A client that is called by its public method, and throws. */
const rethrowing = (client) => duck((token) => client.validateAccessToken(token));

/** A client that has only the public method. */
const duck = (validateAccessToken) => ({ validateAccessToken });

const throwing = (error) =>
  duck(async () => {
    throw error;
  });

export function answersOf(framework) {
  const { protectApi } = framework;
  const protect = (client = offline(), options = undefined, route = undefined) => protectApi(client, options)(route);

  describeWhere(framework.skip, `${framework.name}: the answer`, () => {
    test('to a good token is the route’s, with its claims', async () => {
      const { status, body } = await framework.answer(protect(), { token: signed({ sub: 'me' }) });
      assert.deepEqual([status, body.claims.sub], [200, 'me']);
    });

    const now = Math.floor(Date.now() / 1000);
    const opaqueClient = () =>
      offline({
        clientId: 'a',
        clientSecret: 'b',
        fetcher: (url) =>
          url.endsWith('/introspect')
            ? Response.json({ error: 'invalid_client' }, { status: 401 })
            : Response.json({
                issuer: 'https://issuer.example',
                introspection_endpoint: 'https://issuer.example/introspect',
              }),
      });
    for (const [what, client, route, token, expected] of [
      ['an expired token', offline, {}, signed({ exp: now - 1000 }), invalid('Token has expired')],
      ['a malformed token', offline, {}, 'a.b.c', invalid('Token is malformed')],
      ['a forged token', offline, {}, `${signed().slice(0, -4)}AAAA`, invalid('Token signature is invalid')],
      ['a token for others', offline, {}, signed({ aud: 'urn:x' }), invalid('Token was not issued for this audience')],
      [
        'a token that needs introspection, without clientId',
        offline,
        {},
        'opaque',
        invalid('clientId is required to introspect a token (option clientId, MONOCLOUD_BACKEND_CLIENT_ID)'),
      ],
      [
        'a token that is not bound where it must be',
        offline,
        { validateCertificateBinding: true },
        signed(),
        invalid('Token is not bound to a client certificate'),
      ],
      [
        'missing scopes',
        offline,
        { scopes: ['a', 'b:c'] },
        signed({ scope: 'a' }),
        forbidden('Bearer error="insufficient_scope", scope="a b:c"'),
      ],
      [
        'missing groups',
        offline,
        { scopes: ['a'], groups: ['g'] },
        signed({ scope: 'a' }),
        forbidden('Bearer error="insufficient_scope"'),
      ],
      [
        'missing scopes and groups',
        offline,
        { scopes: ['a'], groups: ['g'] },
        signed(),
        forbidden('Bearer error="insufficient_scope", scope="a"'),
      ],
      ['an issuer that fails', () => answering(500), {}, signed(), unavailable('5')],
      ['an issuer that is busy', () => answering(429), {}, signed(), unavailable('5')],
      [
        'an issuer that says when to come back',
        () => answering(503, { 'retry-after': '17' }),
        {},
        signed(),
        unavailable('17'),
      ],
      [
        'a fetcher that fails',
        () => offline({ jwksResolver: () => Promise.reject(new Error('x')) }),
        {},
        signed(),
        unavailable('5'),
      ],
      ['an issuer whose metadata is not there', () => answering(404), {}, signed(), unavailable('5')],
      ['an issuer that keeps its metadata from us', () => answering(403), {}, signed(), unavailable('5')],
      ['an issuer that redirects', () => answering(302), {}, signed(), unavailable('5')],
      ['an issuer whose keys are not there', () => publishing({}, 404), {}, signed(), unavailable('5')],
      [
        'an issuer whose metadata is another’s',
        () => publishing({ issuer: 'https://elsewhere.example' }),
        {},
        signed(),
        unavailable('5'),
      ],
      [
        'an issuer whose metadata names no issuer',
        () => publishing({ issuer: undefined }),
        {},
        signed(),
        unavailable('5'),
      ],
      [
        'an issuer whose metadata names no keys',
        () => publishing({ jwks_uri: undefined }),
        {},
        signed(),
        unavailable('5'),
      ],
      [
        'an opaque token, where the metadata names no introspection',
        () => publishing({}),
        {},
        'opaque',
        unavailable('5'),
      ],
      [
        'a subclass that throws what it was given',
        () => rethrowing(publishing({}, 404)),
        {},
        signed(),
        unavailable('5'),
      ],
      ['an issuer that refuses this API', opaqueClient, {}, 'opaque', internal()],
    ]) {
      test(`to ${what} is ${expected.status}`, async () => {
        assert.deepEqual(await framework.answer(protect(client(), undefined, route), { token }), expected);
      });
    }

    for (const [what, authorization] of Object.entries({
      'no header': undefined,
      'an empty header': '',
      'another scheme': 'Basic YTpi',
      'no token': 'Bearer',
      'a blank token': 'Bearer  ',
      'a scheme that only begins so': `Bearerx ${signed()}`,
      'no scheme': signed(),
      'two tokens': `Bearer ${signed()} ${signed()}`,
      'two tokens and a comma': `Bearer ${signed()}, Bearer ${signed()}`,
      'a token after another scheme': `Basic YTpi, Bearer ${signed()}`,
    })) {
      test(`to ${what} is 401 with a bare challenge`, async () => {
        const headers = authorization === undefined ? {} : { authorization };
        assert.deepEqual(await framework.answer(protect(), { headers }), unauthorized('Bearer'));
      });
    }

    test('to HEAD is that to GET, without the body', async () => {
      for (const options of [undefined, { tokenResolver: async () => undefined }]) {
        const handler = () => assert.fail('somebody was let in');
        const route = { protect: protect(offline(), options), handler, methods: ['GET', 'HEAD'] };
        await framework.with({ '/': route }, async (url) => {
          const [head, whole] = [await request(url, { method: 'HEAD' }), await get(url)];
          // The servers of the Fetch standard may leave the length out (RFC 9110 §8.6).
          const lengthOf = ({ headers }) => (framework.isWeb ? undefined : headers['content-length']);
          const named = (answer) => [
            answer.headers['content-type'],
            lengthOf(answer),
            answer.headers['www-authenticate'],
          ];
          assert.deepEqual([head.status, head.body, ...named(head)], [401, '', ...named(whole)]);
          const { length } = JSON.stringify(whole.body);
          const known = framework.isWeb ? undefined : String(length);
          assert.deepEqual(named(whole), ['application/json; charset=utf-8', known, 'Bearer']);
        });
      }
    });

    test('to two Authorization headers is the same as to none, whatever they contain', async () => {
      const good = `Authorization: Bearer ${signed()}`;
      await framework.with({ '/': { protect: protect() } }, async (url) => {
        assert.equal((await rawGet(url, [good])).status, 200);
        for (const lines of [
          [good, good],
          [good, 'authorization: Bearer a.b.c'],
          ['AUTHORIZATION: Basic YTpi', good],
          [good, 'Authorization:'],
        ]) {
          // An adapter that copies the parsed headers of Node has only the first field.
          if (framework.keepsFirst && lines[0] === good) continue;
          const { status, headers } = await rawGet(url, lines);
          assert.equal(status, 401);
          assert.deepEqual(
            headers.filter(([name]) => name === 'www-authenticate'),
            [['www-authenticate', 'Bearer']],
          );
        }
      });
    });

    test('to Bearer in any case, and with more blanks, is the same', async () => {
      await framework.with({ '/': { protect: protect() } }, async (url) => {
        for (const scheme of ['bearer ', 'BEARER ', 'bEaReR ', 'Bearer   ']) {
          assert.equal((await get(url, { headers: { authorization: scheme + signed() } })).status, 200, scheme);
        }
      });
    });

    test('does not depend on tokens in the query, in a form or in a cookie', async () => {
      const token = signed();
      await framework.with({ '/': { protect: protect() } }, async (url) => {
        assert.equal((await get(`${url}/?access_token=${token}&token=${token}`)).status, 401);
        const headers = { 'content-type': 'application/json', cookie: `access_token=${token}` };
        const posted = await request(url, { method: 'POST', headers, body: JSON.stringify({ access_token: token }) });
        assert.deepEqual(partsOf(posted), unauthorized('Bearer'));
      });
    });

    test('is decided for each route by what that route asks for', async () => {
      const make = protectApi(offline());
      const scopes = ['a'];
      const routes = {
        '/any': { protect: make() },
        '/a': { protect: make({ scopes }) },
        '/b': { protect: make({ scopes: ['b'] }) },
        '/g': { protect: make({ groups: ['g', 'h'] }) },
      };
      scopes[0] = 'changed';
      await framework.with(routes, async (url) => {
        const statuses = async (token) =>
          Promise.all(Object.keys(routes).map(async (path) => (await get(url + path, { token })).status));
        const token = signed({ scope: 'a', groups: [{ id: '1', name: 'h' }] });
        assert.deepEqual(await statuses(token), [200, 200, 403, 200]);
        assert.deepEqual(await statuses(token), [200, 200, 403, 200]);
        assert.deepEqual(await statuses(signed({ scope: 'b' })), [200, 403, 200, 403]);
        assert.deepEqual(
          (await get(`${url}/a`, { token: signed() })).headers['www-authenticate'],
          'Bearer error="insufficient_scope", scope="a"',
        );
      });
    });

    test('to an issuer out of reach is 503, and 200 again once it was reached', async () => {
      let isUp = false;
      const client = offline({ jwksResolver: () => (isUp ? JWKS : Promise.reject(new Error('down'))) });
      await framework.with({ '/': { protect: protect(client) } }, async (url) => {
        assert.deepEqual(partsOf(await get(url, { token: signed() })), unavailable('5'));
        isUp = true;
        await client.getJwks(true);
        assert.equal((await get(url, { token: signed() })).status, 200);
      });
    });
  });

  describeWhere(framework.skip, `${framework.name}: another client`, () => {
    test('is called by its public method, with the route’s options', async () => {
      const calls = [];
      const client = duck(async (...args) => {
        calls.push(args);
        return { sub: 'duck' };
      });
      const route = { scopes: ['a'], groups: ['g'], validateCertificateBinding: true };
      const options = { certificateResolver: async () => 'certificate' };
      const { body } = await framework.answer(protect(client, options, route), { token: 'anything' });
      assert.deepEqual(body.claims, { sub: 'duck' });
      assert.deepEqual(calls, [['anything', { ...route, clientCertificate: 'certificate' }]]);
    });

    const raw = (status, headers = {}) => ({ status, statusText: '', headers, body: '' });
    for (const [what, error, expected] of [
      ['refuses', new MonoCloudTokenError('No', undefined, 'own'), invalid('No')],
      [
        'finds a token inactive',
        new MonoCloudTokenError('Gone', undefined, 'inactive', 'inactive_token'),
        invalid('Gone'),
      ],
      [
        'misses scopes',
        new MonoCloudTokenError('No', undefined, 'own', 'insufficient_scope'),
        forbidden('Bearer error="insufficient_scope", scope="a"'),
      ],
      [
        'misses groups',
        new MonoCloudTokenError('No', undefined, 'own', 'insufficient_groups'),
        forbidden('Bearer error="insufficient_scope"'),
      ],
      ['cannot validate', new MonoCloudValidationError('Not so'), invalid('Not so')],
      ['cannot reach anybody', new MonoCloudHttpError('Down'), unavailable('5')],
      ['meets a 502', new MonoCloudHttpError('Down', raw(502)), unavailable('5')],
      [
        'is told when to come back',
        new MonoCloudHttpError('Down', raw(429, { 'retry-after': '17' })),
        unavailable('17'),
      ],
      ['meets a 403', new MonoCloudHttpError('Odd', raw(403)), internal()],
      ['is refused itself', new MonoCloudOPError('invalid_client', 'no', raw(401)), internal()],
      ['breaks', new TypeError('broken'), internal()],
      ['throws a text', 'text', internal()],
      ['throws nothing', undefined, internal()],
      [
        'says in its error what would break the header',
        new MonoCloudTokenError('a"b\\c\r\nX: y\u0000é', undefined, 'own', 'invalid_token'),
        invalid('a b c  X: y  '),
      ],
    ]) {
      test(`that ${what} is answered with ${expected.status}`, async () => {
        const answer = await framework.answer(protect(throwing(error), undefined, { scopes: ['a'] }), { token: 'x' });
        assert.deepEqual(answer, expected);
      });
    }

    test('that is a subclass or has a spy is called by its own method, also if it was added later', async () => {
      const client = offline();
      await framework.with({ '/': { protect: protect(client) } }, async (url) => {
        const token = signed();
        assert.equal((await get(url, { token })).body.claims.sub, 'user-1');
        client.validateJwtAccessToken = async () => ({ sub: 'spied', aud: AUDIENCE });
        assert.equal((await get(url, { token })).body.claims.sub, 'spied');
        delete client.validateJwtAccessToken;
        client.validateAccessToken = throwing(
          new MonoCloudTokenError('Never', undefined, 'own', 'invalid_token'),
        ).validateAccessToken;
        assert.deepEqual(partsOf(await get(url, { token })), invalid('Never'));
      });
    });

    test('and a scope with special characters never break the header', async () => {
      const scopes = ['ok:1', 'a"b', 'c\\d', 'e f', 'g\r\nSet-Cookie: h=1', 'é', '', '\u0000', 'ok/2'];
      for (const client of [
        offline(),
        throwing(new MonoCloudTokenError('No', undefined, 'own', 'insufficient_scope')),
      ]) {
        await framework.with({ '/': { protect: protect(client, undefined, { scopes }) } }, async (url) => {
          const { status, headers } = await rawGet(url, [`Authorization: Bearer ${signed()}`]);
          assert.equal(status, 403);
          assert.deepEqual(
            headers.filter(([name]) => name === 'set-cookie'),
            [],
          );
          assert.equal(
            Object.fromEntries(headers)['www-authenticate'],
            'Bearer error="insufficient_scope", scope="ok:1 ok/2"',
          );
        });
      }
    });
  });
}
