// Can somebody sign without the key, or turn one signature into another?
//
// ECDSA: RFC 7518 §3.4; Ed25519: RFC 8032 §5.1.7; PSS: RFC 7518 §3.5; PKCS#1 v1.5: RFC 8017 §8.2.2, which compares
// the whole encoding.

import { constants, createHash, createPublicKey, generateKeyPairSync, privateEncrypt, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { jwkOf } from '../support/keys.mjs';
import { base64url, forge, startTarget } from './refused.mjs';

let target;
before(async () => {
  target = await startTarget();
});
after(() => target.close());

const CURVES = {
  // FIPS 186-5 / SP 800-186: the orders of the groups.
  ES256: { kind: 'p256', octets: 32, order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n },
  ES384: {
    kind: 'p384',
    octets: 48,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  ES512: {
    kind: 'p521',
    octets: 66,
    order: BigInt(
      '0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
    ),
  },
};

const bytesOf = (number, length) => Buffer.from(number.toString(16).padStart(length * 2, '0'), 'hex');
const numberOf = (octets) => BigInt(`0x${Buffer.from(octets).toString('hex')}`);

/** A valid token of `alg` whose signature (octets) is replaced by the result of `change`. */
function resigned(alg, kind, change, key = target.issuer.keys[kind]) {
  const token = forge(target, { alg, kid: key.kid }, undefined, key, alg);
  const [head, payload, signature] = token.split('.');
  const octets = change(Buffer.from(signature, 'base64url'), Buffer.from(`${head}.${payload}`));
  return `${head}.${payload}.${octets.toString('base64url')}`;
}

for (const [alg, { kind, octets, order }] of Object.entries(CURVES)) {
  const pair = (r, s) => Buffer.concat([bytesOf(r, octets), bytesOf(s, octets)]);
  const halves = (signature) => [numberOf(signature.subarray(0, octets)), numberOf(signature.subarray(octets))];

  describe(`${alg} (RFC 7518 §3.4)`, () => {
    for (const [what, change] of Object.entries({
      'r = s = 0 (CVE-2022-21449)': () => pair(0n, 0n),
      'r = 0': (signature) => pair(0n, halves(signature)[1]),
      's = 0': (signature) => pair(halves(signature)[0], 0n),
      'r = s = n': () => pair(order, order),
      'r = s = 1': () => pair(1n, 1n),
      'r = n': (signature) => pair(order, halves(signature)[1]),
      's = n': (signature) => pair(halves(signature)[0], order),
      'r = s = n - 1': () => pair(order - 1n, order - 1n),
      'r and s exchanged': (signature) => pair(...halves(signature).toReversed()),
      'one octet less': (signature) => signature.subarray(0, -1),
      'one octet less in front': (signature) => signature.subarray(1),
      'one octet more': (signature) => Buffer.concat([signature, Buffer.alloc(1)]),
      'one octet more in front': (signature) => Buffer.concat([Buffer.alloc(1), signature]),
      'each half with a zero in front': (signature) =>
        Buffer.concat([Buffer.alloc(1), signature.subarray(0, octets), Buffer.alloc(1), signature.subarray(octets)]),
      'one octet': () => Buffer.alloc(1),
      'all bits set': () => Buffer.alloc(octets * 2, 0xff),
      twice: (signature) => Buffer.concat([signature, signature]),
      'in DER': (_, input) =>
        sign(`sha${alg.slice(2)}`, input, { key: target.issuer.keys[kind].privateKey, dsaEncoding: 'der' }),
    })) {
      test(`a signature of ${what} does not verify`, () =>
        target.refuses(resigned(alg, kind, change), 'signature_invalid'));
    }
  });
}

describe('Ed25519 (RFC 8032 §5.1.7)', () => {
  const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
  const little = (octets) => numberOf(Buffer.from(octets).reverse());
  const plus = (signature, change) => {
    const s = bytesOf(change(little(signature.subarray(32))), 32).reverse();
    return Buffer.concat([signature.subarray(0, 32), s]);
  };
  for (const [what, change] of Object.entries({
    'S + L, which a lenient verifier takes': (signature) => plus(signature, (s) => s + ORDER),
    'S = L': (signature) => plus(signature, () => ORDER),
    'S = 0': (signature) => plus(signature, () => 0n),
    'S with its high bits set': (signature) => plus(signature, (s) => s | (7n << 253n)),
    zeros: () => Buffer.alloc(64),
    'R the neutral element and S = 0': () => Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]),
    '63 octets': (signature) => signature.subarray(0, 63),
    '65 octets': (signature) => Buffer.concat([signature, Buffer.alloc(1)]),
    '32 octets': (signature) => signature.subarray(0, 32),
  })) {
    for (const alg of ['EdDSA', 'Ed25519']) {
      test(`a signature under ${alg} of ${what} does not verify`, () =>
        target.refuses(resigned(alg, 'ed25519', change), 'signature_invalid'));
    }
  }
});

describe('RSASSA-PSS (RFC 7518 §3.5: a salt as long as the hash)', () => {
  for (const [alg, digest] of [
    ['PS256', 32],
    ['PS384', 48],
    ['PS512', 64],
  ]) {
    for (const saltLength of [0, 20, digest - 1, digest + 1, constants.RSA_PSS_SALTLEN_MAX_SIGN]) {
      const what = saltLength === constants.RSA_PSS_SALTLEN_MAX_SIGN ? 'the longest possible' : saltLength;
      test(`a signature of ${alg} with a salt of ${what} does not verify`, () =>
        target.refuses(
          resigned(alg, 'rsa', (_, input) =>
            sign(`sha${alg.slice(2)}`, input, {
              key: target.issuer.keys.rsa.privateKey,
              padding: constants.RSA_PKCS1_PSS_PADDING,
              saltLength,
            }),
          ),
          'signature_invalid',
        ));
    }
  }
});

/** DigestInfo of SHA-256 (RFC 8017 §9.2 note 1). */
const INFO = '3031300d060960864801650304020105000420';
const SHA256 = (input) => createHash('sha256').update(input).digest();
const padded = (block, tail, type = 1) =>
  Buffer.concat([Buffer.from([0, type]), Buffer.alloc(block - tail.length - 3, 0xff), Buffer.from([0]), tail]);

describe('PKCS#1 v1.5 (RFC 8017 §8.2.2): an encoding that is only almost right', () => {
  // The real key signs, so the encoding is the only reason to reject.
  const raw = (encoded) =>
    privateEncrypt({ key: target.issuer.keys.rsa.privateKey, padding: constants.RSA_NO_PADDING }, encoded);
  const info = (hex, input) => Buffer.concat([Buffer.from(hex, 'hex'), SHA256(input)]);

  test('the right encoding, made by hand, verifies: it is what follows that refuses', () =>
    target.accepts(resigned('RS256', 'rsa', (_, input) => raw(padded(256, info(INFO, input))))));

  for (const [what, encode] of Object.entries({
    'without the NULL of the parameters': (input) =>
      padded(256, info('302f300b0609608648016503040201' + '0420', input)),
    'with a length in long form': (input) => padded(256, info('3081' + INFO.slice(2), input)),
    'with the name of SHA-512': (input) => padded(256, info('3031300d060960864801650304020305000420', input)),
    'with the name of SHA-1': (input) => padded(256, info('3029300906052b0e03021a05000420', input)),
    'without DigestInfo': (input) => padded(256, SHA256(input)),
    'with octets after the digest': (input) => padded(256, Buffer.concat([info(INFO, input), Buffer.alloc(8)])),
    'with short padding and octets after it (CVE-2006-4339)': (input) =>
      Buffer.concat([padded(62, info(INFO, input)), Buffer.alloc(194, 7)]),
    'with block type 0': (input) => padded(256, info(INFO, input), 0),
    'with block type 2': (input) => padded(256, info(INFO, input), 2),
    'with padding that is not ff': (input) => {
      const encoded = padded(256, info(INFO, input));
      encoded[100] = 0xfe;
      return encoded;
    },
    'with a zero in the padding': (input) => {
      const encoded = padded(256, info(INFO, input));
      encoded[100] = 0;
      return encoded;
    },
  })) {
    test(`an encoding ${what} does not verify`, () =>
      target.refuses(
        resigned('RS256', 'rsa', (_, input) => raw(encode(input))),
        'signature_invalid',
      ));
  }

  for (const [what, change] of Object.entries({
    zeros: () => Buffer.alloc(256),
    one: () => bytesOf(1n, 256),
    'the modulus': (_, __, n) => bytesOf(n, 256),
    'the modulus less one': (_, __, n) => bytesOf(n - 1n, 256),
    'the signature plus the modulus': (signature, _, n) => bytesOf(numberOf(signature) + n, 257),
    'the signature’s negative': (signature, _, n) => bytesOf(n - numberOf(signature), 256),
    '255 octets': (signature) => signature.subarray(1),
    '257 octets with a zero in front': (signature) => Buffer.concat([Buffer.alloc(1), signature]),
    '257 octets with a zero behind': (signature) => Buffer.concat([signature, Buffer.alloc(1)]),
  })) {
    test(`a signature that is ${what} does not verify`, () => {
      const { n } = target.issuer.keys.rsa.publicKey.export({ format: 'jwk' });
      const modulus = numberOf(Buffer.from(n, 'base64url'));
      return target.refuses(
        resigned('RS256', 'rsa', (...given) => change(...given, modulus)),
        'signature_invalid',
      );
    });
  }

  test('a cube root, forged without the key for e = 3, does not verify (CVE-2006-4339)', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 });
    await target.publish(jwkOf(createPublicKey(pair.privateKey), { kid: 'cubes' }));
    // The key itself is valid (RFC 8017 §3.1): its signatures verify.
    await target.accepts(forge(target, { alg: 'RS256', kid: 'cubes' }, undefined, pair.privateKey));
    const input = `${base64url('{"alg":"RS256","kid":"cubes"}')}.${base64url(JSON.stringify(target.issuer.claims()))}`;
    const wanted = Buffer.concat([padded(62, info(INFO, input)), Buffer.alloc(194)]);
    const root = cubeRoot(numberOf(wanted)) + 1n;
    const forged = `${input}.${bytesOf(root, 256).toString('base64url')}`;
    // Checks the forgery itself: its cube begins with the encoding.
    if (
      !bytesOf(root ** 3n, 256)
        .subarray(0, 62)
        .equals(wanted.subarray(0, 62))
    )
      throw new Error('not a forgery');
    await target.refuses(forged, 'signature_invalid');
    await target.publish();
  });
});

describe('a signature of something else', () => {
  for (const [alg, kind] of [
    ['RS256', 'rsa'],
    ['PS256', 'rsa'],
    ['ES256', 'p256'],
    ['EdDSA', 'ed25519'],
  ]) {
    test(`one bit of a signature of ${alg} changed, anywhere, is refused`, async () => {
      const { length } = resigned(alg, kind, (signature) => signature).split('.')[2];
      for (let bit = 0; bit < length * 6 - 8; bit += Math.ceil((length * 6) / 24)) {
        await target.refuses(
          resigned(alg, kind, (signature) => {
            signature[bit >> 3] ^= 1 << (bit & 7);
            return signature;
          }),
          'signature_invalid',
        );
      }
    });

    test(`the signature of one token of ${alg} under another’s claims is refused`, async () => {
      const [head, payload] = target.issuer.sign({ alg, claims: { sub: 'admin', scope: 'everything' } }).split('.');
      await target.refuses(`${head}.${payload}.${target.issuer.sign({ alg }).split('.')[2]}`, 'signature_invalid');
    });
  }
});

/** The largest integer whose cube is at most `number`. */
function cubeRoot(number) {
  let [low, high] = [0n, 1n << BigInt(Math.ceil(number.toString(2).length / 3) + 1)];
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** 3n <= number) low = middle;
    else high = middle - 1n;
  }
  return low;
}
