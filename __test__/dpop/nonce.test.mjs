// Does the resource server give nonces, and does it ask for them when it should (RFC 9449 §8 and §9)?
//
// The clock is simulated. The responses come from real servers, because `DPoP-Nonce` is a header field.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';

import { EVERY } from '../support/adapters.mjs';
import { backend, failure } from '../support/backend.mjs';
import { boundToken, credentials, freshKey, presented, proofOf } from '../support/dpop.mjs';
import { request } from '../support/http.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { describeWhere } from '../support/suite.mjs';

const ROTATION = 60;
const PUBLIC_URL = 'https://api.example.com';
const SECRET = Buffer.alloc(32, 7).toString('base64url');
/** RFC 9449 §8.1: 1*NQCHAR. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Seconds between the tests: the clock of a process never goes back, because its replay memory has forgotten. */
const APART = 864_000;

/** The start of a rotation of 60 s, another one in each test. */
let start = 2_000_000_040;
let issuer;
let key;
let other;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());
/** Clients with equal settings share their memory of proofs and senders. Each server has a memory of its own. */
let memories = 0;
beforeEach(async () => {
  start += APART;
  [key, other] = await Promise.all([freshKey(), freshKey()]);
});

/** Starts the simulated clock: `{ at }`, which sets it in seconds after `start`. */
function clock(t) {
  t.mock.timers.enable({ apis: ['Date'], now: start * 1000 });
  return { at: (seconds) => t.mock.timers.setTime((start + seconds) * 1000) };
}

for (const framework of EVERY) {
  describeWhere(framework.skip, `${framework.name}: a nonce`, () => {
    /**
     * Runs `use` with a function that sends one request with a new proof, and returns `{ status, nonce, error,
     * description, cacheControl }`.
     */
    const serve = (dpop, use, handler) => {
      memories += 1;
      const own = { ...dpop, replayCacheSize: 1024 + memories };
      const protect = framework.protectApi(backend(issuer, { publicUrl: PUBLIC_URL, dpop: own }))();
      return framework.with({ '/': { protect, ...(handler && { handler }) } }, (url) =>
        use(async ({ sender = key, proof, ...claims } = {}) => {
          const token = boundToken(issuer, sender, { exp: start + 86_400 * 3 });
          const text = proof ?? proofOf({ key: sender, url: `${PUBLIC_URL}/`, token, ...claims });
          const { status, headers } = await request(url, { headers: credentials(token, text) });
          const [, error, description] =
            /error="([^"]*)", error_description="([^"]*)"/.exec(headers['www-authenticate'] ?? '') ?? [];
          return { status, nonce: headers['dpop-nonce'], error, description, cacheControl: headers['cache-control'] };
        }),
      );
    };
    const agrees = (answer, status, error) => assert.deepEqual([answer.status, answer.error], [status, error]);
    const asks = (answer) => {
      agrees(answer, 401, 'use_dpop_nonce');
      assert.match(answer.nonce, NONCE);
      assert.equal(answer.cacheControl, 'no-store');
      return answer.nonce;
    };
    const accepts = (answer) => {
      agrees(answer, 200, undefined);
      assert.deepEqual([answer.nonce, answer.cacheControl], [undefined, undefined]);
    };

    test('is neither given nor asked for by default', async (t) => {
      clock(t);
      await serve(undefined, async (send) => {
        accepts(await send());
        accepts(await send({ nonce: 'of somebody else' }));
        const stale = await send({ iat: start - 100 });
        agrees(stale, 401, 'invalid_dpop_proof');
        assert.equal(stale.nonce, undefined);
      });
    });

    test('that is required is given with the refusal, and lets the retry pass', async (t) => {
      clock(t);
      await serve({ nonce: 'required' }, async (send) => {
        const nonce = asks(await send());
        accepts(await send({ nonce }));
        // One nonce serves several proofs (RFC 9449 §11.1).
        accepts(await send({ nonce }));
      });
    });

    test('stands in for iat, for a clock that is off by up to a day', async (t) => {
      clock(t);
      await serve({ nonce: 'required' }, async (send) => {
        const nonce = asks(await send());
        for (const seconds of [-86_400, -3600, 3600, 86_400]) accepts(await send({ nonce, iat: start + seconds }));
        for (const seconds of [-86_401, 86_401]) {
          agrees(await send({ nonce, iat: start + seconds }), 401, 'invalid_dpop_proof');
        }
      });
    });

    test('is good for one to two rotations, and the answer to an older one has the new one', async (t) => {
      const { at } = clock(t);
      await serve({ nonce: 'required', nonceRotation: ROTATION }, async (send) => {
        const nonce = asks(await send());
        at(ROTATION - 1);
        accepts(await send({ nonce }));
        at(ROTATION);
        const accepted = await send({ nonce });
        agrees(accepted, 200, undefined);
        assert.match(accepted.nonce, NONCE);
        assert.notEqual(accepted.nonce, nonce);
        assert.equal(accepted.cacheControl, 'no-store');
        accepts(await send({ nonce: accepted.nonce }));
        at(2 * ROTATION - 1);
        assert.equal((await send({ nonce })).status, 200);
        at(2 * ROTATION);
        assert.notEqual(asks(await send({ nonce })), nonce);
      });
    });

    test('of the next rotation is good too, because the clocks of two machines differ', async (t) => {
      const { at } = clock(t);
      await serve({ nonce: 'required', nonceSecret: SECRET }, async (send) => {
        at(ROTATION);
        const nonce = asks(await send());
        at(ROTATION - 1);
        assert.equal((await send({ nonce })).status, 200);
        at(-1);
        asks(await send({ nonce }));
      });
    });

    test('has different words when it is absent and when it is wrong', async (t) => {
      clock(t);
      await serve({ nonce: 'required' }, async (send) => {
        const absent = await send();
        const nonce = asks(absent);
        for (const wrong of ['a', `${nonce}A`, nonce.slice(1), nonce.toUpperCase(), 'A'.repeat(nonce.length), '']) {
          const answer = await send({ nonce: wrong });
          asks(answer);
          assert.notEqual(answer.description, absent.description, wrong);
        }
      });
    });

    test('does not make a proof good twice, also with a wrong clock', async (t) => {
      clock(t);
      await serve({ nonce: 'required' }, async (send) => {
        const nonce = asks(await send());
        for (const iat of [start, start - 3600, start + 3600]) {
          const jti = randomUUID();
          accepts(await send({ nonce, iat, jti }));
          const again = await send({ nonce, iat, jti });
          agrees(again, 401, 'invalid_dpop_proof');
        }
      });
    });

    test('of when_stale is only asked for when iat is too old or too new, and heals a wrong clock', async (t) => {
      clock(t);
      await serve({ nonce: 'when_stale' }, async (send) => {
        accepts(await send());
        for (const seconds of [-600, 600]) {
          const nonce = asks(await send({ iat: start + seconds }));
          accepts(await send({ iat: start + seconds, nonce }));
        }
      });
    });

    test('of when_stale must be used by the sender that was given one, while it lasts (RFC 9449 §11.3)', async (t) => {
      const { at } = clock(t);
      await serve({ nonce: 'when_stale', nonceRotation: ROTATION }, async (send) => {
        const nonce = asks(await send({ iat: start - 600 }));
        asks(await send());
        accepts(await send({ nonce }));
        accepts(await send({ sender: other }));
        at(2 * ROTATION);
        // The refused proof of `send()` above has asked for no later nonce than the first one.
        accepts(await send());
      });
    });

    test('leaves the Cache-Control that the route sets later', async (t) => {
      const { at } = clock(t);
      // Only Express lets a handler reach its response from its request.
      const handler = ({ res }) => ({ isSet: Boolean(res?.set?.('cache-control', 'private')) });
      await serve(
        { nonce: 'required' },
        async (send) => {
          const nonce = asks(await send());
          at(ROTATION);
          const { status, cacheControl } = await send({ nonce });
          const expected = /^express|nestjs on express/.test(framework.name) ? 'private' : 'no-store';
          assert.deepEqual([status, cacheControl], [200, expected]);
        },
        handler,
      );
    });
  });
}

describe('a nonceSecret', () => {
  const clientWith = (dpop) => backend(issuer, { dpop });
  const url = `${PUBLIC_URL}/`;
  const decide = (client, claims) => {
    const token = boundToken(issuer, key, { exp: start + 3600 });
    return client.validateAccessToken(token, presented(proofOf({ key, url, token, ...claims }), { url }));
  };
  const nonceOf = async (client, claims) => {
    const error = await decide(client, claims).catch((thrown) => thrown);
    assert.deepEqual([error.name, error.code], ['MonoCloudTokenError', 'use_dpop_nonce'], error);
    assert.match(error.dpopNonce, NONCE);
    return error.dpopNonce;
  };

  test('makes the nonces of one process good in another one, in base64url and in hex', async (t) => {
    clock(t);
    const nonce = await nonceOf(clientWith({ nonce: 'required', nonceSecret: SECRET }));
    const hex = Buffer.from(SECRET, 'base64url').toString('hex');
    for (const nonceSecret of [SECRET, hex]) {
      assert.ok(await decide(clientWith({ nonce: 'required', nonceSecret }), { nonce }));
    }
  });

  test('that differs, or another audience, makes other nonces', async (t) => {
    clock(t);
    const nonce = await nonceOf(clientWith({ nonce: 'required', nonceSecret: SECRET }));
    const different = clientWith({ nonce: 'required', nonceSecret: Buffer.alloc(32, 8).toString('base64url') });
    const elsewhere = backend(issuer, { audience: 'urn:x', dpop: { nonce: 'required', nonceSecret: SECRET } });
    assert.notEqual(await nonceOf(different, { nonce }), nonce);
    const token = boundToken(issuer, key, { exp: start + 3600, aud: 'urn:x' });
    const proof = proofOf({ key, url, token, nonce });
    const stale = failure('MonoCloudTokenError', 'dpop_nonce_stale', { code: 'use_dpop_nonce' });
    await assert.rejects(elsewhere.validateAccessToken(token, presented(proof, { url })), stale);
  });

  test('switches when_stale on', async (t) => {
    clock(t);
    assert.ok(await decide(clientWith({ nonceSecret: SECRET })));
    await nonceOf(clientWith({ nonceSecret: SECRET }), { iat: start - 600 });
  });

  test('names the reasons: missing, and stale', async (t) => {
    clock(t);
    const client = clientWith({ nonce: 'required', nonceSecret: SECRET });
    for (const [nonce, reason] of [
      [undefined, 'dpop_nonce_missing'],
      ['a', 'dpop_nonce_stale'],
    ]) {
      await assert.rejects(
        decide(client, { nonce }),
        failure('MonoCloudTokenError', reason, { code: 'use_dpop_nonce' }),
      );
    }
  });

  test('is not asked of a sender whose key is not the token’s: the key comes first', async (t) => {
    clock(t);
    const client = clientWith({ nonce: 'required', nonceSecret: SECRET });
    const token = boundToken(issuer, key, { exp: start + 3600 });
    const proof = proofOf({ key: other, url, token });
    await assert.rejects(
      client.validateAccessToken(token, presented(proof, { url })),
      failure('MonoCloudTokenError', 'dpop_key_mismatch', { code: 'invalid_token' }),
    );
  });
});
