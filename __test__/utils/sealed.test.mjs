// Can only the holder of the secret read sealed data, and only in time?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  decrypt,
  decryptAuthState,
  decryptSession,
  encrypt,
  encryptAuthState,
  encryptSession,
} from '../../npm/utils.mjs';
import { refusal } from '../support/refusal.mjs';

const SECRET = 'a secret of the test';
const NOW = 1_700_000_000;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Made outside this package, with Python's hashlib and cryptography: salt 00..0f, IV 10..1b. */
const SEALED_TEXT = 'Grüße, 世界';
const SEALED = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaG8ivAqZPr7QvecUPmOCvZrPmArjlGwro8hFun2jo4Tg';

function setNow(t, epochSeconds) {
  t.mock.method(Date, 'now', () => epochSeconds * 1000);
}

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
    const [one, two] = (await Promise.all([encrypt('x', SECRET), encrypt('x', SECRET)])).map((text) =>
      Buffer.from(text, 'base64url'),
    );
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

  test('the event loop continues while a key is derived', async () => {
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
