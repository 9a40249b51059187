// Are claims of the wrong type, for another audience or for another purpose rejected?
//
// RFC 7519 §4.1, RFC 9068 §4. Claims vary as JSON text, which includes text that JSON.stringify never writes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertRefused, AUDIENCE, base64url, forge, startTarget } from './refused.mjs';

let target;
before(async () => {
  target = await startTarget();
});
after(() => target.close());

/** A valid token in which the JSON text of some members is replaced; `undefined` leaves a member out. */
function withTexts(texts, typ = 'at+jwt') {
  const members = Object.entries(target.issuer.claims()).map(([name, value]) => [name, JSON.stringify(value)]);
  const all = Object.entries({ ...Object.fromEntries(members), ...texts }).filter(([, text]) => text !== undefined);
  const payload = `{${all.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
  return target.issuer.signRaw(JSON.stringify({ alg: 'RS256', kid: target.issuer.keys.rsa.kid, typ }), payload);
}

const SOON = () => Math.floor(Date.now() / 1000) + 3600;
const NO_NUMBERS = [
  ['a string', () => `"${SOON()}"`],
  ['true', () => 'true'],
  ['false', () => 'false'],
  ['null', () => 'null'],
  ['an array', () => `[${SOON()}]`],
  ['an object', () => `{"valueOf":${SOON()}}`],
  ['an empty string', () => '""'],
  ['a date', () => '"2099-01-01T00:00:00Z"'],
  ['the word Infinity', () => '"Infinity"'],
];

describe('times (RFC 7519 §2: NumericDate, a JSON number)', () => {
  for (const [name, reason] of [
    ['exp', 'expiry_invalid'],
    ['nbf', 'not_before_invalid'],
    ['iat', 'issued_at_invalid'],
  ]) {
    for (const [what, text] of NO_NUMBERS) {
      test(`${name} that is ${what} is refused`, () => target.refuses(withTexts({ [name]: text() }), reason));
    }
    for (const text of ['1e400', '-1e400', '9'.repeat(400)]) {
      test(`${name} of ${text.slice(0, 8)}, which is not a finite number, is refused`, () =>
        target.refuses(withTexts({ [name]: text }), 'claims_invalid'));
    }
    for (const [what, text] of [
      ['NaN', 'NaN'],
      ['Infinity', 'Infinity'],
      ['+1', '+1'],
      ['.5', '.5'],
      ['1.', '1.'],
      ['0x7fffffff', '0x7fffffff'],
    ]) {
      test(`${name} of ${what}, which is not JSON, is refused`, () =>
        target.refuses(withTexts({ [name]: text }), 'claims_invalid'));
    }
  }

  test('an absent exp is refused (RFC 9068 §2.2)', () =>
    target.refuses(withTexts({ exp: undefined }), 'expiry_invalid'));

  for (const text of ['-1', '0', '-0', '1e-400', '-1e308', '0.9999']) {
    test(`exp of ${text} has expired`, () => target.refuses(withTexts({ exp: text }), 'expired'));
  }

  for (const text of ['-1', '-0.5', '-1e308']) {
    test(`iat of ${text} is refused`, () => target.refuses(withTexts({ iat: text }), 'issued_at_invalid'));
  }

  for (const text of ['1e308', '99999999999999999999', '253402300800']) {
    test(`nbf of ${text} is not reached`, () => target.refuses(withTexts({ nbf: text }), 'not_yet_valid'));
  }

  test('fractions and exponents are numbers like any other', async () => {
    const soon = SOON();
    await target.accepts(withTexts({ exp: `${soon}.5`, nbf: '1.5e3', iat: '0.5' }));
    await target.accepts(withTexts({ exp: `${soon}e0`, nbf: '-1', iat: '-0' }));
    await target.accepts(withTexts({ exp: '1e15' }));
  });

  test('exp equal to now is expired, a thousandth later it is not; nbf equal to now is reached', async (t) => {
    const client = target.clientWith({ clockTolerance: 0 });
    const now = 2_000_000_000;
    t.mock.timers.enable({ apis: ['Date'], now: now * 1000 });
    await assert.rejects(client.validateAccessToken(withTexts({ exp: `${now}` })), { reason: 'expired' });
    // The fraction is smaller than the distance between two doubles, so it is lost.
    await assert.rejects(client.validateAccessToken(withTexts({ exp: `${now}.0000001` })), { reason: 'expired' });
    await client.validateAccessToken(withTexts({ exp: `${now}.001`, nbf: `${now}` }));
    await assert.rejects(client.validateAccessToken(withTexts({ nbf: `${now}.001` })), { reason: 'not_yet_valid' });
  });
});

describe('audience (RFC 7519 §4.1.3, RFC 9068 §4)', () => {
  const others = {
    absent: undefined,
    'an empty array': '[]',
    'an empty string': '""',
    null: 'null',
    'a number': '1',
    true: 'true',
    'an object with it as a value': `{"0":"${AUDIENCE}","length":1}`,
    'an object with it as a name': `{"${AUDIENCE}":true}`,
    'nested in an array': `[["${AUDIENCE}"]]`,
    'mixed with a number': `["${AUDIENCE}",1]`,
    'mixed with null': `[null,"${AUDIENCE}"]`,
    'mixed with an object': `["${AUDIENCE}",{}]`,
    'a longer one': `"${AUDIENCE}.evil.example"`,
    'a path below it': `"${AUDIENCE}/v1"`,
    'a shorter one': `"${AUDIENCE.slice(0, -1)}"`,
    'with a slash behind': `"${AUDIENCE}/"`,
    'with a space in front': `" ${AUDIENCE}"`,
    'with a NUL behind': `"${AUDIENCE}\\u0000"`,
    'in capitals': `"${AUDIENCE.toUpperCase()}"`,
    'with another scheme': `"${AUDIENCE.replace('https', 'http')}"`,
    'percent-encoded': `"${AUDIENCE.replace('api', '%61pi')}"`,
    'with a port': `"${AUDIENCE}:443"`,
    'several in one string': `"${AUDIENCE} https://other.example.com"`,
    'several with commas': `"${AUDIENCE},https://other.example.com"`,
    'a pattern': '"https://*.example.com"',
    'a regular expression': '".*"',
    'with a Cyrillic а': `"${AUDIENCE.replace('api', '\u0430pi')}"`,
    'with a full-width letter': `"${AUDIENCE.replace('api', 'ａpi')}"`,
    'JSON in a string': JSON.stringify(JSON.stringify([AUDIENCE])),
  };
  for (const [what, aud] of Object.entries(others)) {
    test(`an audience that is ${what} is not ours`, () => target.refuses(withTexts({ aud }), 'audience_mismatch'));
  }

  test('our audience among others is accepted, also if written with escapes', async () => {
    await target.accepts(withTexts({ aud: `["https://other.example.com","${AUDIENCE}"]` }));
    await target.accepts(withTexts({ aud: `"${AUDIENCE.replaceAll('/', '\\/').replace('a', '\\u0061')}"` }));
  });

  test('another Unicode form of the audience is another audience', async () => {
    const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'].map((name) => `https://${name}.example`);
    const client = target.clientWith({ audience: composed });
    await client.validateAccessToken(withTexts({ aud: `"${composed}"` }));
    const token = withTexts({ aud: `"${decomposed}"` });
    await assertRefused(() => client.validateAccessToken(token), { token, reason: 'audience_mismatch' });
  });
});

describe('issuer (RFC 7519 §4.1.1, RFC 9068 §4: exactly)', () => {
  const others = {
    absent: () => undefined,
    null: () => 'null',
    empty: () => '""',
    'an array with it': (issuer) => `["${issuer}"]`,
    'an object': (issuer) => `{"iss":"${issuer}"}`,
    'a prefix of it': (issuer) => `"${issuer.slice(0, -1)}"`,
    longer: (issuer) => `"${issuer}.evil.example"`,
    'with a slash behind': (issuer) => `"${issuer}/"`,
    'with a path': (issuer) => `"${issuer}/tenant"`,
    'with a query': (issuer) => `"${issuer}?x"`,
    'in capitals': (issuer) => `"${issuer.toUpperCase()}"`,
    'with https': (issuer) => `"${issuer.replace('http:', 'https:')}"`,
    'by another name of the host': (issuer) => `"${issuer.replace('127.0.0.1', 'localhost')}"`,
    'by another spelling of the address': (issuer) => `"${issuer.replace('127.0.0.1', '127.1')}"`,
    'as the user of another host': (issuer) => `"${issuer}@evil.example"`,
    'with a space behind': (issuer) => `"${issuer} "`,
    'with a NUL behind': (issuer) => `"${issuer}\\u0000"`,
    'another’s': () => '"https://evil.example"',
  };
  for (const [what, iss] of Object.entries(others)) {
    test(`an issuer that is ${what} is refused`, () =>
      target.refuses(withTexts({ iss: iss(target.issuer.issuer) }), 'issuer_mismatch'));
  }
});

describe('subject (RFC 7519 §4.1.2)', () => {
  for (const sub of ['1', 'null', 'true', '["user-1"]', '{"id":"user-1"}']) {
    test(`a sub of ${sub} is refused`, () => target.refuses(withTexts({ sub }), 'subject_invalid'));
  }
});

describe('confirmation (RFC 8705 §3.1): an unreadable cnf is never accepted', () => {
  for (const cnf of [
    'null',
    '"x"',
    '[]',
    '1',
    '{"x5t#S256":null}',
    '{"x5t#S256":1}',
    '{"x5t#S256":""}',
    '{"x5t#S256":"AA"}',
    '{"x5t#S256":["A"]}',
  ]) {
    test(`a cnf of ${cnf} is refused when present, and when required`, async () => {
      const token = withTexts({ cnf });
      await target.refuses(token, 'confirmation_invalid');
      const required = target.client.validateAccessToken(token, { validateCertificateBinding: true });
      await assert.rejects(required, { reason: 'confirmation_invalid' });
    });
  }
});

describe('a token of another purpose (RFC 8725 §2.8, §3.12: cross-JWT confusion)', () => {
  const named = () => target.issuer.issuer;
  const now = () => Math.floor(Date.now() / 1000);
  const purposes = {
    'an ID token': [
      'JWT',
      'audience_mismatch',
      () => ({
        iss: named(),
        sub: 'user-1',
        aud: 'client-1',
        exp: SOON(),
        iat: now(),
        nonce: 'n',
        at_hash: 'x',
        azp: 'client-1',
      }),
    ],
    'a logout token (OpenID Back-Channel Logout §2.4)': [
      'logout+jwt',
      'type_not_allowed',
      () => ({
        iss: named(),
        aud: AUDIENCE,
        iat: now(),
        exp: SOON(),
        jti: '1',
        sid: '1',
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      }),
    ],
    'a logout token without its typ': [
      'JWT',
      'expiry_invalid',
      () => ({
        iss: named(),
        aud: AUDIENCE,
        iat: now(),
        jti: '1',
        sid: '1',
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      }),
    ],
    'a DPoP proof (RFC 9449 §4.2)': [
      'dpop+jwt',
      'type_not_allowed',
      () => ({ jti: '1', htm: 'GET', htu: AUDIENCE, iat: now() }),
    ],
    'a DPoP proof with claims of an access token': [
      'dpop+jwt',
      'type_not_allowed',
      () => target.issuer.claims({ htm: 'GET', htu: AUDIENCE }),
    ],
    'an introspection answer (RFC 9701 §5)': [
      'token-introspection+jwt',
      'type_not_allowed',
      () => ({
        iss: named(),
        aud: AUDIENCE,
        iat: now(),
        token_introspection: { active: true, ...target.issuer.claims() },
      }),
    ],
    'an introspection answer without its typ': [
      'JWT',
      'expiry_invalid',
      () => ({
        iss: named(),
        aud: AUDIENCE,
        iat: now(),
        token_introspection: { active: true, ...target.issuer.claims() },
      }),
    ],
    'a client assertion (RFC 7523 §3)': [
      'JWT',
      'issuer_mismatch',
      () => ({ iss: 'client-1', sub: 'client-1', aud: AUDIENCE, exp: SOON(), jti: '1' }),
    ],
    'an authorization request (RFC 9101)': [
      'oauth-authz-req+jwt',
      'type_not_allowed',
      () => target.issuer.claims({ response_type: 'code' }),
    ],
    'an authorization answer (JARM)': [
      'JWT',
      'audience_mismatch',
      () => ({ iss: named(), aud: 'client-1', exp: SOON(), code: 'x' }),
    ],
  };
  for (const [what, [typ, reason, claims]] of Object.entries(purposes)) {
    test(`${what} is not an access token`, () =>
      target.refuses(forge(target, { alg: 'RS256', kid: target.issuer.keys.rsa.kid, typ }, claims()), reason));
  }

  test('a nested JWT is not unwrapped (RFC 7519 §5.2)', async () => {
    const header = JSON.stringify({ alg: 'RS256', kid: target.issuer.keys.rsa.kid, cty: 'JWT' });
    await target.refuses(target.issuer.signRaw(header, target.issuer.sign()), 'claims_invalid');
    await target.refuses(target.issuer.signRaw(header, JSON.stringify(target.issuer.sign())), 'claims_invalid');
  });

  test('a JWE is not decrypted and not a JWT: it needs introspection', async () => {
    const header = base64url(JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT', zip: 'DEF' }));
    const token = [header, 'a'.repeat(342), 'a'.repeat(16), 'a'.repeat(40), 'a'.repeat(22)].join('.');
    await assertRefused(() => target.client.validateAccessToken(token), {
      token,
      name: 'MonoCloudValidationError',
      reason: 'client_id_required',
    });
    await assertRefused(() => target.client.validateJwtAccessToken(token), { token, reason: 'token_malformed' });
    const asking = target.clientWith({ clientId: 'a', clientSecret: 'b' });
    await assertRefused(() => asking.validateAccessToken(token), { token, reason: 'inactive', code: 'inactive_token' });
  });

  test('the JSON serializations of a JWS are not tokens (RFC 7515 §7.2)', async () => {
    const [head, payload, signature] = target.issuer.sign().split('.');
    for (const token of [
      JSON.stringify({ payload, protected: head, signature }),
      JSON.stringify({ payload, signatures: [{ protected: head, signature }] }),
    ]) {
      await assertRefused(() => target.client.validateJwtAccessToken(token), { token, reason: 'token_malformed' });
    }
  });
});
