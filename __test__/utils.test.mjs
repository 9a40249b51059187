import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import * as utils from '../npm/utils.mjs';

const {
  decrypt,
  decryptAuthState,
  decryptSession,
  encrypt,
  encryptAuthState,
  encryptSession,
  generateNonce,
  generatePKCE,
  generateState,
  isUserInGroup,
  parseCallbackParams,
} = utils;

const require = createRequire(import.meta.url);
const { MonoCloudAuthBaseError, MonoCloudValidationError } = require('../npm/errors.js');

const SECRET = 'a secret of the test';
const NOW = 1_700_000_000;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BASE64URL_32_BYTES = /^[A-Za-z0-9_-]{43}$/;

/** Made outside this package, by Python's hashlib and cryptography: salt 00..0f, IV 10..1b. */
const SEALED_TEXT = 'Grüße, 世界';
const SEALED =
  'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaG8ivAqZPr7QvecUPmOCvZrPmArjlGwro8hFun2jo4Tg';

/** What `assert.throws` and `assert.rejects` are to see of a `MonoCloudValidationError`. */
function refusal(message, reason) {
  return (error) => {
    assert.ok(error instanceof MonoCloudValidationError, error);
    assert.ok(error instanceof MonoCloudAuthBaseError);
    assert.deepEqual([error.name, error.message, error.reason], ['MonoCloudValidationError', message, reason]);
    return true;
  };
}

function setNow(t, epochSeconds) {
  t.mock.method(Date, 'now', () => epochSeconds * 1000);
}

test('require and import give the same functions, and no others', () => {
  assert.deepEqual({ ...utils }, { ...require('../npm/utils.js') });
  assert.deepEqual(Object.keys(utils).sort(), [
    'decrypt', 'decryptAuthState', 'decryptSession', 'encrypt', 'encryptAuthState', 'encryptSession',
    'generateNonce', 'generatePKCE', 'generateState', 'isUserInGroup', 'parseCallbackParams',
  ]);
});

describe('encrypt and decrypt', () => {
  test('a text made by another implementation of the same layout decrypts', async () => {
    assert.equal(await decrypt(SEALED, SECRET), SEALED_TEXT);
  });

  test('an encrypted text decrypts to itself, the empty one too', async () => {
    for (const text of ['', SEALED_TEXT, 'x'.repeat(5000)]) {
      assert.equal(await decrypt(await encrypt(text, SECRET), SECRET), text);
    }
  });

  test('the same text encrypts differently each time, in salt and in IV', async () => {
    const [one, two] = (await Promise.all([encrypt('x', SECRET), encrypt('x', SECRET)]))
      .map((text) => Buffer.from(text, 'base64url'));
    assert.notDeepEqual(one.subarray(0, 16), two.subarray(0, 16));
    assert.notDeepEqual(one.subarray(16, 28), two.subarray(16, 28));
    assert.equal(one.length, 16 + 12 + 1 + 16);
  });

  test('a bit changed in salt, IV, ciphertext or tag decrypts to undefined', async () => {
    for (const index of [0, 15, 16, 27, 28, -17, -16, -1]) {
      const bytes = Buffer.from(SEALED, 'base64url');
      bytes[index < 0 ? bytes.length + index : index] ^= 1;
      assert.equal(await decrypt(bytes.toString('base64url'), SECRET), undefined, `byte ${index}`);
    }
  });

  test('a text cut by a byte, or lengthened by one, decrypts to undefined', async () => {
    const bytes = Buffer.from(SEALED, 'base64url');
    assert.equal(await decrypt(bytes.subarray(0, -1).toString('base64url'), SECRET), undefined);
    assert.equal(await decrypt(Buffer.concat([bytes, Buffer.of(0)]).toString('base64url'), SECRET), undefined);
  });

  test('43 bytes are too short to hold salt, IV and tag; 44 are an empty text', async () => {
    const shortest = await encrypt('', SECRET);
    assert.equal(Buffer.from(shortest, 'base64url').length, 44);
    assert.equal(await decrypt(Buffer.alloc(43).toString('base64url'), SECRET), undefined);
    assert.equal(await decrypt('', SECRET), undefined);
  });

  test('padding, whitespace, the plain base64 alphabet and stray trailing bits decrypt to undefined', async () => {
    const padded = await encrypt('12', SECRET); // 46 bytes: two characters of the last four, four stray bits
    assert.equal(padded.length % 4, 2);
    const stray = BASE64URL[BASE64URL.indexOf(padded.at(-1)) + 1];
    assert.equal(await decrypt(`${padded.slice(0, -1)}${stray}`, SECRET), undefined);
    for (const text of [`${padded}==`, `${SEALED} `, ` ${SEALED}`, `${SEALED}\n`, `${SEALED}+`, `${SEALED}/`]) {
      assert.equal(await decrypt(text, SECRET), undefined, JSON.stringify(text));
    }
  });

  test('another secret, an empty one, and what is no string decrypt to undefined', async () => {
    for (const secret of [`${SECRET} `, SECRET.toUpperCase(), '', undefined, null, 42]) {
      assert.equal(await decrypt(SEALED, secret), undefined);
    }
    for (const data of [undefined, null, 42, {}, Buffer.from(SEALED, 'base64url')]) {
      assert.equal(await decrypt(data, SECRET), undefined);
    }
  });

  test('an empty secret, and data that is no string, are not encrypted', async () => {
    const badSecret = refusal('secret must be a non-empty string', 'argument_invalid');
    await assert.rejects(encrypt('x', ''), badSecret);
    await assert.rejects(encrypt('x', undefined), badSecret);
    await assert.rejects(encrypt({}, SECRET), refusal('data must be a string', 'argument_invalid'));
  });

  test('the event loop turns while a key is derived', async () => {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await encrypt('x', SECRET);
    assert.ok(turned);
  });
});

for (const kind of [
  {
    name: 'a session',
    value: { user: { sub: 'u-1' }, accessTokens: [], mine: { nested: [1, 'zwei', null] } },
    member: 'session',
    seal: encryptSession,
    open: decryptSession,
    openOther: decryptAuthState,
    otherInvalid: refusal('Invalid auth state', 'auth_state_invalid'),
    invalid: refusal('Invalid session data', 'session_invalid'),
    expired: refusal('Session Expired', 'session_expired'),
  },
  {
    name: 'an auth state',
    value: { nonce: 'n', state: 's', scopes: 'openid profile', codeVerifier: 'v', maxAge: 60 },
    member: 'authState',
    seal: encryptAuthState,
    open: decryptAuthState,
    openOther: decryptSession,
    otherInvalid: refusal('Invalid session data', 'session_invalid'),
    invalid: refusal('Invalid auth state', 'auth_state_invalid'),
    expired: refusal('Auth state expired', 'auth_state_expired'),
  },
]) {
  const sealJson = (envelope) => encrypt(JSON.stringify(envelope), SECRET);

  describe(`${kind.name} in an envelope`, () => {
    test(`${kind.name} comes back as it went in`, async () => {
      assert.deepEqual(await kind.open(await kind.seal(kind.value, SECRET), SECRET), kind.value);
    });

    test(`the envelope of ${kind.name} is its member, and with a ttl expiresAt in epoch seconds`, async (t) => {
      setNow(t, NOW + 0.9);
      const [forever, limited] = await Promise.all([kind.seal(kind.value, SECRET), kind.seal(kind.value, SECRET, 60)]);
      assert.deepEqual(JSON.parse(await decrypt(forever, SECRET)), { [kind.member]: kind.value });
      assert.deepEqual(JSON.parse(await decrypt(limited, SECRET)), { [kind.member]: kind.value, expiresAt: NOW + 60 });
    });

    test(`${kind.name} is valid up to the last millisecond before expiresAt`, async (t) => {
      const text = await sealJson({ [kind.member]: kind.value, expiresAt: NOW });
      setNow(t, NOW - 0.001);
      assert.deepEqual(await kind.open(text, SECRET), kind.value);
    });

    test(`${kind.name} whose expiresAt equals now is expired, and stays so`, async (t) => {
      const text = await sealJson({ [kind.member]: kind.value, expiresAt: NOW });
      setNow(t, NOW);
      await assert.rejects(kind.open(text, SECRET), kind.expired);
      setNow(t, NOW + 1);
      await assert.rejects(kind.open(text, SECRET), kind.expired);
    });

    test(`${kind.name} without a ttl never expires`, async (t) => {
      const text = await kind.seal(kind.value, SECRET);
      setNow(t, NOW * 1000);
      assert.deepEqual(await kind.open(text, SECRET), kind.value);
    });

    test(`${kind.name} with a ttl of zero, less, or no number is not sealed`, async () => {
      const badTtl = refusal('ttl must be a positive number of seconds', 'argument_invalid');
      for (const ttl of [0, -1, NaN, Infinity, '60', null]) {
        await assert.rejects(kind.seal(kind.value, SECRET, ttl), badTtl);
      }
    });

    test(`${kind.name} that is not an object is not sealed`, async () => {
      for (const value of [undefined, null, 'x', 1, [], true]) {
        await assert.rejects(kind.seal(value, SECRET), kind.invalid);
      }
    });

    test(`${kind.name} under another secret, altered, or no text at all is invalid`, async () => {
      const text = await kind.seal(kind.value, SECRET);
      await assert.rejects(kind.open(text, `${SECRET}!`), kind.invalid);
      await assert.rejects(kind.open(`${text}AAAA`, SECRET), kind.invalid);
      for (const nothing of ['', undefined, null, {}]) {
        await assert.rejects(kind.open(nothing, SECRET), kind.invalid);
      }
    });

    test(`${kind.name} cannot be opened as the other kind`, async () => {
      await assert.rejects(kind.openOther(await kind.seal(kind.value, SECRET), SECRET), kind.otherInvalid);
    });

    test(`an envelope of another shape is no ${kind.member}`, async () => {
      for (const text of ['', 'x', 'null', '[]', '"x"', '{}', `{"${kind.member}":null}`, `{"${kind.member}":[]}`]) {
        await assert.rejects(kind.open(await encrypt(text, SECRET), SECRET), kind.invalid, text);
      }
      for (const expiresAt of [null, '9999999999', true, {}]) {
        await assert.rejects(kind.open(await sealJson({ [kind.member]: kind.value, expiresAt }), SECRET), kind.invalid);
      }
    });

    test(`${kind.name} with a __proto__ member pollutes nothing`, async () => {
      const text = await encrypt(`{"${kind.member}":{"__proto__":{"polluted":true}}}`, SECRET);
      await kind.open(text, SECRET);
      assert.equal({}.polluted, undefined);
    });
  });
}

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
  const BY_OBJECT = { groups: [{ id: 'g-1', name: 'admin' }, { id: 'g-2', name: 'editor' }] };

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

  test('a claim that is no array holds no group', () => {
    for (const groups of ['admin', { admin: true }, { id: 'admin' }, null, 1, true]) {
      assert.equal(isUserInGroup({ groups }, ['admin']), false);
    }
  });

  test('groupsClaim names the claim that is read; left out or empty it is groups', () => {
    const user = { groups: ['admin'], 'https://example.com/roles': ['owner'] };
    assert.equal(isUserInGroup(user, ['owner'], 'https://example.com/roles'), true);
    assert.equal(isUserInGroup(user, ['admin'], 'https://example.com/roles'), false);
    assert.equal(isUserInGroup(user, ['admin'], ''), true);
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
