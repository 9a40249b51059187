/** What does the doctor report about a DPoP proof? Each rule with both values, the fix, and never the proof itself. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { assertProblem, doctor, examine } from './run.mjs';
import { boundOpaque, boundToken, nowSeconds, proofKey, proofOf } from '../support/dpop.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const CLIENT = { CLIENT_ID: 'api-client', CLIENT_SECRET: 'correct horse battery staple' };
const URL_OF_API = 'https://api.example.com/orders';

let issuer;
let folder;
let key;
let other;

before(async () => {
  issuer = await startIssuer();
  folder = await mkdtemp(join(tmpdir(), 'monocloud-doctor-'));
  key = await proofKey('ES256', 'doctor');
  other = await proofKey('ES256', 'other');
});
after(async () => {
  await issuer.close();
  await rm(folder, { recursive: true, force: true });
});

const here = (more = {}) => ({ TENANT_DOMAIN: issuer.issuer, AUDIENCE, ...more });

/** Runs the doctor on a token and a proof of it. Neither of them, nor a value that could help to copy them, is printed. */
async function present(changes = {}, { token = boundToken(issuer, key), variables = here(), flags = [], text } = {}) {
  const secrets = { jti: `jti-${randomBytes(8).toString('hex')}`, nonce: changes.nonce };
  const proof = text ?? proofOf({ key, token, url: URL_OF_API, jti: secrets.jti, ...changes });
  const file = join(folder, `${secrets.jti}.txt`);
  await writeFile(file, `${proof}\n`);
  const url = flags.some((flag) => flag.startsWith('--url')) ? [] : ['--url', URL_OF_API];
  const verdict = await examine({
    variables,
    flags: ['--token=-', '--dpop-proof', file, ...url, ...flags],
    input: token,
  });
  const ath = proof.split('.')[1] && JSON.parse(Buffer.from(proof.split('.')[1], 'base64url').toString() || '{}').ath;
  for (const secret of [token, proof, ...proof.split('.'), ath, ...Object.values(secrets)].filter(Boolean)) {
    assert.ok(!verdict.stdout.includes(secret), 'nothing of the token or the proof is shown');
  }
  return verdict;
}

describe('a DPoP proof', () => {
  it('that is good passes each rule, with both URLs and the offset of its clock', async () => {
    const { code, all, checks } = await present(
      { iat: nowSeconds() - 12, method: 'POST' },
      { flags: ['--method=POST'] },
    );
    assert.equal(code, 0, JSON.stringify(all, null, 1));
    const rules = all.filter(({ title }) => title.startsWith('proof')).map(({ title }) => title);
    assert.deepEqual(rules, [
      'proof form',
      'proof header',
      'proof claims',
      'proof token',
      'proof method',
      'proof URL',
      'proof key',
      'proof signature',
      'proof time',
      'proof use',
    ]);
    assert.equal(checks.get('token.DPoP').message, 'bound to a key, scheme DPoP');
    assert.equal(checks.get('token.proof-method').message, 'htm "POST", expected "POST"');
    assert.equal(checks.get('token.proof-URL').message, `htu "${URL_OF_API}", expected "${URL_OF_API}"`);
    assert.match(
      checks.get('token.proof-time').message,
      /^iat \S+, \d+ s ago, expected at most 60 s ago and 30 s from now$/,
    );
    assert.equal(checks.get('token.proof-key').message, `thumbprint of jwk "${key.jkt}", cnf.jkt "${key.jkt}"`);
    assert.equal(checks.get('token.verdict').message, 'accepted, as a JWT');
  });

  it('of an opaque token is checked before and after the introspection', async () => {
    const token = boundOpaque(issuer, key);
    const good = await present({}, { token, variables: here(CLIENT) });
    assert.equal(good.code, 0, JSON.stringify(good.all, null, 1));
    assert.equal(good.checks.get('token.verdict').message, 'accepted, by introspection');
    const early = await present({ method: 'PUT' }, { token, variables: here(CLIENT) });
    assertProblem(early, 'token.proof-method', 'dpop_method_mismatch', 'htm "PUT", expected "GET"');
    assert.equal(early.checks.has('token.active'), false);
    const late = await present({ key: other }, { token, variables: here(CLIENT) });
    assertProblem(late, 'token.proof-key', 'dpop_key_mismatch', other.jkt, key.jkt);
    assert.equal(late.checks.get('token.active').status, 'ok');
  });

  const rows = [
    ['is no JWT', 'proof-form', 'dpop_proof_malformed', {}, { text: 'a b' }, '3 bytes, 1 parts'],
    [
      'is of another type',
      'proof-header',
      'dpop_type_not_allowed',
      { header: { typ: 'JWT' } },
      {},
      'typ "JWT"',
      'jwk EC P-256',
    ],
    ['lacks a claim', 'proof-claims', 'dpop_claims_invalid', { claims: { jti: undefined } }, {}, 'absent: jti'],
    ['is for another token', 'proof-token', 'dpop_token_mismatch', { token: 'another' }, {}, 'hash of the token'],
    [
      'is for another method',
      'proof-method',
      'dpop_method_mismatch',
      { method: 'get' },
      {},
      'htm "get", expected "GET"',
    ],
    ['is by another key', 'proof-key', 'dpop_key_mismatch', () => ({ key: other }), {}, 'cnf.jkt'],
    [
      'is signed by another key',
      'proof-signature',
      'dpop_signature_invalid',
      () => ({ signer: other }),
      {},
      'alg "ES256"',
    ],
    [
      'is old',
      'proof-time',
      'dpop_expired',
      () => ({ iat: nowSeconds() - 900 }),
      {},
      '15 min ago',
      'seconds old',
      'NTP',
    ],
    [
      'is of a fast clock',
      'proof-time',
      'dpop_not_yet_valid',
      () => ({ iat: nowSeconds() + 900 }),
      {},
      '15 min from now',
    ],
  ];
  for (const [what, rule, reason, changes, options, ...words] of rows) {
    it(`that ${what}: ${reason}, with the rules before it passed and those after it not reached`, async () => {
      const verdict = await present(typeof changes === 'function' ? changes() : changes, options);
      assertProblem(verdict, `token.${rule}`, reason, ...words);
      const statuses = verdict.all.filter(({ section }) => section === 'Token').map(({ status }) => status);
      assert.deepEqual([...new Set(statuses.slice(0, -2))], ['ok']);
      assert.deepEqual(statuses.slice(-2), ['problem', 'skipped']);
    });
  }

  for (const [what, htu, url, hint] of [
    ['the scheme', 'https://api.example.com/orders', 'http://api.example.com/orders', 'differ in http and https'],
    ['the host', 'https://api.example.com/orders', 'https://10.0.0.7:3000/orders', 'differ in the host'],
    ['a prefix', 'https://api.example.com/svc1/orders', 'https://api.example.com/orders', 'path prefix is missing'],
    ['a slash', 'https://api.example.com/orders/', 'https://api.example.com/orders', 'a slash at the end'],
  ]) {
    it(`for another URL: both are side by side, and a difference in ${what} is named`, async () => {
      const verdict = await present({ url: htu }, { flags: [`--url=${url}`] });
      const told = [`htu "${htu}", expected "${url}"`, hint, 'MONOCLOUD_BACKEND_PUBLIC_URL'];
      assertProblem(verdict, 'token.proof-URL', 'dpop_url_mismatch', ...told);
    });
  }

  it('whose URL has a query shows neither its query nor its user information', async () => {
    const url = 'https://user:hidden@api.example.com/orders?access_token=hidden';
    const { stdout, checks } = await present({ url });
    assert.equal(checks.get('token.proof-URL').reason, 'dpop_url_mismatch');
    assert.ok(!stdout.includes('hidden'));
  });

  it('with a nonce is checked with nonceSecret, and cannot be checked without it', async () => {
    const nonce = 'n'.repeat(27);
    const random = await present({ nonce }, { variables: here({ DPOP_NONCE: 'required' }) });
    assertProblem(random, 'token.proof-time', 'dpop_nonce_stale', 'nonceSecret is not set');
    const shared = here({ DPOP_NONCE_SECRET: '0'.repeat(64) });
    const stale = await present({ nonce }, { variables: shared });
    assertProblem(stale, 'token.proof-time', 'dpop_nonce_stale', 'DPoP-Nonce');
    assert.ok(!stale.stdout.includes('0'.repeat(64)), 'the secret is not shown');
  });

  it('of a token that is not bound: dpop_binding_missing', async () => {
    const verdict = await present({}, { token: issuer.sign() });
    assertProblem(verdict, 'token.DPoP', 'dpop_binding_missing', 'not bound to a key, scheme DPoP');
  });

  it('that is not presented for a bound token: dpop_scheme_required, and the flag is named', async () => {
    const verdict = await examine({ variables: here(), flags: ['--token=-'], input: boundToken(issuer, key) });
    assertProblem(verdict, 'token.DPoP', 'dpop_scheme_required', 'bound to a key, scheme Bearer', '--dpop-proof');
    assert.equal(verdict.checks.has('token.proof-form'), false);
  });

  it('is not said to be good where proofs are ignored', async () => {
    const variables = here({ VALIDATE_DPOP_BINDING: 'dangerously_ignore' });
    const { code, all, checks } = await present({ key: other }, { variables });
    assert.equal(code, 0);
    assert.equal(checks.get('token.DPoP').message, 'not checked: dangerously_ignore');
    assert.equal(
      all.some(({ title }) => title.startsWith('proof')),
      false,
    );
  });
});

describe('the command line of a proof', () => {
  for (const [flags, words] of [
    [['--dpop-proof=x'], '--dpop-proof need --token'],
    [['--token=x', '--dpop-proof=/nowhere', '--url=https://a.b'], '--dpop-proof could not be read: ENOENT'],
    [['--token=x', '--dpop-proof=/dev/null'], '--dpop-proof needs --url'],
    [['--token=x', '--url=https://a.b'], '--method and --url need --dpop-proof'],
    [['--token=x', '--method=GET'], '--method and --url need --dpop-proof'],
  ]) {
    it(`${flags.join(' ')} is wrong`, async () => {
      const { code, stderr } = await doctor({ flags });
      assert.equal(code, 2);
      assert.ok(stderr.includes(words), stderr);
    });
  }
});

describe('the configuration of DPoP', () => {
  const rowOf = async (variables) => (await examine({ variables: here(variables) })).checks;

  it('says which mode applies, where the URL comes from, and that each process accepts a proof once', async () => {
    const byDefault = (await rowOf()).get('configuration.dpop');
    assert.equal(byDefault.status, 'ok');
    assert.match(byDefault.message, /^when_present: .*publicUrl is not set.*each process accepts a proof once$/);
    const set = (await rowOf({ PUBLIC_URL: 'https://api.example.com', VALIDATE_DPOP_BINDING: 'required' })).get(
      'configuration.dpop',
    );
    assert.match(set.message, /^required: .*publicUrl is set/);
    const ignored = (await rowOf({ VALIDATE_DPOP_BINDING: 'dangerously_ignore' })).get('configuration.dpop');
    assert.match(ignored.message, /^dangerously_ignore: .*accepted as bearer tokens$/);
  });

  for (const nonce of ['when_stale', 'required']) {
    it(`warns about nonces (${nonce}) without a secret, and not with one`, async () => {
      const warned = (await rowOf({ DPOP_NONCE: nonce })).get('configuration.dpop.nonceSecret');
      assert.equal(warned.status, 'warning');
      assert.match(warned.fix, /MONOCLOUD_BACKEND_DPOP_NONCE_SECRET/);
      const set = (await rowOf({ DPOP_NONCE: nonce, DPOP_NONCE_SECRET: '0'.repeat(64) })).get(
        'configuration.dpop.nonceSecret',
      );
      assert.deepEqual([set.status, set.message], ['ok', 'set, not shown']);
    });
  }

  it('names a wrong value with its fix, and never a secret', async () => {
    const { code, checks, stdout } = await examine({
      variables: here({ DPOP_NONCE_SECRET: 'too-short', PUBLIC_URL: 'api.example.com', DPOP_ALGORITHMS: 'HS256' }),
    });
    assert.equal(code, 1);
    for (const [name, word] of [
      ['dpop.nonceSecret', 'openssl rand'],
      ['publicUrl', 'https://api.example.com'],
      ['dpop.algorithms', 'ES256'],
    ]) {
      assert.equal(checks.get(`configuration.${name}`).status, 'problem', name);
      assert.ok(checks.get(`configuration.${name}`).fix.includes(word), name);
    }
    assert.ok(!stdout.includes('too-short'));
  });
});
