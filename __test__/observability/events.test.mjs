// What do the events say about a rejected token, and what do they never say?

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { createTestIssuer } from '@monocloud/backend-node/testing';

import { EVERY } from '../support/adapters.mjs';
import { describeWhere } from '../support/suite.mjs';
import { heard, rejected } from './hear.mjs';

const issuer = createTestIssuer();
const clientWith = (options) => new MonoCloudBackendNodeClient({ ...issuer.options, ...options });
const [quiet, telling] = [clientWith(), clientWith({ diagnostics: 'values' })];

/** The one event of a token that is rejected. */
async function refusalOf(client, token, options) {
  const messages = await heard('refused', () => rejected(client.validateAccessToken(token, options)));
  assert.equal(messages.length, 1);
  return messages[0];
}

const segment = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A token whose signature is wrong, with this header and these claims. */
const forged = (header, claims) =>
  `${segment({ alg: 'ES256', typ: 'at+jwt', kid: 'k', ...header })}.${segment(claims)}.${'A'.repeat(86)}`;

describe('a refusal', () => {
  test('has the status of the response, the scheme and the kind', async () => {
    const { status, scheme, kind, reason } = await refusalOf(quiet, issuer.bad('expired'));
    assert.deepEqual([status, scheme, kind, reason], [401, 'bearer', 'jwt', 'expired']);
    const forbidden = await refusalOf(quiet, issuer.token(), { scopes: ['data:read'] });
    assert.deepEqual([forbidden.status, forbidden.reason], [403, 'scope_missing']);
  });

  test('has status 503 during an outage, and 500 if the configuration causes it', async () => {
    for (const [outage, expected] of [
      ['refuse', 503],
      [503, 503],
      [404, 500],
    ]) {
      const one = createTestIssuer();
      one.outage(outage);
      const client = new MonoCloudBackendNodeClient(one.options);
      const opaque = one.opaque();
      const { status, reason } = await refusalOf(client, opaque);
      assert.ok([expected, 503].includes(status), `${outage}: ${status} ${reason}`);
    }
  });

  test('has no value of the token unless diagnostics is values', async () => {
    const canary = 'canary-7f3a';
    const claims = { iss: canary, aud: canary, sub: canary, exp: 1, nbf: canary, scope: canary };
    for (const token of [
      forged({ kid: canary }, claims),
      issuer.token({ aud: canary }),
      issuer.token({ iss: canary }),
    ]) {
      const message = await refusalOf(quiet, token);
      assert.ok(!JSON.stringify(message).includes(canary), JSON.stringify(message));
      for (const name of ['kid', 'member', 'expected', 'received']) assert.ok(!(name in message), name);
    }
  });

  test('has what the rule expected and received with diagnostics: values', async () => {
    const now = Date.now() / 1000;
    const audience = await refusalOf(telling, issuer.token({ aud: ['urn:other', 'urn:third'] }));
    assert.deepEqual(
      [audience.member, audience.expected, audience.received],
      ['aud', issuer.options.audience, '["urn:other","urn:third"]'],
    );
    assert.equal(typeof audience.kid, 'string');
    const name = await refusalOf(telling, issuer.token({ iss: 'https://other.example' }));
    assert.deepEqual(
      [name.member, name.expected, name.received],
      ['iss', issuer.options.tenantDomain, 'https://other.example'],
    );
    const expired = await refusalOf(telling, issuer.bad('expired'));
    assert.deepEqual([expired.member, typeof expired.received], ['exp', 'number']);
    assert.ok(Math.abs(expired.expected - now) < 60 && expired.received < expired.expected);
    const early = await refusalOf(telling, issuer.bad('not_yet_valid'));
    assert.ok(early.member === 'nbf' && early.received > early.expected);
    const type = await refusalOf(telling, issuer.bad('type_not_allowed'));
    assert.ok(type.member === 'typ' && typeof type.received === 'string' && !('expected' in type));
    const algorithm = await refusalOf(telling, issuer.bad('algorithm_not_allowed'));
    assert.ok(algorithm.member === 'alg' && typeof algorithm.received === 'string');
  });

  test('has values of at most 200 characters that change no line and no terminal', async () => {
    const texts = [
      '\nINFO all good',
      '\u001b[2J',
      '\r',
      '\u202e',
      '\u2028',
      '\u0085',
      '\u0000',
      'x'.repeat(5000),

      '😀'.repeat(300),
    ];
    for (const text of texts) {
      const { received } = await refusalOf(telling, issuer.token({ aud: `a${text}` }));
      assert.ok(received.length <= 200, `${received.length}`);
      assert.match(received, /^a/);
      assert.doesNotMatch(received, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }
  });

  test('of a token that nobody can read has no values, and never fails', async () => {
    const tokens = [
      'a.b.c',
      '..',
      'a.b',
      'opaque',
      `${'e'.repeat(70_000)}.e.e`,
      forged({}, null),
      forged({}, []),
      forged({ kid: {} }, 1),
    ];
    const polluted = forged({}, JSON.parse('{"__proto__":{"aud":"x"}}'));
    for (const token of [...tokens, polluted]) {
      const message = await refusalOf(telling, token);
      assert.equal(typeof message.reason, 'string');
    }
  });

  test('of a DPoP proof has the scheme, the member and both values', async () => {
    const holder = issuer.dpop();
    const token = issuer.token({ cnf: { jkt: holder.jkt } });
    const headers = holder.headers({ method: 'GET', url: 'https://api.example.com/a', token });
    const dpop = { proof: headers.DPoP ?? headers.dpop, method: 'GET', url: 'https://api.example.com/b' };
    const options = { scheme: 'dpop', dpop };
    const message = await refusalOf(telling, token, options);
    assert.deepEqual(
      [message.scheme, message.member, message.expected, message.received],
      ['dpop', 'htu', 'https://api.example.com/b', 'https://api.example.com/a'],
    );
    const { expected, got, received } = await refusalOf(quiet, token, options);
    assert.deepEqual([expected, got, received], [message.expected, message.received, undefined]);
  });
});

for (const framework of EVERY) {
  describeWhere(framework.skip, `${framework.name}: answered`, () => {
    const { protectApi } = framework;
    const answer = async (guard, token) => {
      let validated = [];
      let refused = [];
      const answered = await heard('answered', async () => {
        refused = await heard('refused', async () => {
          validated = await heard('validated', () => framework.answer(guard, token === undefined ? {} : { token }));
        });
      });
      return { answered, validated, refused };
    };

    test('is published once per request, with the request itself', async () => {
      const protect = protectApi(quiet);
      const accepted = await answer(protect(), issuer.token());
      assert.deepEqual([accepted.answered.length, accepted.validated.length, accepted.refused.length], [1, 1, 0]);
      assert.deepEqual([accepted.answered[0].outcome, accepted.answered[0].status], ['accepted', undefined]);
      assert.equal(typeof accepted.answered[0].request, 'object');

      const bad = await answer(protect(), issuer.bad('expired'));
      assert.deepEqual([bad.answered.length, bad.validated.length, bad.refused.length], [1, 0, 1]);
      const { outcome, status, reason, scheme } = bad.answered[0];
      assert.deepEqual([outcome, status, reason, scheme], ['refused', 401, 'expired', 'bearer']);

      const none = await answer(protect());
      assert.deepEqual([none.answered.length, none.validated.length, none.refused.length], [1, 0, 0]);
      assert.deepEqual([none.answered[0].status, none.answered[0].reason], [401, 'token_required']);
      assert.ok(!('scheme' in none.answered[0]));
    });
  });
}

describe('a decision', () => {
  const [express] = EVERY;

  test('that is made again with the certificate is published once', async () => {
    const certificate = issuer.certificate();
    const token = issuer.token({ cnf: { 'x5t#S256': certificate.thumbprint } });
    const protect = express.protectApi(quiet, { certificateResolver: () => certificate.pem });
    const refused = await heard('refused', async () => {
      const validated = await heard('validated', () => express.answer(protect(), { token }));
      assert.equal(validated.length, 1);
    });
    assert.deepEqual(refused, []);
  });
});

test('without a listener, no module of the events’ details is loaded', () => {
  const script = `
    const { createTestIssuer } = require('@monocloud/backend-node/testing');
    const { MonoCloudBackendNodeClient, protectApi } = require('@monocloud/backend-node/node');
    const issuer = createTestIssuer();
    const client = new MonoCloudBackendNodeClient({ ...issuer.options, diagnostics: 'values' });
    const guard = protectApi(client)();
    const loaded = () => Object.keys(require.cache).filter((file) => /watched|diagnostics|printable|observability/.test(file)).length;
    const ask = async (token) => {
      await client.validateAccessToken(token).catch(() => {});
      const headers = { authorization: 'Bearer ' + token };
      const response = { setHeader() {}, end() {} };
      await guard({ method: 'GET', url: '/', headers, rawHeaders: Object.entries(headers).flat() }, response);
    };
    (async () => {
      for (const token of [issuer.token(), issuer.bad('expired'), 'opaque']) await ask(token);
      const before = loaded();
      require('node:diagnostics_channel').subscribe('monocloud:backend:refused', () => {});
      await ask(issuer.bad('expired'));
      console.log(before, loaded());
    })();`;
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const [before, after] = execFileSync(process.execPath, ['-e', script], { cwd, encoding: 'utf8' }).trim().split(' ');
  assert.equal(before, '0');
  assert.ok(Number(after) > 0, after);
});
