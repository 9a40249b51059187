// Can a key that anybody can sign with come into use?
//
// Such a key is left out of the issuer's set, so its `kid` is unknown. The valid keys of the set stay (RFC 7518 §3.3,
// §6.2.1, §6.3.1).

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { jwkOf } from '../support/keys.mjs';
import { base64url, forge, startTarget } from './refused.mjs';

let target;
before(async () => {
  target = await startTarget();
});
after(() => target.close());

/** Signs with a new key pair, published under `kid` with changes. */
async function published({ privateKey, publicKey }, alg, changes = {}) {
  await target.publish(jwkOf(publicKey, { kid: 'weak', ...changes }));
  return forge(target, { alg, kid: 'weak' }, undefined, privateKey, alg);
}

/** A token whose signature is `octets`. */
function withSignature(alg, octets) {
  const input = `${base64url(JSON.stringify({ alg, kid: 'weak' }))}.${base64url(JSON.stringify(target.issuer.claims()))}`;
  return { input, token: `${input}.${octets(input).toString('base64url')}` };
}

/** RFC 8017 §9.2: the encoding that an RSA signature with SHA-256 signs, with `length` octets. */
function encoded(input, length) {
  const info = Buffer.concat([
    Buffer.from('3031300d060960864801650304020105000420', 'hex'),
    createHash('sha256').update(input).digest(),
  ]);
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(length - info.length - 3, 0xff), Buffer.from([0]), info]);
}

describe('RSA (RFC 7518 §3.3: 2048 bits at least)', () => {
  for (const modulusLength of [512, 1024, 2040]) {
    test(`a modulus of ${modulusLength} bits is left out`, async () =>
      target.refuses(await published(generateKeyPairSync('rsa', { modulusLength }), 'RS256'), 'key_not_found'));
  }

  test('a modulus of 1024 bits written with leading zeros to look like 2048 is left out', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const { n } = pair.publicKey.export({ format: 'jwk' });
    const padded = Buffer.concat([Buffer.alloc(128), Buffer.from(n, 'base64url')]).toString('base64url');
    await target.refuses(await published(pair, 'RS256', { n: padded }), 'key_not_found');
  });

  test('a modulus of 2048 bits and one of 4096 are used: only the size was the fault', async () => {
    for (const modulusLength of [2048, 4096]) {
      await target.accepts(await published(generateKeyPairSync('rsa', { modulusLength }), 'RS256'));
    }
  });

  test('a modulus over 8192 bits is left out: an attacker could choose how much work it costs', async () => {
    for (const octets of [1025, 2048, 40_000]) {
      const n = randomBytes(octets);
      n[0] |= 0x80;
      n[octets - 1] |= 1;
      await target.publish({ kty: 'RSA', kid: 'weak', n: n.toString('base64url'), e: 'AQAB' });
      await target.refuses(
        withSignature('RS256', () => Buffer.alloc(Math.min(octets, 4096), 1)).token,
        'key_not_found',
      );
    }
  });

  test('e = 1 is left out: every message would be its own signature', async () => {
    const { n } = target.issuer.keys.rsa.publicKey.export({ format: 'jwk' });
    await target.publish({ kty: 'RSA', kid: 'weak', n, e: 'AQ' });
    const { token } = withSignature('RS256', (input) => encoded(input, 256));
    await target.refuses(token, 'key_not_found');
  });

  for (const [what, e] of [
    ['0', 'AA'],
    ['1 with leading zeros', 'AAAB'],
    ['2', 'Ag'],
    ['65536', 'AQAA'],
    ['empty', ''],
    ['a number', 65537],
    ['no base64', 'AQ!B'],
    ['padded with too much', 'AQAB=='],
  ]) {
    test(`an e that is ${what} is left out`, async () => {
      const { n } = target.issuer.keys.rsa.publicKey.export({ format: 'jwk' });
      await target.publish({ kty: 'RSA', kid: 'weak', n, e });
      await target.refuses(forge(target, { alg: 'RS256', kid: 'weak' }), 'key_not_found');
    });
  }

  test('an e as long as the modulus verifies nothing: an attacker could choose how much work it costs', async () => {
    const { n } = target.issuer.keys.rsa.publicKey.export({ format: 'jwk' });
    await target.publish({ kty: 'RSA', kid: 'weak', n, e: n });
    await target.refuses(forge(target, { alg: 'RS256', kid: 'weak' }), 'signature_invalid');
  });

  for (const [what, n] of [
    ['empty', ''],
    ['zero', base64url(Buffer.alloc(256))],
    ['even', undefined],
    ['missing', null],
    ['a number', 3],
  ]) {
    test(`a modulus that is ${what} is left out`, async () => {
      const real = Buffer.from(target.issuer.keys.rsa.publicKey.export({ format: 'jwk' }).n, 'base64url');
      real[255] &= 0xfe;
      await target.publish({ kty: 'RSA', kid: 'weak', e: 'AQAB', n: what === 'even' ? real.toString('base64url') : n });
      await target.refuses(forge(target, { alg: 'RS256', kid: 'weak' }), 'key_not_found');
    });
  }

  test('a modulus of the broken Infineon generator is left out (ROCA, CVE-2017-15361)', async () => {
    // ROCA moduli are powers of 65537 modulo the product of the first primes; 1 is one of them.
    const primes = [
      3n,
      5n,
      7n,
      11n,
      13n,
      17n,
      19n,
      23n,
      29n,
      31n,
      37n,
      41n,
      43n,
      47n,
      53n,
      59n,
      61n,
      67n,
      71n,
      73n,
      79n,
      83n,
      89n,
      97n,
      101n,
      103n,
      107n,
      109n,
      113n,
      127n,
      131n,
      137n,
      139n,
      149n,
      151n,
      157n,
      163n,
      167n,
    ];
    const product = primes.reduce((all, prime) => all * prime, 2n);
    const modulus = ((1n << 2047n) / product + 1n) * product + 1n;
    const n = Buffer.from(modulus.toString(16), 'hex').toString('base64url');
    await target.publish({ kty: 'RSA', kid: 'weak', n, e: 'AQAB' });
    await target.refuses(withSignature('RS256', () => Buffer.alloc(256, 1)).token, 'key_not_found');
    // A similar modulus that is not vulnerable is used.
    const other = Buffer.from((modulus + 2n).toString(16), 'hex').toString('base64url');
    await target.publish({ kty: 'RSA', kid: 'weak', n: other, e: 'AQAB' });
    await target.refuses(withSignature('RS256', () => Buffer.alloc(256, 1)).token, 'signature_invalid');
  });
});

describe('elliptic curves (RFC 7518 §6.2.1, RFC 8037 §2)', () => {
  const jwk = (kind) => target.issuer.keys[kind].publicKey.export({ format: 'jwk' });
  const changed = (text, change) => {
    const octets = Buffer.from(text, 'base64url');
    return Buffer.from(change(octets) ?? octets).toString('base64url');
  };
  const flip = (octets) => {
    octets[octets.length - 1] ^= 1;
  };
  const points = {
    'off the curve': ({ x, y }) => ({ x, y: changed(y, flip) }),
    'off the curve by x': ({ x, y }) => ({ x: changed(x, flip), y }),
    'at infinity, written as zeros': ({ x, y }) => ({
      x: changed(x, (o) => o.fill(0)),
      y: changed(y, (o) => o.fill(0)),
    }),
    'above the field': ({ x, y }) => ({ x: changed(x, (o) => o.fill(0xff)), y }),
    'with a coordinate too long': ({ x, y }) => ({ x: changed(x, (o) => Buffer.concat([Buffer.alloc(1, 1), o])), y }),
    'with a coordinate with many zeros before it': ({ x, y }) => ({
      x: changed(x, (o) => Buffer.concat([Buffer.alloc(3), o])),
      y,
    }),
    'with a coordinate too short': ({ x, y }) => ({ x: changed(x, (o) => o.subarray(0, -1)), y }),
    'with the coordinates’ lengths shifted': ({ x, y }) => ({
      x: changed(x, (o) => o.subarray(0, -1)),
      y: changed(y, (o) => Buffer.concat([Buffer.from(x, 'base64url').subarray(-1), o])),
    }),
    'without y': ({ x }) => ({ x, y: undefined }),
    'with an x that is no base64': ({ x, y }) => ({ x: `${x.slice(1)}!`, y }),
  };
  for (const [kind, alg] of [
    ['p256', 'ES256'],
    ['p384', 'ES384'],
    ['p521', 'ES512'],
  ]) {
    for (const [what, change] of Object.entries(points)) {
      test(`a point of ${alg} ${what} is left out`, async () => {
        const key = jwk(kind);
        await target.publish({ ...key, ...change(key), kid: 'weak' });
        await target.refuses(
          forge(target, { alg, kid: 'weak' }, undefined, target.issuer.keys[kind], alg),
          'key_not_found',
        );
      });
    }
  }

  for (const [what, x] of [
    ['31 octets', (o) => o.subarray(1)],
    ['33 octets', (o) => Buffer.concat([o, Buffer.alloc(1)])],
    ['none', () => Buffer.alloc(0)],
  ]) {
    test(`an Ed25519 key of ${what} is left out`, async () => {
      const key = jwk('ed25519');
      await target.publish({ ...key, x: changed(key.x, x), kid: 'weak' });
      await target.refuses(
        forge(target, { alg: 'EdDSA', kid: 'weak' }, undefined, target.issuer.keys.ed25519, 'EdDSA'),
        'key_not_found',
      );
    });
  }
});
