/** What does the doctor report about a rejected token? The rule, its value and the fix, and never the token. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { assertProblem, doctor, examine } from './run.mjs';
import { presented, proofKey, proofOf } from '../support/dpop.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { keySet } from '../support/keys.mjs';
import { createPki } from '../support/pki.mjs';

const CLIENT = { CLIENT_ID: 'api-client', CLIENT_SECRET: 'correct horse battery staple' };

let issuer;
let folder;

before(async () => {
  issuer = await startIssuer();
  folder = await mkdtemp(join(tmpdir(), 'monocloud-doctor-'));
});
after(async () => {
  await issuer.close();
  await rm(folder, { recursive: true, force: true });
});

const here = (more = {}) => ({ TENANT_DOMAIN: issuer.issuer, AUDIENCE, ...more });

describe('a token that is refused', () => {
  const now = Math.floor(Date.now() / 1000);

  const rows = [
    ['is expired', 'expiry', 'expired', () => issuer.sign({ claims: { exp: now - 7200 } }), '2 h ago'],
    [
      'is for later',
      'start-of-validity',
      'not_yet_valid',
      () => issuer.sign({ claims: { nbf: now + 900 } }),
      '15 min from now',
    ],
    [
      'is for an audience with a slash more',
      'audience',
      'audience_mismatch',
      () => issuer.sign({ claims: { aud: `${AUDIENCE}/` } }),
      'differ by a slash',
      `expected "${AUDIENCE}"`,
    ],
    [
      'is of another issuer',
      'issuer',
      'issuer_mismatch',
      () => issuer.sign({ claims: { iss: 'https://evil.example' } }),
      'evil.example',
    ],
    [
      'is signed by a key that is not published',
      'key',
      'key_not_found',
      () => issuer.sign({ header: { kid: 'other' } }),
      '"other"',
      '"rsa"',
    ],
    [
      'is signed with HS256',
      'algorithm',
      'algorithm_not_allowed',
      () => issuer.signRaw('{"alg":"HS256"}', '{}'),
      'alg "HS256"',
    ],
    [
      'is an ID token by its type',
      'type',
      'type_not_allowed',
      () => issuer.sign({ header: { typ: 'id_token+jwt' } }),
      'id_token+jwt',
    ],
    ['was cut off', 'signature', 'signature_invalid', () => tampered(issuer.sign())],
    ['has no parts of base64url', 'form', 'token_malformed', () => 'a b.c.d', 'contains a space'],
    [
      'has duplicate claims',
      'claims',
      'claims_invalid',
      () => issuer.signRaw(`{"alg":"RS256","kid":"rsa"}`, '{"iss":1,"iss":2}'),
    ],
  ];
  for (const [what, rule, reason, make, ...words] of rows) {
    it(`${what}: ${reason}, with the rules before it passed and those after it not reached`, async () => {
      const token = make();
      const verdict = await examine({ variables: here(), flags: [`--token=${token}`] });
      assertProblem(verdict, `token.${rule}`, reason, ...words);
      const rules = verdict.all.filter(({ section }) => section === 'Token').map(({ status }) => status);
      assert.deepEqual(
        [...new Set(rules.slice(0, -2))].filter((status) => status !== 'ok'),
        [],
      );
      assert.deepEqual(rules.slice(-2), ['problem', 'skipped']);
      assert.ok(!verdict.stdout.includes(token), 'the token is not shown');
    });
  }

  it('lacks a scope or a group: which it has, and which were asked for', async () => {
    const token = issuer.sign({ claims: { scope: 'a b', groups: ['x'] } });
    const scope = await examine({ variables: here(), flags: [`--token=${token}`, '--scope', 'a', '--scope', 'c'] });
    assertProblem(scope, 'token.scopes', 'scope_missing', '"a b"', 'required: "a", "c"');
    const group = await examine({ variables: here(), flags: [`--token=${token}`, '--group', 'y'] });
    assertProblem(group, 'token.groups', 'group_missing', '["x"]', 'required: any of "y"');
  });

  it('lacks a permission or a role: which it has in the configured claim, and which were asked for', async () => {
    const token = issuer.sign({ claims: { permissions: ['x'], 'my.roles': ['y'] } });
    const permission = await examine({ variables: here(), flags: [`--token=${token}`, '--permission', 'p'] });
    assertProblem(permission, 'token.permissions', 'permission_missing', 'permissions ["x"]', 'required: "p"');
    const variables = { ...here(), ROLES_CLAIM: 'my.roles' };
    const role = await examine({ variables, flags: [`--token=${token}`, '--permission', 'x', '--role', 'r'] });
    assertProblem(
      role,
      'token.roles',
      'role_missing',
      'my.roles ["y"]',
      'required: "r"',
      'MONOCLOUD_BACKEND_ROLES_CLAIM',
    );
  });

  it('has its scopes in scp: the fix names the option, and with it the row shows the claim that is read', async () => {
    const token = issuer.sign({ claims: { scope: undefined, scp: ['a'] } });
    const flags = [`--token=${token}`, '--scope', 'a'];
    const without = await examine({ variables: here(), flags });
    assertProblem(without, 'token.scopes', 'scope_missing', 'scope (absent)', 'MONOCLOUD_BACKEND_SCOPES_CLAIM');
    const variables = { ...here(), SCOPES_CLAIM: 'scp scope' };
    const good = await examine({ variables, flags });
    assert.equal(good.code, 0, good.stdout);
    assert.equal(good.checks.get('token.scopes').message, 'scp ["a"], required: "a"');
  });

  it('is bound to a certificate: passes with it, not without it and not with another', async () => {
    const pki = await createPki();
    const [own, other] = await Promise.all([pki.client({ commonName: 'own' }), pki.client({ commonName: 'other' })]);
    const token = issuer.sign({ claims: { cnf: { 'x5t#S256': own.thumbprint } } });
    const present = async (certificate) => {
      const file = join(folder, 'certificate.pem');
      await writeFile(file, certificate);
      return examine({ variables: here(), flags: [`--token=${token}`, '--presented-certificate', file] });
    };
    assert.equal((await present(own.cert)).code, 0);
    assertProblem(await present(other.cert), 'token.binding', 'certificate_mismatch', own.thumbprint);
    const without = await examine({ variables: here(), flags: [`--token=${token}`] });
    assertProblem(without, 'token.binding', 'certificate_missing', '--presented-certificate');
  });

  it('is opaque: revoked, or without anyone to ask', async () => {
    const token = issuer.opaque();
    issuer.revoke(token);
    const revoked = await examine({ variables: here(CLIENT), flags: [`--token=${token}`] });
    assertProblem(revoked, 'token.active', 'inactive');
    const unasked = await examine({ variables: here(), flags: [`--token=${token}`] });
    assertProblem(unasked, 'token.decision', 'client_id_required', 'MONOCLOUD_BACKEND_CLIENT_ID');
  });

  it('is opaque and for another API: the audience is what the server answered', async () => {
    const token = issuer.opaque({ aud: 'https://other.example.com', scope: 'a' });
    const verdict = await examine({ variables: here(CLIENT), flags: [`--token=${token}`] });
    assertProblem(
      verdict,
      'token.audience',
      'audience_mismatch',
      'aud "https://other.example.com"',
      'Request the token',
    );
    assert.ok(!verdict.stdout.includes('aud (absent)'));
    assert.ok(!verdict.stdout.includes(token), 'the token is not shown');
  });

  it('is opaque and lacks a scope: the scope is what the server answered', async () => {
    const token = issuer.opaque({ scope: 'a b' });
    const verdict = await examine({ variables: here(CLIENT), flags: [`--token=${token}`, '--scope', 'c'] });
    assertProblem(verdict, 'token.scopes', 'scope_missing', 'scope "a b", required: "c"');
    assert.match(verdict.checks.get('token.audience').message, /^aud "/);
  });

  it('has no aud: the fix is at the authorization server, and says where', async () => {
    const jwt = issuer.sign({ claims: { aud: undefined } });
    const local = await examine({ variables: here(), flags: [`--token=${jwt}`] });
    assertProblem(local, 'token.audience', 'audience_mismatch', 'aud (absent)', 'The token has no aud', 'RFC 9068');
    const opaque = issuer.opaque({ aud: undefined });
    const asked = await examine({ variables: here(CLIENT), flags: [`--token=${opaque}`] });
    assertProblem(asked, 'token.audience', 'audience_mismatch', 'introspection response has no aud', 'RFC 7662');
    for (const { checks } of [local, asked]) assert.doesNotMatch(checks.get('token.audience').fix, /BACKEND_AUDIENCE/);
  });

  it('is not bound because the client ignores binding: that is said', async () => {
    const token = issuer.sign({ claims: { cnf: { 'x5t#S256': 'A'.repeat(43) } } });
    const variables = here({ VALIDATE_CERTIFICATE_BINDING: 'dangerously_ignore' });
    const { code, checks } = await examine({ variables, flags: [`--token=${token}`] });
    assert.equal(code, 0);
    assert.equal(checks.get('token.binding').message, 'not checked: dangerously_ignore');
  });

  it('cannot write to the terminal: control characters in its claims are replaced', async () => {
    const token = issuer.sign({ claims: { aud: '\u001b]0;owned\u0007\u202e' } });
    const { stdout } = await doctor({ variables: here(), flags: [`--token=${token}`] });
    assert.match(stdout, /audience_mismatch/);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/u);
  });

  function tampered(token) {
    const [header, payload, signature] = token.split('.');
    return [header, payload, signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`].join('.');
  }
});

describe('every reason of the engine', () => {
  it('has a fix, and every reason of a token has its rule', async () => {
    const { default: native } = await import('../../npm/native/load.js');
    const { default: fixes } = await import('../../npm/explain/fixes.js');
    const { default: rules } = await import('../../npm/explain/rules.js');
    const ruled = new Set(
      [...rules.JWT_RULES, ...rules.OPAQUE_RULES, rules.REVOCATION_RULE].flatMap(([, ...reasons]) => reasons),
    );
    for (const { reason, name, code } of native.failures()) {
      assert.equal(typeof fixes.fixOf(reason), 'string', reason);
      // The function `authorize` of a route is no rule of a token.
      if (name === 'MonoCloudTokenError' && code !== 'access_denied') assert.ok(ruled.has(reason), reason);
    }
  });

  it('stands where the engine has it: of a token that breaks every rule, the first one is named, then the next', async () => {
    const { MonoCloudBackendNodeClient } = await import('../../npm/index.mjs');
    const { default: rules } = await import('../../npm/explain/rules.js');
    const client = new MonoCloudBackendNodeClient({ tenantDomain: issuer.issuer, audience: AUDIENCE });
    const needs = { acr: ['gold'], scopes: ['read'], groups: ['staff'] };
    const more = { permissions: ['p'], roles: ['r'], claims: { tenant: 'acme' } };
    const named = [];
    const senders = [await proofKey('ES256', 'doctor'), await proofKey('ES256', 'other')];
    for (const { token, dpop, isPreparation } of everBetterTokens(await keySet('stranger'), senders)) {
      const { reason } = await client
        .validateAccessToken(token, { ...needs, ...more, ...dpop })
        .catch((error) => error);
      if (isPreparation) continue;
      named.push(rules.JWT_RULES.find(([, ...reasons]) => reasons.includes(reason))?.[0]);
    }
    assert.deepEqual(
      named,
      rules.JWT_RULES.map(([rule]) => rule),
    );
  });

  /** Each token, with its proof, meets one more rule than the one before it. */
  function* everBetterTokens({ rsa: stranger }, [own, other]) {
    const now = Math.floor(Date.now() / 1000);
    const sign = (header, payload, key) => issuer.signRaw(header, payload, key);
    const header = { alg: 'HS256', crit: ['x'], typ: 'logout+jwt', kid: 'unknown' };
    const claims = {
      iss: 'x',
      aud: 'y',
      exp: 1,
      nbf: now + 9000,
      iat: -1,
      sub: 7,
      cnf: 1,
      scope: 'write',
      groups: ['guest'],
    };
    const twice = JSON.stringify(claims).replace('{', '{"iss":"twice",');
    yield { token: 'a.b=.c' };
    yield { token: sign('{"alg":1,"alg":2}', twice, stranger) };
    const fixes = [{}, { alg: 'RS256' }, { crit: undefined }, { typ: 'at+jwt' }, { kid: 'rsa' }];
    for (const fix of fixes) yield { token: sign(JSON.stringify(Object.assign(header, fix)), twice, stranger) };
    yield { token: sign(JSON.stringify(header), twice) };
    const better = (repair) => sign(JSON.stringify(header), JSON.stringify(Object.assign(claims, repair)));
    const repairs = [
      {},
      { iss: issuer.issuer },
      { aud: AUDIENCE },
      { exp: now + 600 },
      { nbf: now },
      { iat: now },
      { sub: 'user' },
      { cnf: { jkt: own.jkt, 'x5t#S256': 'A'.repeat(43) } },
    ];
    for (const repair of repairs) yield { token: better(repair) };

    const token = better({});
    const url = 'https://api.example.com/orders';
    const request = { key: other, token: 'another', method: 'PUT', url: 'https://x.example/', iat: now - 99 };
    const proof = (repair) => proofOf(Object.assign(request, repair));
    const withProof = (text, at = token) => ({ token: at, dpop: presented(text, { url }) });
    yield withProof('a.b=.c');
    const proofs = [
      { header: { typ: 'JWT' }, claims: { jti: undefined } },
      { header: undefined },
      { claims: undefined },
      { token },
      { method: 'GET' },
      { url },
      { key: own, signer: other },
      { signer: own },
    ];
    for (const repair of proofs) yield withProof(proof(repair));
    const used = proof({ iat: now });
    yield { ...withProof(used), isPreparation: true };
    yield withProof(used);
    yield withProof(proof({}));
    const lists = [{ groups: ['staff'] }, { permissions: ['p'] }, { roles: ['r'] }];
    for (const repair of [{ cnf: { jkt: own.jkt } }, { acr: 'gold' }, { scope: 'read' }, ...lists]) {
      const last = better(repair);
      yield withProof(proof({ token: last }), last);
    }
  }
});
