// Can a header bring its own key, name a file, or request an extension?
//
// `jwk`, `jku`, `x5u` and `x5c` are ignored, and nothing is fetched for them. `kid` is only compared. `crit` and
// `b64` are rejected. A `typ` of another token type is rejected (RFC 7515 §4.1, RFC 8725 §3.11).

import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { jwkOf } from '../support/keys.mjs';
import { createPki } from '../support/pki.mjs';
import { forge, startTarget, startTrap } from './refused.mjs';

let target;
let trap;
before(async () => {
  target = await startTarget();
  trap = await startTrap();
});
after(async () => {
  await target.close();
  await trap.close();
});

const kid = () => target.issuer.keys.rsa.kid;
const header = (changes) => ({ alg: 'RS256', kid: kid(), typ: 'at+jwt', ...changes });

describe('a key in the header (RFC 8725 §3.10, CVE-2018-0114)', () => {
  let attacker;
  let forms;
  before(async () => {
    attacker = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = jwkOf(attacker.publicKey, { kid: 'mine' });
    const { cert } = await (await createPki()).otherCa.client({ commonName: 'attacker' });
    const der = new X509Certificate(cert).raw;
    forms = {
      jwk: { jwk },
      jku: { jku: `${trap.origin}/jwks` },
      x5u: { x5u: `${trap.origin}/cert.pem` },
      x5c: { x5c: [der.toString('base64')] },
      all: {
        jwk,
        jku: `${trap.origin}/jwks`,
        x5u: `${trap.origin}/c`,
        x5c: [der.toString('base64')],
        'x5t#S256': 'AA',
      },
    };
  });

  for (const form of ['jwk', 'jku', 'x5u', 'x5c', 'all']) {
    test(`${form} is not used, and nothing is fetched for it`, async () => {
      const by = (changes) => forge(target, header({ ...forms[form], ...changes }), undefined, attacker.privateKey);
      await target.refuses(by({}), 'signature_invalid');
      await target.refuses(by({ kid: 'mine' }), 'key_not_found');
      await target.refuses(by({ kid: undefined }), 'signature_invalid');
      // A valid token may contain these members. They have no effect.
      await target.accepts(forge(target, header(forms[form])));
      assert.equal(trap.connections, 0);
    });
  }

  test('a kid that is an address is not fetched', async () => {
    await target.refuses(forge(target, header({ kid: `${trap.origin}/jwks` })), 'key_not_found');
    assert.equal(trap.connections, 0);
  });
});

describe('kid (RFC 7515 §4.1.4) is compared and never interpreted', () => {
  for (const [what, value] of [
    ['a path', '../../../../../../dev/null'],
    ['an absolute path', '/proc/self/environ'],
    ['SQL', "x' UNION SELECT 'AAAA' --"],
    ['a command', '$(touch /tmp/pwned)|`id`;'],
    ['a CRLF and a header', 'rsa\r\nx-evil: 1'],
    ['a NUL after the real one', 'rsa\u0000'],
    ['the real one after a space', ' rsa'],
    ['the real one in capitals', 'RSA'],
    ['full-width letters', 'ｒｓａ'],
    ['empty', ''],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['toString', 'toString'],
    ['hasOwnProperty', 'hasOwnProperty'],
    ['an index', '0'],
    ['8 KiB long', 'k'.repeat(8192)],
    ['8 KiB of NUL', '\u0000'.repeat(1400)],
  ]) {
    test(`a kid that is ${what} names no key`, () =>
      target.refuses(forge(target, header({ kid: value })), 'key_not_found'));
  }

  test('a kid of 64 KiB makes the token too large', () =>
    target.refuses(forge(target, header({ kid: 'k'.repeat(65_536) })), 'token_too_large'));

  for (const [what, value] of [
    ['a number', 1],
    ['null', null],
    ['a boolean', true],
    ['an object', { kid: 'rsa' }],
    ['an array', ['rsa']],
  ]) {
    test(`a kid that is ${what} is refused`, () =>
      target.refuses(forge(target, header({ kid: value })), 'header_invalid'));
  }

  test('a kid of two keys of one type is refused, whichever key signed', async () => {
    const twin = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await target.publish(jwkOf(twin.publicKey, { kid: kid() }));
    try {
      const refuse = (key) => target.client.validateAccessToken(forge(target, header({}), undefined, key));
      for (const key of [target.issuer.keys.rsa, twin.privateKey]) {
        await assert.rejects(refuse(key), { name: 'MonoCloudTokenError', reason: 'key_ambiguous' });
      }
      // Keys of different types may share a kid. The algorithm selects one.
      await target.publish(jwkOf(target.issuer.keys.p256.publicKey, { kid: kid() }));
      await target.accepts(forge(target, header({ alg: 'ES256' }), undefined, target.issuer.keys.p256, 'ES256'));
      await target.accepts(forge(target, header({})));
    } finally {
      await target.publish();
    }
  });

  test('a token without kid is refused when two keys fit, and accepted when only one fits', async () => {
    const twin = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await target.accepts(forge(target, header({ kid: undefined })));
    await target.publish(jwkOf(twin.publicKey, { kid: 'twin' }));
    await target.refuses(forge(target, header({ kid: undefined })), 'key_ambiguous');
    await target.publish();
  });
});

describe('crit and b64 (RFC 7515 §4.1.11, RFC 7797 §6)', () => {
  for (const [what, changes] of [
    [
      'crit with an unknown name',
      { crit: ['http://example.invalid/UNDEFINED'], 'http://example.invalid/UNDEFINED': true },
    ],
    ['crit that is empty', { crit: [] }],
    ['crit naming a member that is absent', { crit: ['exp'] }],
    ['crit naming alg', { crit: ['alg'] }],
    ['crit naming a member twice', { crit: ['b64', 'b64'], b64: true }],
    ['crit that is a string', { crit: 'exp' }],
    ['crit that is null', { crit: null }],
    ['b64 false with crit', { b64: false, crit: ['b64'] }],
    ['b64 false without crit', { b64: false }],
    ['b64 true', { b64: true }],
    ['b64 that is a string', { b64: 'false' }],
    ['crit by an escape', null],
  ]) {
    test(`${what} is refused`, () =>
      target.refuses(
        changes
          ? forge(target, header(changes))
          : target.issuer.signRaw(
              `{"alg":"RS256","kid":"${kid()}","\\u0063rit":["x"]}`,
              JSON.stringify(target.issuer.claims()),
            ),
        'critical_header',
      ));
  }

  test('an unencoded payload is refused', async () => {
    // RFC 7797 §5: the signature covers header + '.' + the raw octets.
    const { issuer } = target;
    const token = issuer.signRaw(JSON.stringify(header({ b64: false, crit: ['b64'] })), 'A');
    await target.refuses(token.replace(/\.[^.]*\./, '.A.'), 'token_malformed');
    await target.refuses(token, 'critical_header');
  });
});

describe('typ (RFC 8725 §3.11, RFC 9068 §4)', () => {
  const others = [
    ['a DPoP proof', 'dpop+jwt'],
    ['a logout token', 'logout+jwt'],
    ['a security event', 'secevent+jwt'],
    ['an introspection answer', 'token-introspection+jwt'],
    ['a request object', 'oauth-authz-req+jwt'],
    ['a client assertion', 'client-authentication+jwt'],
    ['a verifiable credential', 'vc+sd-jwt'],
    ['JOSE', 'JOSE'],
    ['JWE', 'JWE'],
    ['a suffix', 'at+jwt+x'],
    ['a space after', 'at+jwt '],
    ['a parameter', 'at+jwt;v=1'],
    ['another media type', 'application/jwt'],
    ['a NUL', 'at+jwt\u0000'],
    ['empty', ''],
    ['full-width letters', 'ＪＷＴ'],
  ];
  for (const [what, typ] of [...others, ['a number', 1], ['null', null], ['an array', ['at+jwt']], ['an object', {}]]) {
    test(`a typ that is ${what} is refused`, () => target.refuses(forge(target, header({ typ })), 'type_not_allowed'));
  }

  for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+JWT']) {
    test(`a typ that is ${typ ?? 'absent'} is accepted`, () => target.accepts(forge(target, header({ typ }))));
  }
});
