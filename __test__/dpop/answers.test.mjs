// Which response does an API send to a DPoP credential (RFC 9449 §7 and §9)? The same on every framework.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { EVERY } from '../support/adapters.mjs';
import { backend } from '../support/backend.mjs';
import { boundToken, credentials, DEFAULT_ALGS, eventsOf, nowSeconds, proofKey, proofOf } from '../support/dpop.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { rawGet, rawText } from '../support/raw-http.mjs';
import { describeWhere } from '../support/suite.mjs';
import { CHALLENGES } from './figures.mjs';

const native = createRequire(import.meta.url)('../../npm/native/load.js');
/** The text that the table of failures has for a reason. */
const messageOf = (wanted) => native.failures().find(({ reason }) => reason === wanted).message;

const PUBLIC_URL = 'https://api.example.com';
const MULTIPLE = 'error="invalid_request", error_description="Multiple methods used to include access token"';
const DPOP = `DPoP algs="${DEFAULT_ALGS}"`;

let issuer;
let key;
let other;
before(async () => {
  issuer = await startIssuer();
  [key, other] = await Promise.all([proofKey(), proofKey('ES256', 'other')]);
});
after(() => issuer.close());

/** The header lines of a request for `/` or `path`; the proof is a new one. */
function lines(token, { path = '/', ...proof } = {}) {
  const headers = credentials(token, proofOf({ key, url: PUBLIC_URL + path, token, ...proof }));
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
}

const bearer = (token) => [`Authorization: Bearer ${token}`];
const fault = (reason, error = 'invalid_dpop_proof') =>
  `DPoP error="${error}", error_description="${messageOf(reason)}", algs="${DEFAULT_ALGS}"`;

/** `[situation, request, { mode: [status, challenge] }, path]`, the rows of docs/dpop.md. */
const ROWS = [
  [
    'without credentials (Figure 17)',
    () => [],
    { when_present: [401, `Bearer, ${DPOP}`], required: [401, DPOP], dangerously_ignore: [401, 'Bearer'] },
  ],
  [
    'with a bearer token that is refused (Figure 18)',
    () => bearer('a.b.c'),
    {
      when_present: [401, `Bearer error="invalid_token", error_description="Token is malformed", ${DPOP}`],
      required: [401, `DPoP error="invalid_token", error_description="Token is malformed", algs="${DEFAULT_ALGS}"`],
      dangerously_ignore: [401, 'Bearer error="invalid_token", error_description="Token is malformed"'],
    },
  ],
  [
    'with a bound token as a bearer token',
    () => bearer(boundToken(issuer, key)),
    {
      when_present: [
        401,
        `Bearer error="invalid_token", error_description="Token is bound to a DPoP key and came as a bearer token", ${DPOP}`,
      ],
      required: [401, () => fault('dpop_scheme_required', 'invalid_token')],
      dangerously_ignore: [200, undefined],
    },
  ],
  [
    'with a token that is not bound as a bearer token',
    () => bearer(issuer.sign()),
    {
      when_present: [200, undefined],
      required: [401, () => fault('dpop_binding_missing', 'invalid_token')],
      dangerously_ignore: [200, undefined],
    },
  ],
  [
    'with a bound token and its proof',
    () => lines(boundToken(issuer, key)),
    { when_present: [200, undefined], required: [200, undefined] },
  ],
  [
    'with another token under DPoP (Figure 16)',
    () => lines('a.b.c'),
    {
      when_present: [401, () => fault('token_malformed', 'invalid_token')],
      required: [401, () => fault('token_malformed', 'invalid_token')],
    },
  ],
  [
    'with a token that is bound to another key (Figure 16)',
    () => lines(boundToken(issuer, other)),
    {
      when_present: [401, () => fault('dpop_key_mismatch', 'invalid_token')],
      required: [401, () => fault('dpop_key_mismatch', 'invalid_token')],
    },
  ],
  [
    'with a token that is not bound, under DPoP',
    () => lines(issuer.sign()),
    {
      when_present: [401, () => fault('dpop_binding_missing', 'invalid_token')],
      required: [401, () => fault('dpop_binding_missing', 'invalid_token')],
    },
  ],
  [
    'without a proof',
    () => [`Authorization: DPoP ${boundToken(issuer, key)}`],
    { when_present: [401, () => fault('dpop_proof_missing')], required: [401, () => fault('dpop_proof_missing')] },
  ],
  [
    'with two DPoP fields (RFC 9449 §4.3, check 1)',
    () => {
      const [authorization, proof] = lines(boundToken(issuer, key));
      return [authorization, proof, proof];
    },
    { when_present: [401, () => fault('dpop_proof_malformed')], required: [401, () => fault('dpop_proof_malformed')] },
  ],
  [
    'with an old proof',
    () => lines(boundToken(issuer, key), { iat: nowSeconds() - 412 }),
    {
      when_present: [
        401,
        `DPoP error="invalid_dpop_proof", error_description="DPoP proof is 412 seconds old: check the clock", algs="${DEFAULT_ALGS}"`,
      ],
    },
  ],
  [
    'with two Authorization fields (Figure 19)',
    () => [...bearer(boundToken(issuer, key)), ...lines(boundToken(issuer, key))],
    {
      when_present: [400, `Bearer ${MULTIPLE}, DPoP algs="${DEFAULT_ALGS}", ${MULTIPLE}`],
      required: [400, `DPoP algs="${DEFAULT_ALGS}", ${MULTIPLE}`],
      dangerously_ignore: [401, 'Bearer'],
    },
  ],
  [
    'with a bound token that lacks a scope',
    () => lines(boundToken(issuer, key), { path: '/write' }),
    {
      when_present: [403, `DPoP error="insufficient_scope", scope="data:write", algs="${DEFAULT_ALGS}"`],
      required: [403, `DPoP error="insufficient_scope", scope="data:write", algs="${DEFAULT_ALGS}"`],
    },
    '/write',
  ],
  [
    'with a bearer token that lacks a scope',
    () => bearer(issuer.sign()),
    {
      when_present: [403, 'Bearer error="insufficient_scope", scope="data:write"'],
      dangerously_ignore: [403, 'Bearer error="insufficient_scope", scope="data:write"'],
    },
    '/write',
  ],
];
const BODIES = { 400: 'bad request', 401: 'unauthorized', 403: 'forbidden' };

const only = (headers, name) => headers.filter(([own]) => own === name).map(([, value]) => value);

for (const framework of EVERY) {
  describeWhere(framework.skip, `${framework.name}: the answer`, () => {
    /** Runs `use` with the URL of an API whose clients reach it at `PUBLIC_URL`. */
    const serve = (options, use, routes = {}) => {
      const protect = framework.protectApi(backend(issuer, { publicUrl: PUBLIC_URL, ...options }));
      const own = Object.entries(routes).map(([path, route]) => [path, { protect: protect(route) }]);
      const all = { '/': { protect: protect() }, '/write': { protect: protect({ scopes: ['data:write'] }) } };
      return framework.with({ ...all, ...Object.fromEntries(own) }, use);
    };

    for (const mode of ['when_present', 'required', 'dangerously_ignore']) {
      test(`of an API with ${mode} has the status and the challenge of each situation`, async (t) => {
        t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
        await serve({ validateDPoPBinding: mode }, async (url) => {
          for (const [situation, request, answers, path = '/'] of ROWS.filter((row) => row[2][mode])) {
            // An adapter that copies the parsed headers of Node has only the first `Authorization` field.
            if (framework.keepsFirst && situation.startsWith('with two Authorization')) continue;
            const [status, challenge] = answers[mode];
            const expected = typeof challenge === 'function' ? challenge() : challenge;
            const answer = await rawGet(url + path, request());
            assert.equal(answer.status, status, `${situation}: ${answer.body}`);
            assert.deepEqual(
              only(answer.headers, 'www-authenticate'),
              expected === undefined ? [] : [expected],
              situation,
            );
            if (status !== 200) assert.deepEqual(JSON.parse(answer.body), { message: BODIES[status] }, situation);
            assert.deepEqual(only(answer.headers, 'dpop-nonce'), [], situation);
          }
        });
      });
    }

    test('does not let a token without a binding pass under DPoP, whatever the mode', async () => {
      for (const mode of ['when_present', 'required', 'dangerously_ignore']) {
        await serve({ validateDPoPBinding: mode }, async (url) => {
          assert.equal((await rawGet(url, lines(issuer.sign()))).status, 401, mode);
        });
      }
    });

    test('to a DPoP field beside an unbound bearer token is the route’s', async () => {
      await serve({}, async (url) => {
        const token = issuer.sign();
        const [, proof] = lines(token);
        assert.equal((await rawGet(url, [...bearer(token), proof])).status, 200);
        assert.equal((await rawGet(url, [...bearer(token), 'DPoP: garbage'])).status, 200);
      });
    });

    test('to DPoP in any case, and with more blanks, is the same (RFC 9110 §11.1)', async () => {
      await serve({}, async (url) => {
        for (const scheme of ['dpop', 'DPOP', 'dPoP  ']) {
          const token = boundToken(issuer, key);
          const [, proof] = lines(token);
          const { status } = await rawGet(url, [`AUTHORIZATION: ${scheme} ${token}`, proof.replace('dpop', 'DPOP')]);
          assert.equal(status, 200, scheme);
        }
      });
    });

    test('follows the route’s own validateDPoPBinding', async () => {
      const routes = { '/must': { validateDPoPBinding: true }, '/ignores': { validateDPoPBinding: false } };
      await serve(
        {},
        async (url) => {
          const [bound, plain] = [boundToken(issuer, key), issuer.sign()];
          const status = async (path, request) => (await rawGet(url + path, request)).status;
          assert.equal(await status('/must', bearer(plain)), 401);
          assert.equal(await status('/must', bearer(bound)), 401);
          assert.equal(await status('/must', lines(bound, { path: '/must' })), 200);
          assert.equal(await status('/ignores', bearer(bound)), 200);
          assert.equal(await status('/ignores', bearer(plain)), 200);
        },
        routes,
      );
    });

    test('has the figures’ challenges, with our own words and without their realm', async () => {
      const algorithms = ['ES256', 'PS256'];
      const shapeOf = (challenge) =>
        challenge.replace('realm="WallyWorld", ', '').replace(/error_description="[^"]*"/g, 'error_description="…"');
      const challengeOf = async (options, request) => {
        let challenge;
        await serve({ ...options }, async (url) => {
          [challenge] = only((await rawGet(url, request())).headers, 'www-authenticate');
        });
        return shapeOf(challenge);
      };
      const required = { validateDPoPBinding: 'required', dpop: { algorithms } };
      const nonces = { dpop: { algorithms, nonce: 'required' } };
      const two = () => [...bearer('x'), 'Authorization: DPoP x'];
      assert.equal(await challengeOf(required, () => []), shapeOf(CHALLENGES['Figure 15']));
      const one = { dpop: { algorithms: ['ES256'] } };
      const foreign = () => lines(boundToken(issuer, other));
      assert.equal(await challengeOf(one, foreign), shapeOf(CHALLENGES['Figure 16']));
      assert.equal(await challengeOf({ dpop: { algorithms } }, () => []), CHALLENGES['Figure 17']);
      assert.equal(
        await challengeOf({ dpop: { algorithms } }, () => bearer('a.b.c')),
        shapeOf(CHALLENGES['Figure 18']),
      );
      if (!framework.keepsFirst) {
        assert.equal(await challengeOf({ dpop: { algorithms } }, two), shapeOf(CHALLENGES['Figure 19']));
      }
      const fresh = () => lines(boundToken(issuer, key));
      assert.equal(await challengeOf(nonces, fresh), `${shapeOf(CHALLENGES['Figure 24'])}, algs="ES256 PS256"`);
    });

    // The adapters of the Fetch standard reject such a request, or make up a host.
    const skip = framework.isWeb === true && 'the adapter decides';
    test('to a request without a Host names no URL, and publicUrl mends it', { skip }, async () => {
      const request = (token) => ['GET / HTTP/1.0', ...lines(token), '', ''].join('\r\n');
      const events = await eventsOf('refused', () =>
        serve({ publicUrl: undefined }, async (url) => {
          assert.equal((await rawText(url, request(boundToken(issuer, key)))).status, 401);
        }),
      );
      assert.deepEqual(
        events.map(({ reason }) => reason),
        ['dpop_url_unknown'],
      );
      await serve({}, async (url) => {
        assert.equal((await rawText(url, request(boundToken(issuer, key)))).status, 200);
      });
    });
  });
}
