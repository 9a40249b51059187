// Which challenges does an API send (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9449 §7, RFC 9470 §3, RFC 9728 §5.1)?
//
// Figures of the RFCs are compared octet by octet, with their line breaks as one space.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

const require = createRequire(import.meta.url);
const { Challenges, lineOf } = require('../../npm/protect/challenge.js');
const { FAILURES, Failure } = require('../../npm/errors/errors.js');
const { DPOP, Responses } = require('../../npm/protect/response.js');

const ALGORITHMS = 'ES256 PS256';
const INVALID = { error: 'invalid_token', error_description: 'Invalid token' };
const METADATA = 'https://resource.example.com/.well-known/oauth-protected-resource';

const bearerOnly = new Challenges();
const both = new Challenges({ algorithms: ALGORITHMS });
const dpopOnly = new Challenges({ algorithms: ALGORITHMS, requiresDpop: true });

describe('a challenge', () => {
  test('has its parameters in their order, without those that are undefined', () => {
    assert.equal(lineOf([{ scheme: 'Bearer', params: {} }]), 'Bearer');
    assert.equal(lineOf([{ scheme: 'Bearer', params: { realm: undefined } }]), 'Bearer');
    assert.equal(lineOf([{ scheme: 'A', params: { b: '1', a: 2, c: undefined } }]), 'A b="1", a="2"');
    const two = [
      { scheme: 'A', params: { a: '' } },
      { scheme: 'B', params: {} },
    ];
    assert.equal(lineOf(two), 'A a="", B');
  });

  test('has quoted strings that no value can end (RFC 9110 §5.6.4)', () => {
    const quoted = (value) => lineOf([{ scheme: 'A', params: { a: value } }]);
    assert.equal(quoted('say "no"'), String.raw`A a="say \"no\""`);
    assert.equal(quoted('back\\slash'), String.raw`A a="back\\slash"`);
    assert.equal(quoted('a\r\nSet-Cookie: b=1\u0000é\u{1f600}'), 'A a="a  Set-Cookie: b=1    "');
    for (let code = 0; code < 256; code += 1) {
      const line = quoted(`x${String.fromCharCode(code)}`);
      assert.match(line, /^A a="x(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])"$/, String(code));
    }
  });
});

describe('the figures of RFC 9449', () => {
  for (const [figure, line, expected] of [
    ['15', dpopOnly.withoutCredentials(), 'DPoP algs="ES256 PS256"'],
    [
      '16',
      new Challenges({ algorithms: 'ES256' }).rejected('dpop', {
        ...INVALID,
        error_description: 'Invalid DPoP key binding',
      }),
      'DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256"',
    ],
    ['17', both.withoutCredentials(), 'Bearer, DPoP algs="ES256 PS256"'],
    [
      '18',
      both.rejected('bearer', INVALID),
      'Bearer error="invalid_token", error_description="Invalid token", DPoP algs="ES256 PS256"',
    ],
    [
      '19',
      both.multipleCredentials(),
      'Bearer error="invalid_request", error_description="Multiple methods used to include access token", DPoP algs="ES256 PS256", error="invalid_request", error_description="Multiple methods used to include access token"',
    ],
  ]) {
    test(`Figure ${figure} is the challenge`, () => {
      assert.equal(line, expected);
    });
  }

  test('Figure 24 is the challenge, with algs behind it', () => {
    const params = { error: 'use_dpop_nonce', error_description: 'Resource server requires nonce in DPoP proof' };
    const figure = 'DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"';
    assert.equal(lineOf([{ scheme: 'DPoP', params }]), figure);
    assert.equal(both.rejected('dpop', params), `${figure}, algs="ES256 PS256"`);
  });
});

describe('the figures of RFC 9470 §3', () => {
  const error = 'insufficient_user_authentication';
  for (const [figure, params, expected] of [
    [
      'another level',
      { error, error_description: 'A different authentication level is required', acr_values: 'myACR' },
      'Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", acr_values="myACR"',
    ],
    [
      'a later time',
      { error, error_description: 'More recent authentication is required', max_age: 5 },
      'Bearer error="insufficient_user_authentication", error_description="More recent authentication is required", max_age="5"',
    ],
  ]) {
    test(`the one for ${figure} is the challenge`, () => {
      assert.equal(bearerOnly.rejected('bearer', params, false), expected);
    });
  }
});

describe('the challenges of an API', () => {
  test('that ignores DPoP name Bearer only', () => {
    assert.equal(bearerOnly.withoutCredentials(), 'Bearer');
    assert.equal(
      bearerOnly.rejected('bearer', INVALID),
      'Bearer error="invalid_token", error_description="Invalid token"',
    );
  });

  test('that requires DPoP name DPoP only, also for a bearer token', () => {
    const expected = 'DPoP error="invalid_token", error_description="Invalid token", algs="ES256 PS256"';
    assert.equal(dpopOnly.rejected('bearer', INVALID), expected);
    assert.equal(dpopOnly.rejected('dpop', INVALID), expected);
    assert.doesNotMatch(dpopOnly.multipleCredentials(), /Bearer/);
  });

  test('cannot require DPoP without its algorithms', () => {
    assert.equal(new Challenges({ requiresDpop: true }).withoutCredentials(), 'Bearer');
  });

  test('have the realm first, in every challenge', () => {
    const challenges = new Challenges({ algorithms: 'ES256', realm: 'my "API"' });
    assert.equal(
      challenges.rejected('bearer', INVALID),
      String.raw`Bearer realm="my \"API\"", error="invalid_token", error_description="Invalid token", DPoP realm="my \"API\"", algs="ES256"`,
    );
    assert.equal(new Challenges({ realm: 'api' }).withoutCredentials(), 'Bearer realm="api"');
  });

  /** What `extractWWWAuthenticateParams` of the MCP SDK reads: the first word, and a parameter anywhere behind it. */
  const readByMcp = (line) => {
    const [type, scheme] = line.split(' ');
    if (type.toLowerCase() !== 'bearer' || !scheme) return undefined;
    return /resource_metadata=(?:"([^"]+)"|([^\s,]+))/.exec(line)?.[1];
  };

  test('have resource_metadata in the first one, which begins with Bearer and a space unless DPoP is required', () => {
    const settings = { resourceMetadata: METADATA };
    for (const algorithms of [undefined, 'ES256']) {
      const challenges = new Challenges({ ...settings, algorithms });
      const lines = [challenges.withoutCredentials(), challenges.rejected('bearer', INVALID)];
      if (algorithms) lines.push(challenges.rejected('dpop', INVALID), challenges.multipleCredentials());
      for (const line of lines) {
        assert.equal(readByMcp(line), METADATA, line);
        assert.ok(line.indexOf('resource_metadata') < (line + ', DPoP').indexOf(', DPoP'), line);
        assert.equal(line.split('resource_metadata').length, 2, line);
      }
    }
    assert.equal(
      new Challenges({ ...settings, algorithms: 'ES256' }).withoutCredentials(),
      `Bearer resource_metadata="${METADATA}", DPoP algs="ES256"`,
    );
    const required = new Challenges({ ...settings, algorithms: 'ES256', requiresDpop: true });
    assert.equal(required.withoutCredentials(), `DPoP algs="ES256", resource_metadata="${METADATA}"`);
  });
});

describe('the responses of an API', () => {
  const scopes = { scopes: ['a', 'b'] };
  const responses = new Responses({ algorithms: ALGORITHMS });
  const partsOf = ({ status, headers, text }) => [status, headers['WWW-Authenticate'], text];
  const UNAUTHORIZED = '{"message":"unauthorized"}';

  test('to two tokens are 400 where DPoP counts, and those to no token where it does not', () => {
    assert.deepEqual(partsOf(responses.ambiguous), [400, both.multipleCredentials(), '{"message":"bad request"}']);
    const today = new Responses();
    assert.equal(today.ambiguous, today.noToken);
    assert.deepEqual(partsOf(today.ambiguous), [401, 'Bearer', UNAUTHORIZED]);
  });

  test('to no token, and of a resolver that fails, offer both schemes', () => {
    assert.deepEqual(partsOf(responses.noToken), [401, 'Bearer, DPoP algs="ES256 PS256"', UNAUTHORIZED]);
    assert.deepEqual(partsOf(responses.resolverFailed), [
      401,
      'Bearer error="invalid_token", DPoP algs="ES256 PS256"',
      UNAUTHORIZED,
    ]);
  });

  test('to a rejected token have the scheme of the request', () => {
    const why = 'error="invalid_token", error_description="Token has expired"';
    assert.deepEqual(partsOf(responses.to(FAILURES.expired, scopes)), [
      401,
      `Bearer ${why}, DPoP algs="ES256 PS256"`,
      UNAUTHORIZED,
    ]);
    assert.deepEqual(partsOf(responses.to(FAILURES.expired, scopes, { scheme: 'dpop' })), [
      401,
      `DPoP ${why}, algs="ES256 PS256"`,
      UNAUTHORIZED,
    ]);
  });

  test('to missing scopes and groups have the scheme of the request, and do not offer the other', () => {
    const challengeOf = (reason, presented) =>
      responses.to(FAILURES[reason], scopes, presented).headers['WWW-Authenticate'];
    assert.equal(challengeOf('scope_missing'), 'Bearer error="insufficient_scope", scope="a b"');
    assert.equal(challengeOf('group_missing'), 'Bearer error="insufficient_scope"');
    assert.equal(
      challengeOf('scope_missing', { scheme: 'dpop' }),
      'DPoP error="insufficient_scope", scope="a b", algs="ES256 PS256"',
    );
    assert.equal(responses.to(FAILURES.scope_missing, scopes, { scheme: 'dpop' }).status, 403);
  });

  test('have a status and an error for each class of failure that the engine may add', () => {
    const row = (code) => new Failure({ ...FAILURES.expired.spec, code, status: 401, message: 'No' });
    assert.deepEqual(partsOf(responses.to(row('invalid_dpop_proof'), scopes, { scheme: 'dpop' })), [
      401,
      'DPoP error="invalid_dpop_proof", error_description="No", algs="ES256 PS256"',
      UNAUTHORIZED,
    ]);
    const stepUp = row('insufficient_user_authentication');
    const required = { scopes: [], acr: ['gold', 'silver'], maxAge: 300 };
    assert.deepEqual(partsOf(responses.to(stepUp, required)), [
      401,
      'Bearer error="insufficient_user_authentication", error_description="No", acr_values="gold silver", max_age="300"',
      UNAUTHORIZED,
    ]);
    // Another route has other requirements, so the response is not shared.
    const other = responses.to(stepUp, { scopes: [], maxAge: 5 });
    assert.match(other.headers['WWW-Authenticate'], /max_age="5"$/);
  });

  test('are made once for each scheme and failure, unless a proof adds something', () => {
    const refused = (presented) => responses.to(FAILURES.dpop_key_mismatch, scopes, presented);
    assert.equal(refused(DPOP), refused(DPOP));
    assert.equal(refused(), refused());
    assert.notEqual(refused(DPOP), refused());
    assert.match(refused(DPOP).headers['WWW-Authenticate'], /^DPoP error="invalid_token"/);
    const [one, other] = ['abc', 'def'].map((nonce) => refused({ scheme: 'dpop', nonce }).headers['DPoP-Nonce']);
    assert.deepEqual([one, other], ['abc', 'def']);
    assert.equal(refused(DPOP).headers['DPoP-Nonce'], undefined);
  });

  test('can say more about a proof than the failure, and give a nonce', () => {
    const presented = { scheme: 'dpop', description: 'DPoP proof is 412 seconds old: check the clock', nonce: 'abc' };
    const { status, headers } = responses.to(FAILURES.expired, scopes, presented);
    assert.deepEqual(
      [status, headers],
      [
        401,
        {
          'WWW-Authenticate':
            'DPoP error="invalid_token", error_description="DPoP proof is 412 seconds old: check the clock", algs="ES256 PS256"',
          'DPoP-Nonce': 'abc',
          'Cache-Control': 'no-store',
          'Content-Type': 'application/json; charset=utf-8',
        },
      ],
    );
  });

  test('of two APIs do not share their challenges', () => {
    const [one, other] = [new Responses({ realm: 'one' }), new Responses({ realm: 'other' })];
    for (const [api, realm] of [
      [one, 'one'],
      [other, 'other'],
      [one, 'one'],
    ]) {
      assert.match(
        api.to(FAILURES.expired, scopes).headers['WWW-Authenticate'],
        new RegExp(`^Bearer realm="${realm}", `),
      );
    }
  });
});
