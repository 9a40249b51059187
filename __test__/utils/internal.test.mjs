import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import * as internal from '../../npm/internal.mjs';

const { findToken, getBoolean, getNumber, getPublicSigKeyFromIssuerJwks, now, parseSpaceSeparated } = internal;

const require = createRequire(import.meta.url);
const { MonoCloudAuthBaseError, MonoCloudTokenError } = require('../../npm/errors/errors.js');

test('require and import give the same functions, and no others', () => {
  assert.deepEqual({ ...internal }, { ...require('../../npm/internal.js') });
  assert.deepEqual(Object.keys(internal).sort(), [
    'findToken',
    'getBoolean',
    'getNumber',
    'getPublicSigKeyFromIssuerJwks',
    'now',
    'parseSpaceSeparated',
  ]);
});

describe('getBoolean', () => {
  test('true and false in any case are booleans', () => {
    for (const value of ['true', 'TRUE', 'True', 'tRuE']) assert.equal(getBoolean(value), true);
    for (const value of ['false', 'FALSE', 'False']) assert.equal(getBoolean(value), false);
  });

  test('anything but true and false is unset', () => {
    for (const value of ['', ' true', 'true ', 'true\n', 'yes', 'no', '1', '0', 'on', 'truee', undefined, null, true]) {
      assert.equal(getBoolean(value), undefined, JSON.stringify(value));
    }
  });
});

describe('getNumber', () => {
  test('base-10 integers are numbers, with or without a sign', () => {
    for (const [value, number] of [
      ['0', 0],
      ['5000', 5000],
      ['007', 7],
      ['-1', -1],
      ['+1', 1],
      ['-0', 0],
    ]) {
      assert.equal(getNumber(value), number);
    }
  });

  test('an empty or non-numeric value is unset', () => {
    for (const value of [
      '',
      ' ',
      '\n',
      ' 1',
      '1 ',
      '1\n',
      '1.0',
      '1,5',
      '.5',
      '1e3',
      '0x10',
      '0b1',
      '1_000',
      '--1',
      '+',
      'NaN',
      'Infinity',
      '٣',
      undefined,
      null,
      5,
    ]) {
      assert.equal(getNumber(value), undefined, JSON.stringify(value));
    }
  });

  test('2^53 - 1 is the last integer either side of zero, the next is unset', () => {
    assert.equal(getNumber('9007199254740991'), Number.MAX_SAFE_INTEGER);
    assert.equal(getNumber('-9007199254740991'), Number.MIN_SAFE_INTEGER);
    assert.equal(getNumber('9007199254740992'), undefined);
    assert.equal(getNumber('-9007199254740992'), undefined);
    assert.equal(getNumber('9'.repeat(400)), undefined);
  });
});

describe('now', () => {
  test('the last millisecond of a second belongs to that second', (t) => {
    const clock = t.mock.method(Date, 'now', () => 1_700_000_000_999);
    assert.equal(now(), 1_700_000_000);
    clock.mock.mockImplementation(() => 1_700_000_001_000);
    assert.equal(now(), 1_700_000_001);
  });
});

describe('parseSpaceSeparated', () => {
  test('items are separated by spaces, in their order, duplicates and all', () => {
    assert.deepEqual(parseSpaceSeparated('read write read'), ['read', 'write', 'read']);
  });

  test('empty items are dropped, also at the ends', () => {
    assert.deepEqual(parseSpaceSeparated('  read   write '), ['read', 'write']);
    assert.deepEqual(parseSpaceSeparated(' '), []);
    assert.deepEqual(parseSpaceSeparated(''), []);
  });

  test('whitespace other than SP is part of an item', () => {
    assert.deepEqual(parseSpaceSeparated('a\tb\nc d'), ['a\tb\nc', 'd']);
  });

  test('what is not a string is undefined', () => {
    for (const value of [undefined, null, 1, ['a']]) assert.equal(parseSpaceSeparated(value), undefined);
  });
});

describe('findToken', () => {
  const token = (accessToken, members) => ({ accessToken, accessTokenExpiration: 0, scopes: '', ...members });
  const plain = token('plain', { scopes: 'openid', requestedScopes: 'openid profile' });
  const orders = token('orders', { resource: 'https://a.example', scopes: 'read', requestedScopes: 'read write' });
  const reader = token('reader', { resource: 'https://a.example', scopes: 'read' });
  const both = token('both', { resource: 'https://a.example https://b.example', scopes: 'read' });
  const tokens = [plain, orders, reader, both];

  test('resources and scopes match as sets, in any order', () => {
    assert.equal(findToken(tokens, 'https://a.example', 'write read'), orders);
    assert.equal(findToken(tokens, 'https://b.example  https://a.example', 'read'), both);
  });

  test('part of the resources or of the scopes is another token', () => {
    assert.equal(findToken(tokens, 'https://b.example', 'read'), undefined);
    assert.equal(findToken(tokens, 'https://a.example', 'write'), undefined);
    assert.equal(findToken(tokens, 'https://a.example', 'read write delete'), undefined);
  });

  test('requested scopes are compared where the token has them, granted ones where not', () => {
    assert.equal(findToken(tokens, undefined, 'profile openid'), plain);
    assert.equal(findToken(tokens, undefined, 'openid'), undefined);
    assert.equal(findToken(tokens, 'https://a.example', 'read'), reader);
  });

  test('no resource finds only a token without one, no scopes the first of that resource', () => {
    assert.equal(findToken(tokens), plain);
    assert.equal(findToken([orders, reader]), undefined);
    assert.equal(findToken(tokens, 'https://a.example'), orders);
    assert.equal(findToken(tokens, 'https://a.example', ''), undefined);
  });

  test('an empty list has no token', () => {
    assert.equal(findToken(undefined, 'https://a.example'), undefined);
    assert.equal(findToken([], undefined, 'openid'), undefined);
  });
});

describe('getPublicSigKeyFromIssuerJwks', () => {
  const publicJwk = (type, options, members) => {
    const { publicKey, privateKey } = generateKeyPairSync(type, options);
    return { jwk: { ...publicKey.export({ format: 'jwk' }), ...members }, privateKey };
  };
  const rsa = publicJwk('rsa', { modulusLength: 2048 }, { kid: 'rsa', use: 'sig', alg: 'RS256', key_ops: ['verify'] });
  const ec = publicJwk('ec', { namedCurve: 'P-256' }, { kid: 'ec', use: 'sig' });
  const ec521 = publicJwk('ec', { namedCurve: 'P-521' }, { kid: 'ec521' });
  const ed = publicJwk('ed25519', {}, { kid: 'ed', alg: 'EdDSA' });
  const keys = [null, { kty: 'RSA', kid: 'broken' }, rsa.jwk, ec.jwk, ec521.jwk, ed.jwk];

  const notFound = (error) => {
    assert.ok(error instanceof MonoCloudTokenError, error);
    assert.ok(error instanceof MonoCloudAuthBaseError);
    assert.deepEqual([error.name, error.code, error.reason], ['MonoCloudTokenError', 'invalid_token', 'key_not_found']);
    return true;
  };

  for (const { alg, key, hash, verify } of [
    { alg: 'RS256', key: rsa, hash: 'sha256', verify: 'RSASSA-PKCS1-v1_5' },
    { alg: 'ES256', key: ec, hash: 'sha256', verify: { name: 'ECDSA', hash: 'SHA-256' } },
    { alg: 'ES512', key: ec521, hash: 'sha512', verify: { name: 'ECDSA', hash: 'SHA-512' } },
    { alg: 'EdDSA', key: ed, hash: null, verify: 'Ed25519' },
    { alg: 'Ed25519', key: { ...ed, jwk: { ...ed.jwk, alg: undefined } }, hash: null, verify: 'Ed25519' },
  ]) {
    test(`the key chosen for ${alg} verifies a signature of its private half, and nothing more`, async () => {
      const data = Buffer.from('signed');
      const signature = sign(hash, data, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
      const set = keys.map((jwk) => (jwk?.kid === key.jwk.kid ? key.jwk : jwk));
      const imported = await getPublicSigKeyFromIssuerJwks(set, { alg, kid: key.jwk.kid });
      assert.deepEqual([imported.type, imported.extractable, imported.usages], ['public', false, ['verify']]);
      assert.equal(await webcrypto.subtle.verify(verify, imported, signature, data), true);
      assert.equal(await webcrypto.subtle.verify(verify, imported, signature, Buffer.from('other')), false);
    });
  }

  test('a whole JWK Set serves as its keys do', async () => {
    const imported = await getPublicSigKeyFromIssuerJwks({ keys }, { alg: 'RS256', kid: 'rsa' });
    assert.equal(imported.algorithm.name, 'RSASSA-PKCS1-v1_5');
  });

  test('a header without kid finds the only key that fits', async () => {
    const imported = await getPublicSigKeyFromIssuerJwks(keys, { alg: 'ES256' });
    assert.equal(imported.algorithm.namedCurve, 'P-256');
  });

  test('a header without kid finds no key where two fit', async () => {
    const another = publicJwk('ec', { namedCurve: 'P-256' }, { kid: 'another' });
    await assert.rejects(getPublicSigKeyFromIssuerJwks([...keys, another.jwk], { alg: 'ES256' }), notFound);
  });

  test('an unknown kid, another algorithm, and a key for encryption find no key', async () => {
    await assert.rejects(getPublicSigKeyFromIssuerJwks(keys, { alg: 'RS256', kid: 'unknown' }), notFound);
    await assert.rejects(getPublicSigKeyFromIssuerJwks(keys, { alg: 'PS256', kid: 'rsa' }), notFound);
    await assert.rejects(getPublicSigKeyFromIssuerJwks(keys, { alg: 'ES256', kid: 'rsa' }), notFound);
    await assert.rejects(
      getPublicSigKeyFromIssuerJwks([{ ...rsa.jwk, use: 'enc' }], { alg: 'RS256', kid: 'rsa' }),
      notFound,
    );
  });

  test('a broken entry is not used and does not affect others', async () => {
    await assert.rejects(getPublicSigKeyFromIssuerJwks(keys, { alg: 'RS256', kid: 'broken' }), notFound);
    assert.ok(await getPublicSigKeyFromIssuerJwks(keys, { alg: 'EdDSA', kid: 'ed' }));
  });

  test('none, HMAC and names that are no algorithm find no key', async () => {
    const oct = { kty: 'oct', k: 'AAAA', kid: 'oct' };
    for (const alg of ['none', 'HS256', 'constructor', '__proto__', '', undefined]) {
      await assert.rejects(getPublicSigKeyFromIssuerJwks([...keys, oct], { alg, kid: 'oct' }), notFound, alg);
    }
  });

  test('a set without keys, and a header that is none, find no key', async () => {
    for (const jwks of [[], { keys: [] }, {}, undefined, null]) {
      await assert.rejects(getPublicSigKeyFromIssuerJwks(jwks, { alg: 'RS256', kid: 'rsa' }), notFound);
    }
    await assert.rejects(getPublicSigKeyFromIssuerJwks(keys, undefined), notFound);
  });

  test('a private key in a set is not used to verify: anybody can sign with it', async () => {
    const jwk = { ...rsa.jwk, d: 'AQAB', kid: 'rsa' };
    await assert.rejects(getPublicSigKeyFromIssuerJwks([jwk], { alg: 'RS256', kid: 'rsa' }), notFound);
  });

  test('a key in another spelling is the same key', async () => {
    const spelt = { ...rsa.jwk, kid: 'rsa', alg: null, n: Buffer.from(rsa.jwk.n, 'base64url').toString('base64') };
    assert.match(spelt.n, /=$/);
    const imported = await getPublicSigKeyFromIssuerJwks([spelt], { alg: 'RS256', kid: 'rsa' });
    assert.deepEqual([imported.type, imported.usages], ['public', ['verify']]);
  });
});
