// What do the helpers of an authorization request return? Sealing is tested in sealed.test.mjs.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import * as utils from '../../npm/utils.mjs';
import { refusal } from '../support/refusal.mjs';

const { generateNonce, generatePKCE, generateState, isUserInGroup, parseCallbackParams } = utils;

const require = createRequire(import.meta.url);

const BASE64URL_32_BYTES = /^[A-Za-z0-9_-]{43}$/;

test('require and import give the same functions, and no others', () => {
  assert.deepEqual({ ...utils }, { ...require('../../npm/utils.js') });
  assert.deepEqual(Object.keys(utils).sort(), [
    'decrypt',
    'decryptAuthState',
    'decryptSession',
    'encrypt',
    'encryptAuthState',
    'encryptSession',
    'generateNonce',
    'generatePKCE',
    'generateState',
    'isUserInGroup',
    'parseCallbackParams',
  ]);
});

describe('generateState, generateNonce and generatePKCE', () => {
  test('a state and a nonce are 32 bytes of base64url, never the same', () => {
    const values = Array.from({ length: 50 }, () => [generateState(), generateNonce()]).flat();
    for (const value of values) assert.match(value, BASE64URL_32_BYTES);
    assert.equal(new Set(values).size, values.length);
  });

  test('a code challenge is the base64url SHA-256 of its verifier', async () => {
    const { codeVerifier, codeChallenge, ...rest } = await generatePKCE();
    assert.deepEqual(rest, {});
    assert.match(codeVerifier, BASE64URL_32_BYTES);
    assert.equal(codeChallenge, createHash('sha256').update(codeVerifier).digest('base64url'));
    assert.notEqual((await generatePKCE()).codeVerifier, codeVerifier);
  });
});

describe('parseCallbackParams', () => {
  const QUERY = 'code=a%2Bb+c&state=s%3D1&session_state=x.y';
  const PARSED = { code: 'a+b c', state: 's=1', sessionState: 'x.y' };

  test('a callback is the same as URL, URLSearchParams and every kind of string', () => {
    for (const callback of [
      new URL(`https://app.example/callback?${QUERY}`),
      new URL(`https://app.example/callback#${QUERY}`),
      new URLSearchParams(QUERY),
      QUERY,
      `?${QUERY}`,
      `#${QUERY}`,
      `/callback?${QUERY}`,
      `/callback#${QUERY}`,
      `https://app.example/callback?${QUERY}`,
      `HTTPS://app.example/callback#${QUERY}`,
      `com.example.app://callback?${QUERY}`,
    ]) {
      assert.deepEqual(parseCallbackParams(callback), PARSED, String(callback));
    }
  });

  test('every parameter of a response has its member', () => {
    assert.deepEqual(
      parseCallbackParams(
        '#access_token=at&code=c&error=e&error_description=d+d&expires_in=3600&id_token=it&refresh_token=rt' +
          '&session_state=ss&state=s',
      ),
      {
        accessToken: 'at',
        code: 'c',
        error: 'e',
        errorDescription: 'd d',
        expiresIn: 3600,
        idToken: 'it',
        refreshToken: 'rt',
        sessionState: 'ss',
        state: 's',
      },
    );
  });

  test('parameters that are no part of a response are ignored, whatever their names', () => {
    assert.deepEqual(parseCallbackParams('iss=x&__proto__=x&constructor=x&codes=1&CODE=2&a=1&a=2'), {});
    assert.deepEqual(parseCallbackParams(''), {});
    assert.deepEqual(parseCallbackParams('/callback'), {});
  });

  test('a parameter without a value counts as not sent', () => {
    assert.deepEqual(parseCallbackParams('code=&state&error=&expires_in='), {});
  });

  test('an expires_in of 0 is kept, one that is no integer is left out', () => {
    assert.deepEqual(parseCallbackParams('expires_in=0'), { expiresIn: 0 });
    for (const value of ['1.5', '1e3', '0x10', 'soon', '%2010']) {
      assert.deepEqual(parseCallbackParams(`expires_in=${value}`), {}, value);
    }
  });

  test('a fragment is read when the query holds no part of a response, and never mixed with one that does', () => {
    assert.deepEqual(parseCallbackParams('https://app.example/cb?tenant=1#code=f'), { code: 'f' });
    assert.deepEqual(parseCallbackParams('https://app.example/cb?state=q#code=f'), { state: 'q' });
    assert.deepEqual(parseCallbackParams(new URL('https://app.example/cb?code=q#state=f')), { code: 'q' });
  });

  test('a parameter that appears twice is refused, and its value not told', () => {
    assert.throws(
      () => parseCallbackParams('state=mine&code=c&state=theirs'),
      refusal('Invalid callback parameters: state appears more than once', 'callback_invalid'),
    );
  });

  test('a callback that is none of the accepted kinds is refused', () => {
    for (const callback of [undefined, null, 1, {}, ['code=x']]) {
      assert.throws(
        () => parseCallbackParams(callback),
        refusal('Invalid callback parameters: expected a URL, URLSearchParams or a string', 'callback_invalid'),
      );
    }
    assert.throws(
      () => parseCallbackParams('https://['),
      refusal('Invalid callback parameters: not a URL', 'callback_invalid'),
    );
  });
});

describe('isUserInGroup', () => {
  const BY_NAME = { groups: ['admin', 'editor'] };
  const BY_OBJECT = {
    groups: [
      { id: 'g-1', name: 'admin' },
      { id: 'g-2', name: 'editor' },
    ],
  };

  test('a user in one of the groups is in; with matchAll every group is needed', () => {
    for (const user of [BY_NAME, BY_OBJECT]) {
      assert.equal(isUserInGroup(user, ['admin', 'owner']), true);
      assert.equal(isUserInGroup(user, ['admin', 'owner'], 'groups', true), false);
      assert.equal(isUserInGroup(user, ['admin', 'editor'], 'groups', true), true);
      assert.equal(isUserInGroup(user, ['owner']), false);
    }
  });

  test('a group given as an object matches by id and by name, in any mixture with matchAll', () => {
    assert.equal(isUserInGroup(BY_OBJECT, ['g-2']), true);
    assert.equal(isUserInGroup(BY_OBJECT, ['g-1', 'editor'], undefined, true), true);
  });

  test('a group of another case is another group', () => {
    assert.equal(isUserInGroup(BY_NAME, ['Admin']), false);
  });

  test('an empty list of groups requires nothing, an absent claim holds none', () => {
    assert.equal(isUserInGroup({}, []), true);
    assert.equal(isUserInGroup({}, [], 'groups', true), true);
    assert.equal(isUserInGroup({}, ['admin']), false);
    assert.equal(isUserInGroup(undefined, ['admin']), false);
  });

  test('a claim that is one string holds one group', () => {
    assert.equal(isUserInGroup({ groups: 'admin' }, ['admin']), true);
    assert.equal(isUserInGroup({ groups: 'admin owner' }, ['admin']), false);
  });

  test('a claim that is neither an array nor a string holds no group', () => {
    for (const groups of [{ admin: true }, { id: 'admin' }, null, 1, true]) {
      assert.equal(isUserInGroup({ groups }, ['admin']), false);
    }
  });

  test('groupsClaim names the claim that is read; left out or empty it is groups', () => {
    const user = { groups: ['admin'], 'https://example.com/roles': ['owner'] };
    assert.equal(isUserInGroup(user, ['owner'], 'https://example.com/roles'), true);
    assert.equal(isUserInGroup(user, ['admin'], 'https://example.com/roles'), false);
    assert.equal(isUserInGroup(user, ['admin'], ''), true);
  });

  test('groupsClaim as an array is a path of own members, and dots are part of a name', () => {
    const user = {
      realm_access: { roles: ['owner'] },
      'realm_access.roles': ['admin'],
      list: [['owner']],
      text: 'owner',
    };
    assert.equal(isUserInGroup(user, ['owner'], ['realm_access', 'roles']), true);
    assert.equal(isUserInGroup(user, ['admin'], ['realm_access', 'roles']), false);
    assert.equal(isUserInGroup(user, ['admin'], 'realm_access.roles'), true);
    assert.equal(isUserInGroup(user, ['owner'], ['text']), true);
    for (const path of [
      ['realm_access', 'other'],
      ['list', '0'],
      ['text', '0'],
      ['realm_access', 'constructor', 'name'],
    ]) {
      assert.equal(isUserInGroup(user, ['owner', 'o', 'Object'], path), false, String(path));
    }
    assert.equal(isUserInGroup({ a: Object.create({ b: ['owner'] }) }, ['owner'], ['a', 'b']), false);
    for (const path of [[], [1], [['a']], 1, {}]) {
      assert.throws(
        () => isUserInGroup(user, ['owner'], path),
        refusal('groupsClaim must be a string or an array of strings', 'argument_invalid'),
      );
    }
  });

  test('an inherited member is no claim', () => {
    assert.equal(isUserInGroup(Object.create(BY_NAME), ['admin']), false);
    assert.equal(isUserInGroup({}, ['Object'], 'constructor'), false);
  });

  test('groups that are not an array of strings are refused', () => {
    for (const groups of [undefined, null, 'admin', { 0: 'admin' }, ['admin', 1]]) {
      assert.throws(
        () => isUserInGroup(BY_NAME, groups),
        refusal('groups must be an array of strings', 'argument_invalid'),
      );
    }
  });
});
