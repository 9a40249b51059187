/**
 * What does the doctor report about a server? Servers that are unreachable or the wrong one, and servers with bad
 * keys, clock or credentials.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { assertProblem, examine } from './run.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { createPki } from '../support/pki.mjs';

const DISCOVERY = '/.well-known/openid-configuration';
/** Where the doctor asks for the server's date. */
const NOWHERE = `/.well-known/monocloud-doctor${DISCOVERY}`;
const CLIENT = { CLIENT_ID: 'api-client', CLIENT_SECRET: 'correct horse battery staple' };

let issuer;

before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());
afterEach(() => {
  [DISCOVERY, NOWHERE, '/jwks', '/introspect'].forEach((path) => issuer.respond(path));
});

const here = (more = {}) => ({ TENANT_DOMAIN: issuer.issuer, AUDIENCE, ...more });

describe('a server out of reach', () => {
  it('refuses the connection: where, and what to look for', async () => {
    const gone = await startIssuer();
    await gone.close();
    assertProblem(
      await examine({ variables: here({ TENANT_DOMAIN: gone.issuer }) }),
      'tenant',
      'connection_refused',
      gone.issuer,
    );
  });

  it('has a certificate of an unknown authority: whose', async () => {
    const pki = await createPki();
    const verdict = await overTls(await pki.server(), pki.otherCa.pem);
    assertProblem(verdict, 'tls', 'tls_unknown_authority', 'by CN=Test CA', 'NODE_EXTRA_CA_CERTS');
  });

  it('has a certificate for another host: for which', async () => {
    const pki = await createPki();
    const verdict = await overTls(await pki.server({ hosts: ['login.example.com'] }), pki.ca.pem);
    assertProblem(verdict, 'tls', 'tls_wrong_host', 'login.example.com');
  });

  it('has an expired certificate: since when', async () => {
    const pki = await createPki();
    const verdict = await overTls(await pki.server({ expired: true }), pki.ca.pem);
    assertProblem(verdict, 'tls', 'tls_certificate_expired', 'valid ', 'Renew');
  });

  it('does not answer in time', async () => {
    issuer.respond(DISCOVERY, () => undefined);
    assertProblem(
      await examine({ variables: here({ RESPONSE_TIMEOUT: '1000' }) }),
      'tenant',
      'timed_out',
      'RESPONSE_TIMEOUT',
    );
  });

  async function overTls(tls, authorities) {
    const secure = await startIssuer({ tls });
    try {
      return await examine({ variables: here({ TENANT_DOMAIN: secure.issuer, CERTIFICATE_AUTHORITIES: authorities }) });
    } finally {
      await secure.close();
    }
  }
});

describe('the wrong server', () => {
  it('has another issuer: which', async () => {
    issuer.respond(DISCOVERY, { body: { ...issuer.metadata, issuer: 'https://acme.eu.example.com' } });
    assertProblem(
      await examine({ variables: here() }),
      'issuer',
      'metadata_issuer_mismatch',
      '"https://acme.eu.example.com"',
    );
  });

  it('has no metadata: which status it answered', async () => {
    issuer.respond(DISCOVERY, { status: 404, body: 'Not found' });
    assertProblem(await examine({ variables: here() }), 'tenant', 'unexpected_status', 'status 404', DISCOVERY);
  });

  it('answers a web page', async () => {
    issuer.respond(DISCOVERY, { headers: { 'content-type': 'text/html' }, body: '<!doctype html>' });
    assertProblem(await examine({ variables: here() }), 'tenant', 'body_invalid');
  });
});

describe('keys, clock and credentials', () => {
  it('a JWK Set that fails is named by its address', async () => {
    issuer.respond('/jwks', { status: 500 });
    assertProblem(await examine({ variables: here() }), 'jwks', 'unexpected_status', `${issuer.issuer}/jwks`);
  });

  it('a JWK Set without one usable key is a problem', async () => {
    issuer.respond('/jwks', { body: { keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] } });
    assertProblem(await examine({ variables: here() }), 'jwks', 'keys_empty');
  });

  it('a key that cannot verify is a warning, a key for encryption is none', async () => {
    const weak = { ...issuer.jwks.keys[0], kid: 'weak', n: 'AQAB' };
    const encryption = { ...issuer.jwks.keys[0], kid: 'enc', use: 'enc' };
    issuer.respond('/jwks', { body: { keys: [...issuer.jwks.keys, weak, encryption] } });
    const { code, all, checks } = await examine({ variables: here() });
    assert.equal(code, 0);
    assert.match(checks.get('jwks').message, /^5 usable of 7 published/);
    const warnings = all.filter(({ status }) => status === 'warning');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0].message, /kid "weak"/);
  });

  it('a key that cannot be used is a warning with the reason that the engine has', async () => {
    const p521 = { kty: 'EC', crv: 'P-521', x: 'AQAB', y: 'AQAB' };
    const broken = [
      [{ ...p521, kid: 'short' }, /kid "short".*length/i],
      [{ ...issuer.jwks.keys[0], kid: 'other', alg: 'RS1' }, /kid "other".*alg "RS1"/],
      [{ kty: 'OKP', crv: 'X25519', kid: 'okp', x: 'AQAB' }, /kid "okp".*crv "X25519"/],
      [{ ...issuer.jwks.keys[0], kid: undefined, n: 'AQAB' }, /entry \d, without kid.*2048/],
    ];
    issuer.respond('/jwks', { body: { keys: [...issuer.jwks.keys, ...broken.map(([jwk]) => jwk)] } });
    const { code, all } = await examine({ variables: here() });
    assert.equal(code, 0);
    const warnings = all.filter(({ status }) => status === 'warning');
    assert.deepEqual(
      warnings.map(({ id }) => id),
      broken.map(() => 'jwks.key'),
    );
    for (const [index, [, message]] of broken.entries()) assert.match(warnings[index].message, message);
    assert.ok(all.find(({ id }) => id === 'jwks').message.includes('for RS256'));
  });

  it('a published private key is a problem, also for encryption, and none of it is printed', async () => {
    const exposed = { d: 'VmVyeVNlY3JldA', p: 'VmVyeVNlY3JldA' };
    const [rsa] = issuer.jwks.keys;
    for (const jwk of [
      { ...rsa, ...exposed, kid: 'exposed' },
      { ...rsa, ...exposed, kid: 'exposed', use: 'enc' },
    ]) {
      issuer.respond('/jwks', { body: { keys: [...issuer.jwks.keys, jwk] } });
      const verdict = await examine({ variables: here() });
      assertProblem(verdict, 'jwks.private', undefined, 'kid "exposed"', 'Anyone can sign', 'Replace it');
      assert.ok(!verdict.stdout.includes('VmVyeVNlY3JldA'));
    }
  });

  it('a set of private keys alone says why no key is usable', async () => {
    issuer.respond('/jwks', { body: { keys: issuer.jwks.keys.map((jwk) => ({ ...jwk, d: 'VmVyeVNlY3JldA' })) } });
    const { code, all } = await examine({ variables: here() });
    assert.equal(code, 1);
    const problems = all.filter(({ status }) => status === 'problem').map(({ id }) => id);
    assert.deepEqual(problems, ['jwks', ...issuer.jwks.keys.map(() => 'jwks.private')]);
  });

  it('a published shared secret is a problem', async () => {
    issuer.respond('/jwks', { body: { keys: [...issuer.jwks.keys, { kty: 'oct', kid: 'shared', k: 'AAAA' }] } });
    assertProblem(await examine({ variables: here() }), 'jwks.private', undefined, 'kid "shared"', 'symmetric');
  });

  it('a clock within the tolerance is a warning, past it a problem', async () => {
    serverClock(-60);
    const near = await examine({ variables: here() });
    assert.equal(near.code, 0);
    assert.equal(near.checks.get('clock').status, 'warning');
    assert.match(near.checks.get('clock').message, /^(?:59|6\d) s ahead of the server, within clockTolerance 300$/);
    serverClock(900);
    const far = await examine({ variables: here() });
    assertProblem(far, 'clock', undefined, 'behind the server, more than clockTolerance 300', 'NTP');
  });

  it("a clock that clockSkew corrects is as the server's", async () => {
    serverClock(900);
    const { checks } = await examine({ variables: here({ CLOCK_SKEW: '900' }) });
    assert.equal(checks.get('clock').status, 'ok');
  });

  it('refused credentials are named with the method, and without the secret', async () => {
    issuer.respond('/introspect', (request, response, body) => ({
      status: 401,
      body: { error: 'invalid_client', error_description: body },
    }));
    const verdict = await examine({ variables: here(CLIENT) });
    assertProblem(verdict, 'introspection', 'client_refused', 'with client_secret_post', 'invalid_client');
    assert.ok(!verdict.stdout.includes('battery'));
  });

  it('a server that refuses the client with 400 or 403 is told the same fix as with 401', async () => {
    const examined = async (status, error) => {
      issuer.respond('/introspect', () => ({ status, body: error ? { error } : '' }));
      return (await examine({ variables: here(CLIENT) })).checks.get('introspection');
    };
    const { fix } = await examined(401, 'invalid_client');
    assert.match(fix, /CLIENT_SECRET/);
    assert.equal((await examined(400, 'invalid_client')).fix, fix);
    const forbidden = await examined(403);
    assert.equal(forbidden.reason, 'unexpected_status');
    assert.ok(forbidden.fix.startsWith(fix), forbidden.fix);
  });

  it('a method that the metadata does not list for introspection is a warning with the usable ones', async () => {
    const methods = (...list) => {
      const body = { ...issuer.metadata, introspection_endpoint_auth_methods_supported: list };
      issuer.respond(DISCOVERY, { body });
      return examine({ variables: here(CLIENT) });
    };
    const other = (await methods('client_secret_basic', 'private_key_jwt', 'bearer')).checks.get(
      'introspection.method',
    );
    assert.equal(other.status, 'warning');
    assert.match(other.message, /^client_secret_post is not one of .*: client_secret_basic, private_key_jwt, bearer$/);
    assert.match(other.fix, /CLIENT_AUTH_METHOD to .*: client_secret_basic, private_key_jwt\.$/);
    const none = (await methods('bearer', 7)).checks.get('introspection.method');
    assert.match(none.fix, /supports none of them/);
    assert.equal((await methods('client_secret_post')).checks.get('introspection.method').status, 'ok');
    assert.equal((await methods()).checks.get('introspection.method'), undefined, 'nothing listed, nothing said');
  });

  it('a client without a secret cannot introspect', async () => {
    assertProblem(await examine({ variables: here({ CLIENT_ID: 'x' }) }), 'introspection', 'client_secret_required');
  });

  it('introspection of every token without a client is a problem', async () => {
    assertProblem(
      await examine({ variables: here({ INTROSPECT_JWT_TOKENS: 'true' }) }),
      'introspection',
      'client_id_required',
    );
  });

  it('metadata without an introspection endpoint', async () => {
    const { issuer: name, jwks_uri } = issuer.metadata;
    issuer.respond(DISCOVERY, { body: { issuer: name, jwks_uri } });
    assertProblem(await examine({ variables: here(CLIENT) }), 'introspection', 'introspection_endpoint_missing');
  });

  it('a server that calls any token active is a problem', async () => {
    for (const claims of [issuer.claims(), { aud: 'another' }]) {
      issuer.respond('/introspect', { body: { active: true, ...claims } });
      const { code, checks } = await examine({ variables: here(CLIENT) });
      assert.equal(code, 1);
      assert.equal(checks.get('introspection').message, 'the server reports a random token as active');
    }
  });

  function serverClock(seconds) {
    const date = () => new Date(Date.now() + seconds * 1000).toUTCString();
    issuer.respond(NOWHERE, () => ({ status: 404, headers: { date: date() } }));
  }
});
