// Are claims that match a template equal to the claims in the token, whatever was learnt before?

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import fc from 'fast-check';

import { MonoCloudBackendNodeClient } from '../../npm/index.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const require = createRequire(import.meta.url);
const native = require('../../npm/native/load.js');
const { ClaimsTemplates } = require('../../npm/client/claims-template.js');

const NOTHING = { scopes: [], groups: [], binding: undefined, acr: [], maxAge: undefined };
let issuer;

before(async () => {
  issuer = await startIssuer();
});

after(() => issuer.close());

const now = () => Math.floor(Date.now() / 1000);
const tokenOf = (claims) => issuer.sign({ claims, alg: 'EdDSA' });
const rawToken = (payload) => issuer.signRaw('{"alg":"EdDSA"}', payload, issuer.keys.ed25519, 'EdDSA');
const makeClient = (options) =>
  new MonoCloudBackendNodeClient({
    tenantDomain: issuer.issuer,
    audience: AUDIENCE,
    clockTolerance: 0,
    validateDPoPBinding: 'dangerously_ignore',
    ...options,
  });

async function outcome(client, token, policy) {
  try {
    const claims = await client.validateAccessToken(token, policy);
    return { text: JSON.stringify(claims), prototype: Object.getPrototypeOf(claims), claims };
  } catch ({ name, code, reason }) {
    return { name, code, reason };
  }
}

/** Validates with a client that learns templates and with one that does not. */
async function assertSame(tokens, policy) {
  const [learns, reads] = [makeClient(), makeClient({ verifiedTokenCacheSize: 0 })];
  for (const token of tokens) {
    const [{ claims, ...found }, { claims: expectedClaims, ...expected }] = [
      await outcome(learns, token, policy),
      await outcome(reads, token, policy),
    ];
    assert.deepEqual(found, expected);
    assert.deepEqual(claims, expectedClaims);
  }
}

test('tokens of a few kinds, with any texts, numbers and values in them, give the same claims and refusals', async () => {
  const word = fc.oneof(fc.string({ unit: 'grapheme-ascii', maxLength: 20 }), fc.string({ maxLength: 20 }), fc.uuid());
  const number = fc.oneof(
    fc.nat(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constant(10 ** 12),
    fc.constant(10 ** 12 - 1),
  );
  const value = fc.oneof(
    { weight: 4, arbitrary: word },
    { weight: 3, arbitrary: number },
    fc.jsonValue({ maxDepth: 2 }),
  );
  const kinds = [
    { sub: word, jti: word, iat: fc.nat() },
    { sub: word, scope: fc.constantFrom('data:read', 'data:write', 'data:read data:write'), client_id: word },
    { sub: word, groups: fc.array(fc.constantFrom('a', 'b', { id: '1', name: 'c' }), { maxLength: 2 }), jti: word },
    { 1: word, x: value, 0: number, y: value },
    { sub: word, cnf: fc.record({ jkt: word }), auth_time: number, acr: word },
    { sub: word, cnf: fc.oneof(fc.record({ jkt: value, 'x5t#S256': word }), fc.record({ n: number }), value) },
  ].map((kind) => fc.record(kind));
  const claims = fc.tuple(fc.oneof(...kinds), fc.constantFrom({}, {}, {}, { exp: 1 }, { aud: 'other' }, { nbf: 4e9 }));
  await fc.assert(
    fc.asyncProperty(fc.array(claims, { minLength: 5, maxLength: 60 }), async (all) => {
      const tokens = all.map(([own, changes]) => tokenOf({ exp: now() + 600, ...own, ...changes }));
      await assertSame(tokens, { scopes: [] });
    }),
    { numRuns: 100 },
  );
});

test('members of cnf with any names stay members of cnf', async () => {
  const members = `"iss":${JSON.stringify(issuer.issuer)},"aud":"${AUDIENCE}","exp":${now() + 600}`;
  const payloads = [];
  for (let i = 0; i < 20; i += 1) {
    payloads.push(
      `{${members},"cnf":{"jkt":"k${i}"},"sub":"u${i}"}`,
      `{${members},"cnf":{"__proto__":"p${i}","jkt":"k${i}","constructor":${i}},"jkt":"outer"}`,
      `{${members},"cnf":{"j\\u006bt":"k${i}","2":${i},"1":"a${i}"}}`,
    );
  }
  const policy = { validateCertificateBinding: false };
  await assertSame(payloads.map(rawToken), policy);
  assert.equal({}.jkt, undefined);
});

test('a bound token whose claims match a template needs its own certificate', async () => {
  const der = (octet) => Buffer.from([0x30, 3, 1, 2, octet]);
  const thumbprint = (octet) => createHash('sha256').update(der(octet)).digest('base64url');
  const client = makeClient();
  for (let i = 0; i < 40; i += 1) {
    const token = tokenOf({ sub: 'a', cnf: { 'x5t#S256': thumbprint(i) }, exp: now() + 600 });
    const validate = (octet) => client.validateAccessToken(token, { clientCertificate: der(octet).toString('base64') });
    await assert.rejects(validate(i + 1), { reason: 'certificate_mismatch' });
    assert.deepEqual((await validate(i)).cnf, { 'x5t#S256': thumbprint(i) });
  }
});

test('scope, group and binding are checked in each token’s own claims', async () => {
  const tokens = [];
  for (let i = 0; i < 60; i += 1) {
    tokens.push(
      tokenOf({ sub: `user-${i}`, scope: ['a', 'a b', 'b', 'ab'][i % 4], groups: [`g${i % 3}`], exp: now() + 600 }),
    );
  }
  for (const policy of [
    { scopes: ['a'] },
    { groups: ['g1'] },
    { scopes: ['b'], groups: ['g0', 'g2'] },
    { validateCertificateBinding: true },
  ]) {
    await assertSame(tokens, policy);
  }
});

test('numbers of every width keep their value', async () => {
  const tokens = [];
  for (let bits = 0; bits <= 53; bits += 1) {
    for (const x of [2 ** bits - 1, 2 ** bits])
      tokens.push(tokenOf({ x, exp: now() + 600 }), tokenOf({ x: 10 ** 12 - 1 - x, exp: now() + 600 }));
  }
  await assertSame(tokens);
});

test('members with special names in JavaScript stay members', async () => {
  const members = `"iss":${JSON.stringify(issuer.issuer)},"aud":"${AUDIENCE}","exp":${now() + 600}`;
  const payloads = [];
  for (let i = 0; i < 20; i += 1) {
    payloads.push(
      `{${members},"__proto__":${i},"sub":"u${i}"}`,
      `{${members},"__proto__":"p${i}","constructor":"c${i}","toString":${i}}`,
      `{${members},"10":"a${i}","9":${i},"":"e${i}","hasOwnProperty":"h${i}"}`,
      `{${members},"deep":{"__proto__":{"x":1}},"length":${i},"s\\u0075b":"u${i}"}`,
    );
  }
  await assertSame(payloads.map(rawToken));
  assert.equal({}.x, undefined);
});

test('claims of one template share no objects', async () => {
  const client = makeClient();
  const validate = (sub) =>
    client.validateAccessToken(tokenOf({ sub, groups: [{ id: '1', name: 'a' }], exp: now() + 600 }));
  for (let i = 0; i < 10; i += 1) {
    const claims = await validate(`user-${i}`);
    assert.deepEqual(claims.groups, [{ id: '1', name: 'a' }]);
    claims.groups[0].name = 'changed';
    claims.groups.push('added');
    claims.sub = 'changed';
    delete claims.exp;
  }
});

test('claims of one issuer’s users arrive as the blanks of one template, which is fetched once', async () => {
  const settings = {
    options: { tenantDomain: issuer.issuer, audience: AUDIENCE },
    environment: {},
    clientKind: 'backend',
    hostEnvironment: {},
  };
  const engine = new native.MonoCloudBackendNodeClient(JSON.stringify(settings));
  await engine.waitForKeys(1, false).ended;
  const warm = engine.warm(NOTHING);
  const templates = new ClaimsTemplates();
  const asked = [];
  const describe = (number) => {
    asked.push(number);
    return engine.claimsTemplate(number);
  };
  const seen = { whole: 0, templates: 0 };
  for (let i = 0; i < 100; i += 1) {
    const token = tokenOf({ sub: `user-${i}`, jti: `${i}`.repeat(3), iat: now() - i, exp: now() + 600 });
    const text = warm(token, Date.now() / 1000);
    if (!ClaimsTemplates.isFilledTemplate(text)) {
      seen.whole += 1;
      continue;
    }
    seen.templates += 1;
    assert.deepEqual(templates.claims(text, describe), JSON.parse(Buffer.from(token.split('.')[1], 'base64url')));
  }
  assert.ok(seen.whole < 10 && seen.templates > 90, JSON.stringify(seen));
  assert.deepEqual(asked, [...new Set(asked)]);
  assert.equal(engine.claimsTemplate(1_000_000), null);
});

test('a template that was removed gives no claims: the token is parsed instead', () => {
  assert.equal(
    new ClaimsTemplates().claims('\0\0\0\x05', () => null),
    undefined,
  );
});
