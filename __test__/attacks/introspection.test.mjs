// Can an opaque token or an introspection response circumvent the rules?
//
// RFC 7662 §2.2: `active` must be exactly true, and the claims meet the same rules as a JWT's. RFC 7523 §3: an
// assertion is for one issuer and used once. Text from the issuer never reaches a log.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { assertRefused, assertSilent, AUDIENCE, startTarget } from './refused.mjs';

const SECRET = 'the-secret-of-the-api-0123456789abcdef';
const TOKEN = 'an-opaque-token-0123456789-abcdefghijklmnop';
const INACTIVE = { name: 'MonoCloudTokenError', code: 'inactive_token', reason: 'inactive' };
const BODY_INVALID = { name: 'MonoCloudHttpError', reason: 'body_invalid' };

let target;
before(async () => {
  target = await startTarget({ clientId: 'api', clientSecret: SECRET });
});
afterEach(() => target.issuer.respond('/introspect'));
after(() => target.close());

const claims = (changes) => ({
  iss: target.issuer.issuer,
  aud: AUDIENCE,
  sub: 'user-1',
  exp: 9_999_999_999,
  ...changes,
});
const answer = (body, rest = {}) => target.issuer.respond('/introspect', { body, ...rest });
const text = (active, ...members) =>
  `{${[...(active === undefined ? [] : [`"active":${active}`]), ...members, JSON.stringify(claims()).slice(1, -1)].join(',')}}`;

/**
 * One client with the engine's HTTP client and one with a `fetcher`. They are new, because many failures would open
 * the circuit breaker.
 */
const bothClients = () => [target.clientWith({}), target.clientWith({ fetcher: fetch })];

/** Both clients reject the token, through both methods. */
async function refuses(expected, token = TOKEN) {
  for (const client of bothClients()) {
    for (const method of ['validateAccessToken', 'introspectAccessToken']) {
      await assertRefused(() => client[method](token), { token, secrets: [SECRET], ...expected });
    }
  }
}

describe('active (RFC 7662 §2.2)', () => {
  test('exactly true is active: only this member makes the following responses fail', async () => {
    answer(text('true'));
    for (const client of bothClients()) {
      const found = await client.validateAccessToken(TOKEN);
      assert.equal(found.sub, 'user-1');
      assert.equal('active' in found, false);
    }
  });

  for (const active of [
    '"true"',
    '1',
    '"1"',
    'null',
    'false',
    '"false"',
    '[]',
    '[true]',
    '{}',
    '{"active":true}',
    '"yes"',
    '1.0',
    undefined,
  ]) {
    test(`active ${active ?? 'missing'} is inactive`, async () => {
      answer(text(active));
      await refuses(INACTIVE);
    });
  }

  test('active in another case is missing', async () => {
    answer(text(undefined, '"Active":true', '"ACTIVE":true', '"active ":true'));
    await refuses(INACTIVE);
  });

  for (const [what, members] of [
    ['false then true', ['"active":false', '"active":true']],
    ['true then false', ['"active":true', '"active":false']],
    ['true twice', ['"active":true', '"active":true']],
    ['false and true by an escape', ['"active":false', '"\\u0061ctive":true']],
  ]) {
    test(`active ${what} is refused`, async () => {
      answer(text(undefined, ...members));
      await refuses(BODY_INVALID);
    });
  }
});

describe('the claims of an active token (RFC 7662 §2.2)', () => {
  for (const [what, changes, reason] of [
    ['of another issuer', { iss: 'https://evil.example' }, 'issuer_mismatch'],
    ['whose iss is an array', { iss: ['x'] }, 'issuer_mismatch'],
    ['of another audience', { aud: 'https://evil.example' }, 'audience_mismatch'],
    ['without audience', { aud: undefined }, 'audience_mismatch'],
    ['whose aud is mixed', { aud: [AUDIENCE, 1] }, 'audience_mismatch'],
    ['that has expired', { exp: 1 }, 'expired'],
    ['whose exp is text', { exp: '9999999999' }, 'expiry_invalid'],
    ['not valid yet', { nbf: 9_999_999_999 }, 'not_yet_valid'],
    ['whose iat is text', { iat: '1' }, 'issued_at_invalid'],
    ['whose sub is an object', { sub: {} }, 'subject_invalid'],
    ['bound to a certificate that was not shown', { cnf: { 'x5t#S256': 'A'.repeat(43) } }, 'certificate_missing'],
    ['whose cnf cannot be read', { cnf: [] }, 'confirmation_invalid'],
    ['whose aud is null', { aud: null }, 'audience_mismatch'],
  ]) {
    test(`claims ${what} are refused`, async () => {
      answer({ active: true, ...claims(changes) });
      await refuses({ reason });
    });
  }

  test('a refresh token that the server reports as active is refused', async () => {
    // A server that introspects refresh tokens may respond like this: their audience is the issuer or the client.
    for (const aud of [target.issuer.issuer, 'client-1', undefined]) {
      answer({ active: true, ...claims({ aud, token_type: 'refresh_token' }) });
      await refuses({ reason: 'audience_mismatch' });
    }
  });
});

describe('a body that is not one strict JSON object', () => {
  const bodies = {
    empty: '',
    null: 'null',
    true: 'true',
    'an array': '[{"active":true}]',
    'a string': '"active"',
    HTML: '<html>',
    'form-encoded': 'active=true',
    'cut short': '{"active":true',
    'two objects': '{"active":false}{"active":true}',
    'after a BOM': '\ufeff{"active":true}',
    'a JWT (RFC 9701)': 'eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9.',
    'nested 10,000 deep': `{"active":true,"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
    'nested 33 deep': `{"active":true,"x":${'['.repeat(32)}${']'.repeat(32)}}`,
    'nested and never closed': `{"active":true,"x":${'{"a":'.repeat(50_000)}`,
  };
  for (const [what, body] of Object.entries(bodies)) {
    test(`a body that is ${what} says nothing of the token`, async () => {
      answer(body);
      await refuses(BODY_INVALID);
    });
  }

  for (const [what, octets] of [
    ['an octet that is none', [0xff]],
    ['an overlong NUL', [0xc0, 0x80]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ]) {
    test(`a body with bad UTF-8, ${what}, is refused alike by the engine's client and through a fetcher`, async () => {
      const [head, tail] = JSON.stringify({ active: true, ...claims({ sub: '|' }) }).split('|');
      answer(Buffer.concat([Buffer.from(head), Buffer.from(octets), Buffer.from(tail)]));
      await refuses(BODY_INVALID);
    });
  }

  test('a body over 512 KiB is not read to its end', async () => {
    const body = JSON.stringify({ active: true, ...claims({ fill: 'x'.repeat(512 * 1024) }) });
    answer(body);
    await refuses({ name: 'MonoCloudHttpError', reason: 'body_too_large' });
    // An endless body: our own limit applies.
    let sent = 0;
    target.issuer.respond('/introspect', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = () => {
        while (!response.destroyed && sent < 64 * 1024 * 1024) {
          sent += 65_536;
          if (!response.write(' '.repeat(65_536))) return void response.once('drain', more);
        }
        response.destroy();
      };
      more();
    });
    await refuses({ name: 'MonoCloudHttpError', reason: 'body_too_large' });
    assert.ok(sent < 64 * 1024 * 1024, `${sent} octets were taken`);
  });

  for (const status of [201, 202, 204, 206, 301, 302, 303, 307, 308, 403, 404, 500]) {
    test(`an active token under status ${status} is not accepted`, async () => {
      answer(status === 204 ? '' : text('true'), {
        status,
        headers: { location: `${target.issuer.issuer}/introspect` },
      });
      await refuses({ name: 'MonoCloudHttpError', reason: 'unexpected_status' });
    });
  }
});

describe('the request (RFC 7662 §2.1)', () => {
  test('a token cannot add parameters to the form, nor headers', async () => {
    const evil = 'x&client_id=admin&token_type_hint=refresh_token&token=y#?%00+%0d%0ax-evil: 1;"=\\';
    target.issuer.resetCounts();
    await refuses(INACTIVE, evil);
    const sent = target.issuer.requests.filter(({ path }) => path === '/introspect');
    assert.equal(sent.length, 4, 'two clients, two methods');
    for (const { body, headers } of sent) {
      assert.deepEqual(
        [...new URLSearchParams(body)],
        [
          ['token', evil],
          ['token_type_hint', 'access_token'],
          ['client_id', 'api'],
          ['client_secret', SECRET],
        ],
      );
      assert.equal(headers['x-evil'], undefined);
    }
  });

  for (const text of ['a\r\nx-evil: 1', 'a\u0000b', 'caf\u00e9', 'a\tb', '\ud800', 'a\u007f', '\u202e', 'a\n']) {
    test(`${JSON.stringify(text)}, which no token can be, is not asked about (RFC 6749 appendix A.12)`, async () => {
      target.issuer.resetCounts();
      await refuses({ reason: 'token_malformed' }, text);
      assert.deepEqual(target.issuer.counts, {});
    });
  }

  test('two tokens at once never get each other’s answer', async () => {
    const tokens = Array.from({ length: 40 }, (_, index) => target.issuer.opaque({ sub: `user-${index}` }));
    const found = await Promise.all([...tokens, ...tokens].map((token) => target.client.validateAccessToken(token)));
    assert.deepEqual(
      found.map(({ sub }) => sub),
      [...tokens, ...tokens].map((_, index) => `user-${index % 40}`),
    );
  });

  for (const [method, clientSecret] of [
    ['client_secret_jwt', SECRET],
    [
      'private_key_jwt',
      () => ({
        ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
        alg: 'ES256',
        kid: 'k',
      }),
    ],
  ]) {
    test(`an assertion of ${method} is for this issuer alone, for a minute at most, and never the same twice (RFC 7523 §3)`, async () => {
      const secret = typeof clientSecret === 'function' ? clientSecret() : clientSecret;
      const client = target.clientWith({ clientAuthMethod: method, clientSecret: secret });
      target.issuer.resetCounts();
      for (let round = 0; round < 10; round += 1) await client.introspectAccessToken(target.issuer.opaque());
      const seen = target.issuer.requests
        .filter(({ path }) => path === '/introspect')
        .map(({ body }) => new URLSearchParams(body));
      const payloads = seen.map((form) =>
        JSON.parse(Buffer.from(form.get('client_assertion').split('.')[1], 'base64url')),
      );
      assert.equal(payloads.length, 10);
      assert.equal(new Set(payloads.map(({ jti }) => jti)).size, 10);
      const now = Date.now() / 1000;
      for (const { iss, sub, aud, iat, nbf, exp, jti } of payloads) {
        assert.deepEqual({ iss, sub, aud }, { iss: 'api', sub: 'api', aud: target.issuer.issuer });
        assert.ok(Buffer.from(jti, 'base64url').length >= 16, 'a jti that cannot be guessed');
        assert.ok(iat <= now && nbf <= now && exp > now && exp - iat <= 60);
      }
      for (const form of seen) assert.equal(form.get('client_secret'), null);
    });
  }
});

describe('an issuer that echoes the token', () => {
  const statuses = {
    400: 'MonoCloudOPError',
    401: 'MonoCloudOPError',
    403: 'MonoCloudHttpError',
    500: 'MonoCloudHttpError',
    200: 'MonoCloudHttpError',
  };
  for (const [status, name] of Object.entries(statuses)) {
    test(`under status ${status} does not put it into the logged error`, async () => {
      target.issuer.respond('/introspect', async (_request, _response, body) => {
        const sent = Object.fromEntries(new URLSearchParams(body));
        const echo = `token=${sent.token} secret=${sent.client_secret}`;
        return {
          status: Number(status),
          headers: { 'x-echo': encodeURIComponent(echo), 'set-cookie': `token=${sent.token}` },
          body: status === '200' ? `[${JSON.stringify(echo)}]` : { error: `bad ${echo}`, error_description: echo },
        };
      });
      for (const client of bothClients()) {
        const error = await client.introspectAccessToken(TOKEN).catch((thrown) => thrown);
        assert.equal(error.name, name);
        assertSilent(error, [TOKEN, SECRET]);
        // Callers may read the server's response, but never its cookies.
        assert.equal(error.raw.status, Number(status));
        assert.equal(error.raw.headers['set-cookie'], undefined);
        if (status === '200') assert.equal(error.raw.body, '');
      }
    });
  }

  test('and a fetcher that throws the request does not either', async () => {
    const client = target.clientWith({
      fetcher: async (url, init) => {
        if (init.method !== 'POST') return fetch(url, init);
        throw Object.assign(new Error(`failed: ${init.body}`), { init });
      },
    });
    const error = await client.introspectAccessToken(TOKEN).catch((thrown) => thrown);
    assert.equal(error.reason, 'fetcher_failed');
    assertSilent(error, [TOKEN, SECRET]);
    assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(TOKEN));
  });
});

test('tokens with odd responses do not suspend it for the others', async () => {
  // A firewall's 403, a proxy's 414, a 500 with binary content, and a name that was cut within an emoji.
  const odd = [
    ...[403, 404, 413, 414, 429, 451, 500, 503].map((status) => ({ status, body: 'blocked' })),
    { body: '{"active":true,"name":"Ann \\ud83d"}' },
    { body: `{"active":true,"x":${'['.repeat(40)}${']'.repeat(40)}}` },
    { body: 'x'.repeat(600 * 1024) },
  ];
  for (const answer of odd) {
    target.issuer.respond('/introspect', (_request, _response, body) => {
      const token = new URLSearchParams(body).get('token');
      return token.startsWith('odd') ? answer : { body: { active: true, ...claims() } };
    });
    for (const client of bothClients()) {
      assert.equal((await client.introspectAccessToken(TOKEN)).sub, 'user-1');
      for (let count = 0; count < 30; count += 1) await client.introspectAccessToken(`odd-${count}`).catch(() => {});
      const what = `after many of ${JSON.stringify(answer).slice(0, 60)}`;
      assert.equal(client.health().introspection.suspended, false, what);
      assert.equal((await client.introspectAccessToken(TOKEN)).sub, 'user-1', what);
    }
  }
});
