// Are the examples of RFC 9449, RFC 7638 and RFC 8037 decided as the RFCs say?
//
// The first suite checks the figures with node:crypto alone, so that a wrong copy of a figure fails here.

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { describe, test } from 'node:test';

import { backend, failure } from '../support/backend.mjs';
import { athOf, keyOf, outcomeOf, presented, proofOf, thumbprint } from '../support/dpop.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { ED25519, INTROSPECTED, JKT, PROOFS, RSA, TOKEN } from './figures.mjs';

const parse = (part) => JSON.parse(Buffer.from(part, 'base64url'));

describe('the RFCs themselves', () => {
  for (const [figure, { text, method, url, iat }] of Object.entries(PROOFS)) {
    test(`${figure} is signed by the key of its header, whose thumbprint is that of Figure 11`, () => {
      const [header, claims, signature] = text.split('.');
      const { typ, alg, jwk } = parse(header);
      assert.deepEqual([typ, alg, thumbprint(jwk)], ['dpop+jwt', 'ES256', JKT]);
      const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
      const signed = Buffer.from(`${header}.${claims}`);
      assert.ok(verify('sha256', signed, key, Buffer.from(signature, 'base64url')));
      const { htm, htu, iat: issued } = parse(claims);
      assert.deepEqual([htm, htu, issued], [method, url, iat]);
    });
  }

  test('only Figure 13 is for a token, the one of Figure 12', () => {
    const ath = Object.values(PROOFS).map(({ text }) => parse(text.split('.')[1]).ath);
    assert.deepEqual(ath, [undefined, undefined, athOf(TOKEN)]);
    assert.equal(athOf(TOKEN), 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo');
  });

  test('RFC 7638 §3.1 and RFC 8037 §A.3 give the thumbprints of an RSA and an OKP key', () => {
    for (const { jwk, jkt } of [RSA, ED25519]) {
      assert.equal(thumbprint(jwk), jkt);
      const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicPart } = jwk;
      assert.deepEqual(
        createPublicKey(createPrivateKey({ key: jwk, format: 'jwk' })).export({ format: 'jwk' }),
        publicPart,
      );
    }
  });
});

describe('the client', () => {
  const AT = 1562262620_000;
  const { text, ...request } = PROOFS['Figure 13'];

  /**
   * A client of Figure 11's issuer; the figure's response lacks an audience, which the client requires. The token of
   * Figure 12 happens to have three parts, so without `introspectJwtTokens` it counts as a JWT.
   */
  function figuresClient(options) {
    const audience = 'https://resource.example.org';
    return backend(
      { issuer: INTROSPECTED.iss },
      {
        audience,
        clientId: 'resource',
        clientSecret: 'secret',
        introspectJwtTokens: true,
        fetcher: (url) =>
          Response.json(
            url.endsWith('/introspect')
              ? { ...INTROSPECTED, aud: audience }
              : { issuer: INTROSPECTED.iss, introspection_endpoint: `${INTROSPECTED.iss}/introspect` },
          ),
        ...options,
      },
    );
  }

  test('accepts the request of Figure 12 with the introspection response of Figure 11, once', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: AT });
    const client = figuresClient();
    const claims = await client.validateAccessToken(TOKEN, presented(text, request));
    assert.deepEqual([claims.sub, claims.cnf], [INTROSPECTED.sub, { jkt: JKT }]);
    await assert.rejects(
      client.validateAccessToken(TOKEN, presented(text, request)),
      failure('MonoCloudTokenError', 'dpop_replayed', { code: 'invalid_dpop_proof' }),
    );
  });

  for (const [what, change, at, reason] of [
    ['as another method', { method: 'POST' }, AT, 'dpop_method_mismatch'],
    ['at another path', { url: 'https://resource.example.org/protectedresource2' }, AT, 'dpop_url_mismatch'],
    ['at another host', { url: 'https://resource.example.com/protectedresource' }, AT, 'dpop_url_mismatch'],
    ['61 seconds after it was made', {}, (request.iat + 61) * 1000, 'dpop_expired'],
    ['31 seconds before it was made', {}, (request.iat - 31) * 1000, 'dpop_not_yet_valid'],
  ]) {
    test(`refuses the proof of Figure 12 ${what}`, async (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: at });
      const decision = figuresClient().validateAccessToken(TOKEN, presented(text, { ...request, ...change }));
      assert.equal(await outcomeOf(decision), reason);
    });
  }

  for (const figure of ['Figure 2', 'Figure 7']) {
    test(`refuses the proof of ${figure}, which has no ath`, async (t) => {
      const { text: proof, iat, ...tokenRequest } = PROOFS[figure];
      t.mock.timers.enable({ apis: ['Date'], now: (iat + 1) * 1000 });
      const decision = figuresClient().validateAccessToken(TOKEN, presented(proof, tokenRequest));
      assert.equal(await outcomeOf(decision), 'dpop_claims_invalid');
    });
  }

  test('refuses the token of Figure 12 as a bearer token (RFC 9449 §7.2)', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: AT });
    assert.equal(await outcomeOf(figuresClient().validateAccessToken(TOKEN)), 'dpop_scheme_required');
  });

  for (const [what, alg, { jwk, jkt }] of [
    ['RFC 7638 §3.1', 'RS256', RSA],
    ['RFC 7638 §3.1', 'PS256', RSA],
    ['RFC 8037 §A.3', 'EdDSA', ED25519],
    ['RFC 8037 §A.3', 'Ed25519', ED25519],
  ]) {
    test(`accepts a token that is bound to the thumbprint of ${what}, with a proof of ${alg}`, async (t) => {
      const issuer = await startIssuer();
      t.after(() => issuer.close());
      const key = keyOf(alg, createPrivateKey({ key: jwk, format: 'jwk' }));
      const token = issuer.sign({ claims: { cnf: { jkt } } });
      const url = 'https://api.example.com/orders';
      const proof = proofOf({ key, url, token });
      assert.equal((await backend(issuer).validateAccessToken(token, presented(proof, { url }))).cnf.jkt, jkt);
    });
  }
});
