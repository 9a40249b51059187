// What do the client's methods do with a token, and with a value that is not a token?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';

import {
  MonoCloudBackendNodeClient,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
} from '@monocloud/backend-node';

import { backend } from '../support/backend.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { ISSUER, JWKS, offline, signed, signedText } from '../support/offline.mjs';

const NOBODY = () => {
  throw new Error('nobody is asked');
};
const NOT_A_TOKEN = [
  undefined,
  null,
  0,
  1,
  true,
  {},
  [],
  ['a.b.c'],
  new String('a.b.c'),
  () => {},
  Symbol('a.b.c'),
  '',
  ' ',
  '\n\t ',
];

describe('dispatch', () => {
  for (const method of ['validateAccessToken', 'validateJwtAccessToken', 'introspectAccessToken']) {
    test(`${method} requires a string that is not blank, before anything else`, async () => {
      for (const options of [
        { jwksResolver: NOBODY },
        { fetcher: NOBODY },
        { fetcher: NOBODY, introspectJwtTokens: true, clientId: 'a' },
      ]) {
        const client = offline({ jwksResolver: undefined, ...options });
        for (const token of NOT_A_TOKEN) {
          await assert.rejects(client[method](token), (error) => {
            assert.ok(error instanceof MonoCloudValidationError, inspect(error));
            assert.equal(error.reason, 'token_required');
            return true;
          });
        }
      }
    });
  }

  for (const token of ['opaque', 'a.b', 'a.b.c.d', 'a.b.c.d.e', '.', '...', 'a b', 'x'.repeat(16_384)]) {
    test(`${token.slice(0, 10)} is introspected, which requires a clientId`, async () => {
      const client = offline({ fetcher: NOBODY, jwksResolver: undefined });
      const wanted = {
        name: 'MonoCloudValidationError',
        reason: 'client_id_required',
        message: /^clientId is required/,
      };
      await assert.rejects(client.validateAccessToken(token), wanted);
      await assert.rejects(client.introspectAccessToken(token), wanted);
    });
  }

  for (const token of ['a.b.c', '..', 'a..c', ' . . ', `${'x'.repeat(20_000)}.b.c`]) {
    test(`${JSON.stringify(token.slice(0, 10))} has three parts, so it is refused as a JWT without fetching keys`, async () => {
      const client = offline({ fetcher: NOBODY, jwksResolver: undefined, clientId: 'a', clientSecret: 'b' });
      const reason = token.length > 100 ? 'token_too_large' : 'token_malformed';
      await assert.rejects(client.validateAccessToken(token), {
        name: 'MonoCloudTokenError',
        code: 'invalid_token',
        reason,
      });
      await assert.rejects(client.validateJwtAccessToken(token), { name: 'MonoCloudTokenError', reason });
    });
  }

  test('with introspectJwtTokens a valid JWT is introspected, too', async () => {
    const client = offline({ introspectJwtTokens: true });
    await assert.rejects(client.validateAccessToken(signed()), { reason: 'client_id_required' });
    assert.equal((await client.validateJwtAccessToken(signed())).sub, 'user-1');
  });

  test('validateJwtAccessToken refuses a token that is not a JWT', async () => {
    for (const token of ['opaque', 'a.b', 'a.b.c.d']) {
      await assert.rejects(offline().validateJwtAccessToken(token), {
        name: 'MonoCloudTokenError',
        reason: 'token_malformed',
      });
    }
  });
});

describe('the options of a call', () => {
  for (const options of [
    { scopes: 'a' },
    { scopes: [1] },
    { scopes: [null] },
    { scopes: {} },
    { groups: 'a' },
    { groups: [undefined] },
    { groups: new Set(['a']) },
    { validateCertificateBinding: 'true' },
    { validateCertificateBinding: 1 },
    { clientCertificate: 1 },
    { clientCertificate: Buffer.from('x') },
  ]) {
    test(`${inspect(options)} are refused, never ignored`, async () => {
      for (const method of ['validateAccessToken', 'validateJwtAccessToken', 'introspectAccessToken']) {
        await assert.rejects(offline()[method](signed(), options), {
          name: 'MonoCloudValidationError',
          reason: 'argument_invalid',
        });
      }
    });
  }

  test('null and undefined require nothing', async () => {
    const nothing = { scopes: null, groups: undefined, validateCertificateBinding: null, clientCertificate: null };
    for (const options of [undefined, null, {}, nothing]) {
      assert.equal((await offline().validateAccessToken(signed(), options)).sub, 'user-1');
      assert.equal((await offline().validateJwtAccessToken(signed(), options)).sub, 'user-1');
    }
    assert.equal((await offline().validateJwtAccessToken(signed(), { jwks: null })).sub, 'user-1');
  });

  test('jwks replaces the keys of the issuer', async () => {
    const client = offline({ jwksResolver: NOBODY });
    assert.equal((await client.validateJwtAccessToken(signed(), { jwks: JWKS })).sub, 'user-1');
    const others = { keys: JWKS.keys.filter(({ kid }) => kid !== 'ed') };
    await assert.rejects(client.validateJwtAccessToken(signed(), { jwks: others }), { reason: 'key_not_found' });
    const jwks = { keys: [] };
    await assert.rejects(offline().validateJwtAccessToken(signed(), { jwks }), { reason: 'key_not_found' });
  });

  test('jwks that is not a JWK Set is refused', async () => {
    const cyclic = { keys: [] };
    cyclic.keys.push(cyclic);
    for (const jwks of ['text', 1, true, {}, [], { keys: {} }, { keys: null }, cyclic, { keys: [{ kid: 1n }] }]) {
      await assert.rejects(offline().validateJwtAccessToken(signed(), { jwks }), { name: 'MonoCloudValidationError' });
    }
  });
});

describe('decodeJwt', () => {
  test('returns claims without verifying the token', () => {
    const [header, payload] = signed({ exp: 1, text: 'é😀' }).split('.');
    for (const Client of [
      MonoCloudOidcBackendClient,
      MonoCloudBackendNodeClient,
      class extends MonoCloudBackendNodeClient {},
    ]) {
      const claims = Client.decodeJwt(`${header}.${payload}.AAAA`);
      assert.deepEqual([claims.exp, claims.text, claims.iss], [1, 'é😀', ISSUER]);
    }
  });

  test('keeps a member named __proto__ as a member', () => {
    const claims = MonoCloudBackendNodeClient.decodeJwt(signedText('{"__proto__":{"polluted":true}}'));
    assert.deepEqual(Object.keys(claims), ['__proto__']);
    assert.equal(Object.getPrototypeOf(claims), Object.prototype);
    assert.equal(claims.polluted, undefined);
  });

  test('throws a token error if the text is not a JWT', () => {
    const texts = ['[]', '"x"', 'null', '{', '{"a":1,"a":2}', '{}{}'];
    for (const jwt of [...NOT_A_TOKEN, 'a', 'a.b', 'a.b.c', 'a.b.c.d', ...texts.map(signedText)]) {
      assert.throws(
        () => MonoCloudBackendNodeClient.decodeJwt(jwt),
        (error) =>
          error instanceof MonoCloudTokenError && error.code === 'invalid_token' && error.reason === 'token_malformed',
      );
    }
  });
});

describe('the clock', () => {
  test('setClockTolerance and setClockSkew move the edge for the next call, of remembered tokens, too', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 });
    const client = offline({ clockTolerance: 0 });
    const token = signed({ exp: 1_700_000_060 });
    const verdicts = [];
    const ask = async () =>
      verdicts.push(
        await client.validateAccessToken(token).then(
          () => 'ok',
          ({ reason }) => reason,
        ),
      );
    await ask();
    client.setClockSkew(60);
    await ask();
    client.setClockSkew(59);
    await ask();
    client.setClockTolerance(0.5);
    client.setClockSkew(60.5);
    await ask();
    client.setClockSkew(60.4);
    await ask();
    assert.deepEqual(verdicts, ['ok', 'expired', 'ok', 'expired', 'ok']);
  });

  test('a setting that is not a number of seconds at or above 0 throws, and changes nothing', async () => {
    const client = offline();
    for (const setter of ['setClockSkew', 'setClockTolerance']) {
      for (const seconds of [-1, -0.001, NaN, Infinity, '5', null, undefined, 5n, {}]) {
        assert.throws(() => client[setter](seconds), { name: 'MonoCloudValidationError', reason: 'argument_invalid' });
      }
      assert.equal(client[setter](0), undefined);
    }
    assert.ok(await client.validateAccessToken(signed()));
  });

  test("the time is Date.now's: mocked timers move expiry, and block nothing", async (t) => {
    const issuer = await startIssuer();
    t.after(() => issuer.close());
    t.mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval', 'setImmediate'], now: Date.now() });
    const client = backend(issuer, { clockTolerance: 10 });
    const token = issuer.sign({ claims: { nbf: Math.floor(Date.now() / 1000) + 20 } });
    await assert.rejects(client.validateAccessToken(token), { reason: 'not_yet_valid' });
    t.mock.timers.tick(11_000);
    assert.equal((await client.validateAccessToken(token)).sub, 'user-1');
    t.mock.timers.tick(3_590_000);
    assert.equal((await client.validateAccessToken(token)).sub, 'user-1');
    t.mock.timers.tick(10_000);
    await assert.rejects(client.validateAccessToken(token), { reason: 'expired' });
    t.mock.timers.setTime(Date.now() - 60_000);
    assert.equal((await client.validateAccessToken(token)).sub, 'user-1');
    assert.deepEqual(issuer.counts, { '/.well-known/openid-configuration': 1, '/jwks': 1 });
  });
});

describe('what a client shows', () => {
  test('util.inspect, JSON and enumeration show no secret and no token', async () => {
    const secrets = { clientId: 'id-canary', clientSecret: 'secret-canary' };
    const client = offline({ ...secrets, clientAuthMethod: 'client_secret_basic' });
    const token = signed({ sub: 'sub-canary' });
    await client.validateAccessToken(token);
    await client.validateAccessToken(token);
    const shown =
      inspect(client, { depth: 20, showHidden: true, getters: true }) +
      JSON.stringify(client) +
      JSON.stringify({ ...client });
    for (const secret of ['canary', token, token.split('.')[2]]) assert.equal(shown.includes(secret), false, secret);
  });

  test('a refusal shows nothing of the token, its claims or the certificate', async () => {
    const now = Math.floor(Date.now() / 1000);
    const bound = { cnf: { 'x5t#S256': 'A'.repeat(43) } };
    for (const [claims, options] of [
      [{ exp: now - 4000 }],
      [{ iss: 'https://canary.example' }],
      [{ aud: 'urn:canary' }],
      [{ sub: ['canary'] }],
      [{ scope: 'canary' }, { scopes: ['canary-route'] }],
      [{ groups: ['canary'] }, { groups: ['canary-route'] }],
      [bound],
      [bound, { clientCertificate: 'canary' }],
    ]) {
      const token = signed({ jti: 'canary', ...claims });
      await assert.rejects(offline().validateAccessToken(token, options), (error) => {
        assert.ok(error instanceof MonoCloudTokenError);
        const shown = inspect(error, { depth: 20, showHidden: true }) + error.message + JSON.stringify(error);
        for (const part of ['canary', ...token.split('.')]) assert.equal(shown.includes(part), false, shown);
        return true;
      });
    }
  });
});
