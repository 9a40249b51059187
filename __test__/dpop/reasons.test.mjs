// Is each faulty proof refused for its own reason, and does it cost nothing?
//
// A refused proof is not spent, causes no request, and nothing of it is in the error or the event. Each row is decided
// for a JWT, for a JWT that the client remembers, and for an opaque token in its cache.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { memoryCache } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import {
  boundOpaque,
  boundToken,
  eventsOf,
  outcomeOf,
  presented,
  proofKey,
  proofOf,
  thumbprint,
} from '../support/dpop.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { proofOfLength, REFUSALS, signedWithoutSalt } from './refusals.mjs';

/** The simulated clock stays near the real one: the clients of a process share a replay memory, which never goes back. */
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;
const METHOD = 'GET';
const URL = 'https://api.example.com/orders/7';
/** The refusals whose code is `invalid_token`, because the token itself is in question. */
const OF_THE_TOKEN = ['dpop_binding_missing', 'dpop_key_mismatch', 'dpop_scheme_required'];
const codeOf = (reason) => (OF_THE_TOKEN.includes(reason) ? 'invalid_token' : 'invalid_dpop_proof');

describe('a proof', () => {
  let issuer;
  let key;
  let other;
  before(async () => {
    issuer = await startIssuer();
    [key, other] = await Promise.all([proofKey(), proofKey('ES256', 'other')]);
  });
  after(() => issuer.close());

  /** A client, and a function that returns the token to send. */
  const kinds = {
    'a JWT': () => [client(), () => boundToken(issuer, key, { jti: randomUUID() })],
    'a remembered JWT': () => remembering(client(), boundToken(issuer, key)),
    'a cached opaque token': () =>
      remembering(client({ ...ANY_CLIENT, cache: memoryCache() }), boundOpaque(issuer, key)),
  };

  const client = (options) => backend(issuer, options);
  const accept = (own, token, proof, request = { method: METHOD, url: URL }) =>
    own.validateAccessToken(token, presented(proof, request));

  async function remembering(own, token) {
    await accept(own, token, proofOf({ key, url: URL, token }));
    return [own, () => token];
  }

  for (const [kind, make] of Object.entries(kinds)) {
    describe(`for ${kind}`, () => {
      for (const [reason, rows] of Object.entries(REFUSALS)) {
        test(`is refused as ${reason}: ${rows.map(([what]) => what).join(', ')}`, async (t) => {
          t.mock.timers.enable({ apis: ['Date'], now: NOW_MS });
          const [own, tokenOf] = await make();
          await own.warmUp();
          for (const [what, spoil] of rows) {
            const token = tokenOf();
            const request = { key, other, method: METHOD, url: URL, token, jti: randomUUID() };
            const proof = await spoil(request);
            issuer.resetCounts();
            const events = await eventsOf('refused', async () => {
              const error = await accept(own, token, proof).catch((thrown) => thrown);
              assert.equal(error?.reason, reason, `${what}: ${inspect(error)}`);
              assert.deepEqual([error.name, error.code], ['MonoCloudTokenError', codeOf(reason)], what);
              assertSilent(what, error, proof, token);
            });
            assert.deepEqual(
              events.map(({ reason: told }) => told),
              [reason],
              what,
            );
            assertSilent(what, events, proof, token);
            assert.deepEqual(issuer.counts, {}, `${what}: requests`);
            // The same jti is still good.
            assert.equal(
              await outcomeOf(accept(own, token, proofOf(request))),
              'accepted',
              `${what}: the mended proof`,
            );
          }
        });
      }
    });
  }

  /** Nothing of the proof or of the token is in a text that somebody may log. */
  function assertSilent(what, said, proof, token) {
    const text = inspect(said, { depth: 8, showHidden: true });
    const parts = [proof]
      .flat()
      .filter(Boolean)
      .flatMap((one) => one.split('.'));
    for (const part of [...parts, ...token.split('.')].filter(({ length }) => length > 20)) {
      assert.ok(!text.includes(part.slice(0, 40)), `${what}: ${text}`);
    }
  }
});

describe('the limits of a proof', () => {
  let issuer;
  let key;
  before(async () => {
    issuer = await startIssuer();
    key = await proofKey();
  });
  after(() => issuer.close());

  const decide = (own, token, proof, request = { url: URL }) =>
    outcomeOf(own.validateAccessToken(token, presented(proof, request)));

  for (const [what, change] of [
    ['iat of 60 s ago', { iat: NOW_MS / 1000 - 60 }],
    ['iat of 30 s ahead', { iat: NOW_MS / 1000 + 30 }],
    ['an iat with a fraction', { iat: NOW_MS / 1000 + 0.5 }],
    ['a jti of 256 bytes', { jti: 'j'.repeat(256) }],
    ['typ in another case', { header: { typ: 'DPOP+JWT' } }],
    ['typ as a whole media type (RFC 7515 §4.1.9)', { header: { typ: 'application/dpop+jwt' } }],
    ['kid, x5c and jku, which nobody looks at', { header: { kid: 'a', x5c: ['AA'], jku: 'https://evil.example' } }],
    ['32 levels', { header: { a: JSON.parse('['.repeat(31) + ']'.repeat(31)) } }],
    ['a query in htu (RFC 9449 §4.3)', { claims: { htu: `${URL}?a=b#c` } }],
    ['htu in another spelling (RFC 3986 §6.2)', { claims: { htu: 'HTTPS://API.Example.com:443/x/../%6Frders/7' } }],
    ['a nonce that nobody asked for', { nonce: 'abc' }],
  ]) {
    test(`let ${what} pass`, async (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: NOW_MS });
      const token = boundToken(issuer, key);
      assert.equal(await decide(backend(issuer), token, proofOf({ key, url: URL, token, ...change })), 'accepted');
    });
  }

  test('let 8,192 bytes pass', async () => {
    const token = boundToken(issuer, key);
    const proof = proofOfLength(8192, { key, url: URL, token });
    assert.equal(await decide(backend(issuer), token, proof), 'accepted');
  });

  test('move with maxAge and leeway, and clockTolerance does not move them', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: NOW_MS });
    const own = backend(issuer, { clockTolerance: 300, dpop: { maxAge: 5, leeway: 0 } });
    const token = boundToken(issuer, key);
    const outcomes = [-6, -5, 0, 1].map((seconds) =>
      decide(own, token, proofOf({ key, url: URL, token, iat: NOW_MS / 1000 + seconds })),
    );
    assert.deepEqual(await Promise.all(outcomes), ['dpop_expired', 'accepted', 'accepted', 'dpop_not_yet_valid']);
  });

  test('move with clockSkew', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: NOW_MS });
    const own = backend(issuer, { clockSkew: 100, dpop: { replayCacheSize: 2048 } });
    const token = boundToken(issuer, key);
    const at = (seconds) => decide(own, token, proofOf({ key, url: URL, token, iat: NOW_MS / 1000 + seconds }));
    assert.deepEqual(
      [await at(39), await at(40), await at(130), await at(131)],
      ['dpop_expired', 'accepted', 'accepted', 'dpop_not_yet_valid'],
    );
  });

  test('are those of each algorithm on the list, and of no other', async () => {
    const algorithms = ['ES384', 'ES512', 'PS384', 'RS512', 'Ed25519'];
    const own = backend(issuer, { dpop: { algorithms } });
    for (const alg of [...algorithms, 'EdDSA', 'ES256', 'PS256', 'RS256']) {
      const sender = await proofKey(alg);
      const token = boundToken(issuer, sender);
      const outcome = await decide(own, token, proofOf({ key: sender, url: URL, token }));
      // EdDSA and Ed25519 are two names of one algorithm (RFC 9864 §2.2).
      const isOn = algorithms.includes(alg) || alg === 'EdDSA';
      assert.equal(outcome, isOn ? 'accepted' : 'dpop_algorithm_not_allowed', alg);
    }
  });

  test('refuse a point off the curve, also if the token is bound to it', async () => {
    const jwk = { ...key.jwk, x: Buffer.alloc(32, 1).toString('base64url') };
    const token = boundToken(issuer, { ...key, jkt: thumbprint(jwk) });
    const text = proofOf({ key, url: URL, token, header: { jwk } });
    assert.equal(await decide(backend(issuer, { dpop: { replayCacheSize: 2048 } }), token, text), 'dpop_key_invalid');
  });

  test('refuse PS256 with another salt (RFC 7518 §3.5)', async () => {
    const sender = await proofKey('PS256');
    const token = boundToken(issuer, sender);
    // Its own replay memory: that of the tests above has seen a later time.
    const own = backend(issuer, { dpop: { replayCacheSize: 2048 } });
    assert.equal(
      await decide(own, token, signedWithoutSalt({ key: sender, url: URL, token })),
      'dpop_signature_invalid',
    );
    assert.equal(await decide(own, token, proofOf({ key: sender, url: URL, token })), 'accepted');
  });
});

describe('a token', () => {
  let issuer;
  let key;
  before(async () => {
    issuer = await startIssuer();
    key = await proofKey();
  });
  after(() => issuer.close());

  const refused = (decision, reason) =>
    assert.rejects(decision, failure('MonoCloudTokenError', reason, { code: 'invalid_token' }));
  const withProof = (token) => presented(proofOf({ key, url: URL, token }), { url: URL });

  test('that is bound does not pass as a bearer token (RFC 9449 §7.2), unless binding is ignored', async () => {
    const [jwt, opaque] = [boundToken(issuer, key), boundOpaque(issuer, key)];
    for (const token of [jwt, opaque]) {
      for (const options of [undefined, { scheme: 'bearer' }, { validateDPoPBinding: true }]) {
        await refused(backend(issuer, ANY_CLIENT).validateAccessToken(token, options), 'dpop_scheme_required');
      }
      const ignoring = backend(issuer, { ...ANY_CLIENT, validateDPoPBinding: 'dangerously_ignore' });
      assert.ok(await ignoring.validateAccessToken(token));
      assert.ok(await backend(issuer, ANY_CLIENT).validateAccessToken(token, { validateDPoPBinding: false }));
    }
  });

  test('that is not bound does not pass with a proof', async () => {
    for (const token of [issuer.sign(), issuer.opaque()]) {
      for (const mode of ['when_present', 'required']) {
        const own = backend(issuer, { ...ANY_CLIENT, validateDPoPBinding: mode });
        await refused(own.validateAccessToken(token, withProof(token)), 'dpop_binding_missing');
      }
    }
  });

  test('that is not bound passes as a bearer token, unless binding is required', async () => {
    const token = issuer.sign();
    assert.ok(await backend(issuer).validateAccessToken(token));
    const required = backend(issuer, { validateDPoPBinding: 'required' });
    await refused(required.validateAccessToken(token), 'dpop_binding_missing');
    const onRoute = backend(issuer).validateAccessToken(token, { validateDPoPBinding: true });
    await refused(onRoute, 'dpop_binding_missing');
  });

  test('whose jkt is not base64url of 32 octets is refused as confirmation_invalid', async () => {
    for (const jkt of [
      '',
      'a',
      `${key.jkt}=`,
      key.jkt.slice(1),
      Buffer.alloc(31).toString('base64url'),
      1,
      null,
      [key.jkt],
    ]) {
      for (const token of [issuer.sign({ claims: { cnf: { jkt } } }), issuer.opaque({ cnf: { jkt } })]) {
        await refused(backend(issuer, ANY_CLIENT).validateAccessToken(token, withProof(token)), 'confirmation_invalid');
      }
    }
  });

  test('of type DPoP without a jkt is refused as confirmation_invalid (RFC 9449 §6.2)', async () => {
    const token = issuer.opaque({ token_type: 'DPoP' });
    await refused(backend(issuer, ANY_CLIENT).validateAccessToken(token), 'confirmation_invalid');
    await refused(backend(issuer, ANY_CLIENT).validateAccessToken(token, withProof(token)), 'confirmation_invalid');
  });

  test('of another type with a jkt is bound, and unknown members of cnf do not matter', async () => {
    const token = issuer.opaque({ token_type: 'Bearer', cnf: { jkt: key.jkt, 'kc-jkt-type': 'a' } });
    await refused(backend(issuer, ANY_CLIENT).validateAccessToken(token), 'dpop_scheme_required');
    assert.ok(await backend(issuer, ANY_CLIENT).validateAccessToken(token, withProof(token)));
  });

  test('that is opaque is not introspected for a proof that cannot be its own', async () => {
    const own = backend(issuer, ANY_CLIENT);
    await own.warmUp();
    for (const change of [{ claims: { ath: 'A'.repeat(43) } }, { method: 'POST' }, { url: 'https://evil.example/' }]) {
      const token = boundOpaque(issuer, key);
      const proof = proofOf({ key, url: URL, token, ...change });
      issuer.resetCounts();
      assert.notEqual(await outcomeOf(own.validateAccessToken(token, presented(proof, { url: URL }))), 'accepted');
      assert.equal(issuer.counts['/introspect'], undefined);
    }
  });
});
