// Can a token choose how it is verified?
//
// The header's `alg` and the type of the key decide together (RFC 8725 §3.1, §3.2). Unsigned tokens, tokens signed
// with public knowledge, and keys used for another purpose are rejected.

import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { jwkOf } from '../support/keys.mjs';
import { createPki } from '../support/pki.mjs';
import { base64url, forge, signature, startTarget } from './refused.mjs';

let target;
before(async () => {
  target = await startTarget();
});
after(() => target.close());

const rsa = () => target.issuer.keys.rsa;
const header = (changes) => ({ alg: 'RS256', kid: rsa().kid, typ: 'at+jwt', ...changes });

describe('alg none (RFC 8725 §3.1, CVE-2015-9235, CVE-2022-23540)', () => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE', 'noNe', ' none', 'none ', 'none\u0000', 'ｎone', '']) {
    test(`alg ${JSON.stringify(alg)} is refused, signed or not`, async () => {
      await target.refuses(forge(target, header({ alg })), 'algorithm_not_allowed');
      const [head, payload] = forge(target, header({ alg })).split('.');
      // The signature is never checked, so any octets will do.
      await target.refuses(`${head}.${payload}.AA`, 'algorithm_not_allowed');
      await target.refuses(`${head}.${payload}.`, 'token_malformed');
    });
  }
});

describe('alg of another form (RFC 7515 §4.1.1: a case-sensitive string on the list)', () => {
  const absent = [
    ['missing', undefined],
    ['null', null],
    ['a number', 1],
    ['a boolean', true],
    ['an array', ['RS256']],
  ];
  const objects = [
    ['an object', { RS256: true }],
    ['an empty array', []],
  ];
  const names = [
    'rs256',
    'Rs256',
    'RS256 ',
    ' RS256',
    'RS256\u0000',
    'RS1',
    'RS224',
    'RSA',
    'ES256K',
    'es256',
    'Ed448',
  ];
  const others = [
    'eddsa',
    'HS256',
    'hs256',
    'dir',
    'A128KW',
    'RSA-OAEP',
    'PBES2-HS256+A128KW',
    '__proto__',
    'constructor',
  ];
  for (const [what, alg] of [
    ...absent,
    ...objects,
    ...[...names, ...others].map((name) => [JSON.stringify(name), name]),
  ]) {
    test(`alg ${what} is refused under a good signature`, () =>
      target.refuses(forge(target, header({ alg })), 'algorithm_not_allowed'));
  }
});

describe('HMAC keyed with public data (CVE-2015-9235, CVE-2016-10555, CVE-2026-34950)', () => {
  const publicTexts = {
    'SPKI PEM': (key) => key.export({ format: 'pem', type: 'spki' }),
    'SPKI PEM without its last newline': (key) => key.export({ format: 'pem', type: 'spki' }).trimEnd(),
    'SPKI PEM after a space (CVE-2026-34950)': (key) => ` ${key.export({ format: 'pem', type: 'spki' })}`,
    'SPKI PEM after a newline (CVE-2026-34950)': (key) => `\n${key.export({ format: 'pem', type: 'spki' })}`,
    'PKCS#1 PEM': (key) => key.export({ format: 'pem', type: 'pkcs1' }),
    'SPKI DER': (key) => key.export({ format: 'der', type: 'spki' }),
    'PKCS#1 DER': (key) => key.export({ format: 'der', type: 'pkcs1' }),
    'the JWK as text': (key) => JSON.stringify(key.export({ format: 'jwk' })),
    'the published JWK as text': () => JSON.stringify(target.issuer.jwks.keys[0]),
    'the JWK Set as text': () => JSON.stringify(target.issuer.jwks),
    'the modulus': (key) => Buffer.from(key.export({ format: 'jwk' }).n, 'base64url'),
    'the modulus as text': (key) => key.export({ format: 'jwk' }).n,
    'the kid': () => rsa().kid,
    'no octets at all': () => '',
    'one zero octet': () => '\u0000',
  };
  for (const [what, octets] of Object.entries(publicTexts)) {
    test(`HS256, HS384 and HS512 keyed by ${what} are refused`, async () => {
      for (const alg of ['HS256', 'HS384', 'HS512']) {
        const input = `${base64url(JSON.stringify(header({ alg })))}.${base64url(JSON.stringify(target.issuer.claims()))}`;
        const token = `${input}.${signature(alg, Buffer.from(octets(rsa().publicKey)), input)}`;
        await target.refuses(token, 'algorithm_not_allowed');
        // The same MAC under a real algorithm's name.
        const relabelled = input.replace(/^[^.]+/, base64url(JSON.stringify(header({}))));
        await target.refuses(`${relabelled}.${token.split('.')[2]}`, 'signature_invalid');
      }
    });
  }

  test('a certificate as the key is refused (CVE-2022-29217: key formats taken for secrets)', async () => {
    const { cert } = await (await createPki()).server();
    const input = `${base64url(JSON.stringify(header({ alg: 'HS256' })))}.${base64url(JSON.stringify(target.issuer.claims()))}`;
    await target.refuses(`${input}.${signature('HS256', Buffer.from(cert), input)}`, 'algorithm_not_allowed');
  });

  test('an oct key in the set verifies nothing (RFC 7518 §6.4)', async () => {
    const secret = createHash('sha256').update('everybody knows').digest();
    const k = secret.toString('base64url');
    await target.publish({ kty: 'oct', kid: 'shared', k }, { kty: 'oct', kid: 'shared-hs', alg: 'HS256', k });
    for (const kid of ['shared', 'shared-hs']) {
      const input = `${base64url(JSON.stringify({ alg: 'HS256', kid }))}.${base64url(JSON.stringify(target.issuer.claims()))}`;
      await target.refuses(`${input}.${signature('HS256', secret, input)}`, 'algorithm_not_allowed');
      await target.refuses(forge(target, header({ kid })), 'key_not_found');
    }
  });
});

describe('a key used for another purpose (RFC 8725 §3.2, RFC 7517 §4.2 to §4.4)', () => {
  const published = (kind, members) => jwkOf(target.issuer.keys[kind].publicKey, members);

  /** Publishes the issuer's own key a second time with other members, and signs with it. */
  const signedUnder = async (kind, alg, members) => {
    await target.publish(published(kind, { kid: 'once-more', ...members }));
    return forge(target, { alg, kid: 'once-more' }, undefined, target.issuer.keys[kind], alg);
  };
  const cases = [
    ['PS256 with a key for RS256', 'rsa', 'PS256', { alg: 'RS256' }],
    ['RS256 with a key for PS256', 'rsa', 'RS256', { alg: 'PS256' }],
    ['RS512 with a key for RS256', 'rsa', 'RS512', { alg: 'RS256' }],
    ['RS256 with a key for encryption', 'rsa', 'RS256', { use: 'enc' }],
    ['RS256 with a use of another case', 'rsa', 'RS256', { use: 'SIG' }],
    ['RS256 with a use that is an array', 'rsa', 'RS256', { use: ['sig'] }],
    ['RS256 with key_ops without verify', 'rsa', 'RS256', { key_ops: ['sign', 'encrypt'] }],
    ['RS256 with key_ops that are empty', 'rsa', 'RS256', { key_ops: [] }],
    ['RS256 with key_ops that are a string', 'rsa', 'RS256', { key_ops: 'verify' }],
    ['RS256 with an alg of key management', 'rsa', 'RS256', { alg: 'RSA-OAEP-256' }],
    ['RS256 with an alg of HMAC', 'rsa', 'RS256', { alg: 'HS256' }],
    ['RS256 with a kty of another kind', 'rsa', 'RS256', { kty: 'EC' }],
    ['RS256 with a kty of another case', 'rsa', 'RS256', { kty: 'rsa' }],
    ['ES256 with a key for ES384', 'p256', 'ES256', { alg: 'ES384' }],
    ['ES256 with a crv that is not the key’s', 'p256', 'ES256', { crv: 'P-384' }],
    ['ES256 with a crv that is not NIST’s', 'p256', 'ES256', { crv: 'secp256k1' }],
    ['EdDSA with a crv for key agreement', 'ed25519', 'EdDSA', { crv: 'X25519' }],
    ['EdDSA with a kty of EC', 'ed25519', 'EdDSA', { kty: 'EC' }],
  ];
  for (const [what, kind, alg, members] of cases) {
    test(`${what} finds no key`, async () => target.refuses(await signedUnder(kind, alg, members), 'key_not_found'));
  }

  test('the same key without the wrong member is found: only the member was the fault', async () => {
    await target.accepts(await signedUnder('rsa', 'PS256', {}));
    await target.accepts(await signedUnder('rsa', 'RS512', { alg: 'RS512', use: undefined, key_ops: ['verify'] }));
    await target.accepts(await signedUnder('ed25519', 'EdDSA', { alg: 'EdDSA' }));
  });

  for (const [alg, kind] of [
    ['ES384', 'p256'],
    ['ES512', 'p256'],
    ['ES256', 'p384'],
    ['ES256', 'rsa'],
    ['RS256', 'p256'],
    ['EdDSA', 'p256'],
    ['ES256', 'ed25519'],
  ]) {
    test(`${alg} under the kid of ${kind} finds no key (RFC 7518 §3.4)`, () => {
      const { issuer } = target;
      const signer = { ES384: 'p384', ES512: 'p521', ES256: 'p256', RS256: 'rsa', EdDSA: 'ed25519' }[alg];
      return target.refuses(
        forge(target, { alg, kid: issuer.keys[kind].kid }, undefined, issuer.keys[signer], alg),
        'key_not_found',
      );
    });
  }

  for (const [says, does] of [
    ['PS256', 'RS256'],
    ['RS256', 'PS256'],
    ['RS256', 'RS512'],
    ['RS512', 'RS256'],
    ['RS384', 'PS512'],
  ]) {
    test(`a signature of ${does} that calls itself ${says} does not verify`, () =>
      target.refuses(forge(target, header({ alg: says }), undefined, rsa(), does), 'signature_invalid'));
  }
});
