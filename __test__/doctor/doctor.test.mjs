/**
 * What does `npx @monocloud/backend-node doctor` report to a user? Valid setups, rejected configurations, and the
 * command line.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { DOCTOR, doctor, examine } from './run.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { createPki } from '../support/pki.mjs';

const CLIENT = { CLIENT_ID: 'api-client', CLIENT_SECRET: 'correct horse battery staple' };

let issuer;

before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

const here = (more = {}) => ({ TENANT_DOMAIN: issuer.issuer, AUDIENCE, ...more });

describe('a good set-up', () => {
  it('for JWTs alone has no problem and no warning, and exits with 0', async () => {
    const { code, stdout, stderr } = await doctor({ variables: here() });
    assert.equal(code, 0, stdout);
    assert.equal(stderr, '');
    assert.match(stdout, /✔ tenantDomain +http:\/\/127\.0\.0\.1:\d+\n/);
    assert.match(stdout, /✔ issuer +http:\/\/127\.0\.0\.1:\d+\n/);
    assert.match(stdout, /✔ JWK Set +5 usable of 5 published, for RS256, .*ES256.*EdDSA\n/);
    assert.match(stdout, /✔ clock +same as the server's\n/);
    assert.match(stdout, /- credentials +clientId is not set/);
    assert.match(stdout, /\nno problems, no warnings\n$/);
  });

  it('with credentials, over HTTPS with an authority of its own, passes every check', async () => {
    const pki = await createPki();
    const secure = await startIssuer({ tls: await pki.server() });
    try {
      const variables = { ...here(CLIENT), TENANT_DOMAIN: secure.issuer, CERTIFICATE_AUTHORITIES: pki.ca.pem };
      const { code, all } = await examine({ variables });
      assert.deepEqual([...new Set(all.map(({ status }) => status))], ['ok'], JSON.stringify(all));
      assert.equal(code, 0);
      assert.deepEqual(
        all.map(({ id }) => id).filter((id) => !id.startsWith('configuration.')),
        ['tenant', 'tls', 'issuer', 'jwks', 'clock', 'introspection'],
      );
    } finally {
      await secure.close();
    }
  });

  it('with a good token names every rule and its value', async () => {
    const token = issuer.sign({ claims: { scope: 'data:read data:write', groups: ['engineering'] } });
    const flags = ['--token', token, '--scope', 'data:write', '--group', 'engineering'];
    const { code, all, checks } = await examine({ variables: here(), flags });
    assert.equal(code, 0);
    const rules = all.filter(({ section }) => section === 'Token');
    assert.deepEqual(
      rules.map(({ title }) => title),
      [
        'form',
        'header',
        'algorithm',
        'extensions',
        'type',
        'key',
        'signature',
        'claims',
        'issuer',
        'audience',
        'expiry',
        'start of validity',
        'time of issue',
        'subject',
        'confirmation',
        'DPoP',
        'binding',
        'authentication',
        'scopes',
        'groups',
        'verdict',
      ],
    );
    assert.ok(rules.every(({ status }) => status === 'ok'));
    assert.match(checks.get('token.algorithm').message, /alg "RS256"/);
    assert.match(checks.get('token.expiry').message, /60 min from now/);
    assert.match(checks.get('token.scopes').message, /"data:read data:write", required: "data:write"/);
    assert.equal(checks.get('token.verdict').message, 'accepted, as a JWT');
  });

  it('takes an opaque token from standard input and has it introspected', async () => {
    const { code, checks } = await examine({
      variables: here(CLIENT),
      flags: ['--token', '-'],
      input: `Bearer ${issuer.opaque()}\n`,
    });
    assert.equal(checks.get('token.verdict').message, 'accepted, by introspection');
    assert.equal(code, 0);
  });

  it('accepts flags, which override variables', async () => {
    const { code, checks } = await examine({
      variables: here({ AUDIENCE: 'https://other.example.com' }),
      flags: [`--audience=${AUDIENCE}`, '--token', issuer.sign()],
    });
    assert.equal(code, 0);
    assert.equal(checks.get('configuration.audience').message, AUDIENCE);
  });
});

describe('a broken configuration', () => {
  it('without variables names both required ones, and checks nothing else', async () => {
    const { code, all } = await examine();
    assert.equal(code, 1);
    assert.deepEqual(Object.fromEntries(all.map(({ id, status }) => [id, status])), {
      'configuration.tenantDomain': 'problem',
      'configuration.audience': 'problem',
      tenant: 'skipped',
    });
    assert.match(all[0].message, /^MONOCLOUD_BACKEND_TENANT_DOMAIN is required$/);
  });

  it('with several wrong variables names them all', async () => {
    const { checks, all } = await examine({
      variables: {
        TENANT_DOMAIN: 'acme.us.monocloud.com',
        AUDIENCE: '"https://api.example.com"',
        CLIENT_AUTH_METHOD: 'basic',
        CLIENT_CERTIFICATE: '/nowhere/client.pem',
        CLOCK_SKEW: '-5',
        RESPONSE_TIMEOUT: '1',
      },
    });
    const problems = all.filter(({ status }) => status === 'problem').map(({ id }) => id.replace('configuration.', ''));
    assert.deepEqual(problems, [
      'tenantDomain',
      'clientAuthMethod',
      'clientCertificate',
      'clockSkew',
      'responseTimeout',
    ]);
    assert.equal(checks.get('configuration.tenantDomain').fix, 'Add the scheme: https://acme.us.monocloud.com');
    // An audience may have quotation marks. It is probably a mistake.
    assert.equal(checks.get('configuration.audience').status, 'warning');
    assert.match(checks.get('configuration.audience').fix, /quotation marks/);
  });

  it('with a number in the wrong unit, or far from any use, is warned of it with the sensible range', async () => {
    const rows = [
      ['clockTolerance', 'CLOCK_TOLERANCE', '300000', /^300000 seconds \(3 days\): an expired token is accepted/],
      ['clockTolerance', 'CLOCK_TOLERANCE', '601', /^601 seconds/],
      ['clockSkew', 'CLOCK_SKEW', '900', /^900 seconds \(15 min\)/],
      ['responseTimeout', 'RESPONSE_TIMEOUT', '5000000', /^5000000 milliseconds \(83 min\)/],
      ['jwksCacheDuration', 'JWKS_CACHE_DURATION', '300000', /^300000 seconds \(3 days\): a withdrawn key/],
      ['jwksCacheDuration', 'JWKS_CACHE_DURATION', '5', /^5 seconds \(5 s\): the keys are fetched again/],
      ['metadataCacheDuration', 'METADATA_CACHE_DURATION', '300000', /^300000 seconds/],
      ['introspectionCacheDuration', 'INTROSPECTION_CACHE_DURATION', '300000', /^300000 seconds .*a revoked token/],
      ['jwksMaxStale', 'JWKS_MAX_STALE', '86400000', /^86400000 seconds \(1000 days\)/],
    ];
    for (const [name, variable, value, message] of rows) {
      const { checks } = await examine({ variables: here({ [variable]: value }) });
      const check = checks.get(`configuration.${name}`);
      assert.equal(check.status, 'warning', `${name} ${value}`);
      assert.match(check.message, message);
      assert.ok(check.fix.startsWith(`MONOCLOUD_BACKEND_${variable}: `), check.fix);
      assert.match(check.fix, /The value is in (?:milli)?seconds\.$/);
    }
  });

  it('with a number at the edge of its range, or at its default, is not warned of', async () => {
    const edges = { CLOCK_TOLERANCE: '600', CLOCK_SKEW: '0', RESPONSE_TIMEOUT: '30000', JWKS_CACHE_DURATION: '30' };
    const { all } = await examine({
      variables: here({ ...edges, INTROSPECTION_CACHE_DURATION: '0', JWKS_MAX_STALE: '0' }),
    });
    assert.deepEqual(
      all.filter(({ status }) => status !== 'ok' && status !== 'skipped'),
      [],
    );
  });

  it('has a range only for options of the engine that are numbers', async () => {
    const { default: native } = await import('../../npm/native/load.js');
    const { default: ranges } = await import('../../npm/doctor/ranges.js');
    const numbers = native
      .options()
      .filter(({ kind }) => kind === 'number')
      .map(({ name }) => name);
    const named = Object.keys(ranges.RANGES);
    assert.ok(named.length >= 7);
    assert.deepEqual(
      named.filter((name) => !numbers.includes(name)),
      [],
    );
  });

  it('with a boolean or a number that cannot be read is a problem, as it is for the client', async () => {
    const { code, checks } = await examine({
      variables: here({ INTROSPECT_JWT_TOKENS: 'yes', CLOCK_TOLERANCE: '5 min' }),
    });
    assert.equal(code, 1);
    const [flag, number] = ['introspectJwtTokens', 'clockTolerance'].map((name) => checks.get(`configuration.${name}`));
    assert.deepEqual([flag.status, flag.reason], ['problem', 'option_invalid']);
    assert.deepEqual([number.status, number.reason], ['problem', 'option_invalid']);
    assert.match(flag.fix, /INTROSPECT_JWT_TOKENS to true or false/);
    assert.match(number.fix, /CLOCK_TOLERANCE to a whole number/);
  });

  it('with a variable that nothing reads is warned of', async () => {
    const { code, checks } = await examine({ variables: here({ AUDIANCE: 'x', CLIENT_SECRET: 's' }) });
    assert.equal(code, 0);
    assert.equal(checks.get('configuration.unknown').fix, 'Did you mean MONOCLOUD_BACKEND_AUDIENCE?');
    assert.match(checks.get('configuration.clientId').message, /clientSecret is set and clientId is not/);
  });

  it('whose public URL is another text than the audience on the same host is warned of', async () => {
    const resourceAt = async (publicUrl, audience = 'https://api.example.com/mcp') => {
      const { code, checks } = await examine({ variables: here({ PUBLIC_URL: publicUrl, AUDIENCE: audience }) });
      assert.equal(code, 0);
      return checks.get('configuration.resource');
    };
    const { status, message, fix } = await resourceAt('https://api.example.com/mcp/ https://b.example.com');
    assert.equal(status, 'warning');
    assert.match(
      message,
      /publicUrl is https:\/\/api\.example\.com\/mcp\/ and audience is https:\/\/api\.example\.com\/mcp:/,
    );
    assert.match(fix, /option resource/);
    for (const publicUrl of [
      'https://api.example.com/mcp',
      'https://other.example.com',
      'http://api.example.com/mcp',
    ]) {
      assert.equal(await resourceAt(publicUrl), undefined, publicUrl);
    }
    assert.equal(await resourceAt('https://api.example.com', 'urn:example:api'), undefined);
  });
});

describe('the command line', () => {
  it('that is not understood exits with 2 and says why, on standard error', async () => {
    const wrong = [
      [{ command: [] }, /^The command is missing/],
      [{ command: ['nurse'] }, /^The only command is doctor/],
      [{ flags: ['--tokn', 'x'] }, /^Unknown option '--tokn'/],
      [{ flags: ['--token'] }, /--token/],
      [{ flags: ['--token', '-'] }, /^--token is empty/],
      [{ flags: ['--scope', 'x'] }, /need --token/],
      [{ flags: ['--token', 'x', '--presented-certificate', '/nowhere'] }, /could not be read: ENOENT/],
    ];
    for (const [options, message] of wrong) {
      const { code, stdout, stderr } = await doctor({ variables: here(), ...options });
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
  });

  it('--help lists a flag for every variable of the engine, and exits with 0', async () => {
    const { default: native } = await import('../../npm/native/load.js');
    const { code, stdout } = await doctor({ flags: ['--help'] });
    assert.equal(code, 0);
    for (const { variable } of native.options()) assert.ok(stdout.includes(variable), variable);
  });

  it('without a binary for this machine says so, and exits with 1', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'monocloud-doctor-'));
    try {
      const shims = dirname(dirname(DOCTOR));
      await cp(shims, join(folder, 'npm'), { recursive: true, filter: (path) => !path.endsWith('.node') });
      await cp(join(shims, '..', 'package.json'), join(folder, 'package.json'));
      const { code, stdout } = await doctor({ variables: here(), file: join(folder, 'npm', 'doctor', 'main.js') });
      assert.equal(code, 1);
      assert.match(stdout, /✖ loads +@monocloud\/backend-node found no binary for /);
      assert.match(stdout, /\n1 problem, no warnings\n$/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
