// Do the tokens of the testing kit get the decision that they are made for? The production engine decides about each.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { createTestIssuer } from '@monocloud/backend-node/testing';

import { ALGORITHMS } from '../support/keys.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const URL_OF_API = 'https://api.test/things';

const issuer = createTestIssuer();
const holder = issuer.dpop();
const client = new MonoCloudBackendNodeClient(issuer.options);

/** A client whose users have all signed out some time ago. */
const revoking = new MonoCloudBackendNodeClient({ ...issuer.options, revocation: { store: { cutoff: () => 1000 } } });

/** What the call or the route must ask for, so that the token is rejected for this reason. */
const ASKING = {
  acr_missing: { acr: ['gold'] },
  auth_time_invalid: { maxAge: 60 },
  authentication_too_old: { maxAge: 60 },
  claim_mismatch: { claims: { plan: 'pro' } },
  certificate_mismatch: { clientCertificate: issuer.certificate().pem },
  confirmation_missing: { validateCertificateBinding: true },
  dpop_binding_missing: { validateDPoPBinding: true },
  group_missing: { groups: ['admin'] },
  permission_missing: { permissions: ['data:read'] },
  role_missing: { roles: ['admin'] },
  scope_missing: { scopes: ['data:read'] },
};

/** Every reason that `bad()` takes, as its own message lists them. */
function takenReasons() {
  try {
    issuer.bad('nothing');
  } catch (error) {
    return error.message.split('takes ')[1].split(', ');
  }
  throw new Error('bad() takes anything');
}

async function reasonOf(promise) {
  const error = await promise.then(
    () => undefined,
    (thrown) => thrown,
  );
  return error?.reason;
}

function dpopCall(token, { nonce } = {}) {
  const { dpop } = holder.headers({ method: 'GET', url: `${URL_OF_API}?page=2`, token, nonce });
  return { scheme: 'dpop', dpop: { proof: dpop, method: 'GET', url: URL_OF_API } };
}

describe('a bad token', () => {
  for (const reason of takenReasons()) {
    test(`is rejected for exactly ${reason}`, async () => {
      const token = issuer.bad(reason);
      const validating = reason === 'revoked' ? revoking : client;
      const asking = reason === 'dpop_key_mismatch' ? dpopCall(token) : ASKING[reason];
      assert.equal(await reasonOf(validating.validateAccessToken(token, asking)), reason);
    });
  }

  test('for a reason that no token causes is a mistake of the test', () => {
    assert.throws(() => issuer.bad('dpop_replayed'), { name: 'TypeError', message: /takes acr_missing,/ });
    assert.throws(() => issuer.bad('toString'), TypeError);
  });
});

describe('a good token', () => {
  test('has the claims that the test gave, and the default ones', async () => {
    const { sub, scope, iss, aud } = await client.validateAccessToken(issuer.token({ sub: 'ada', scope: 'a b' }));
    assert.deepEqual({ sub, scope, iss, aud }, { sub: 'ada', scope: 'a b', iss: issuer.issuer, aud: issuer.audience });
  });

  test('does not get a requirement for nothing: scopes are checked', async () => {
    const call = client.validateAccessToken(issuer.token({ scope: 'data:read' }), { scopes: ['data:write'] });
    assert.equal(await reasonOf(call), 'scope_missing');
  });

  for (const alg of ALGORITHMS) {
    test(`can be signed with ${alg}`, async () => {
      const other = createTestIssuer({ alg, claims: { sub: alg } });
      const claims = await new MonoCloudBackendNodeClient(other.options).validateAccessToken(other.token());
      assert.equal(claims.sub, alg);
    });
  }

  test('of another test issuer with the same name is rejected', async () => {
    assert.equal(await reasonOf(client.validateAccessToken(createTestIssuer().token())), 'key_not_found');
  });

  test('expires with fake time', async (context) => {
    const token = issuer.token({}, { expiresIn: 60 });
    await client.validateAccessToken(token);
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 });
    assert.equal(await reasonOf(client.validateAccessToken(token)), 'expired');
    await client.validateAccessToken(issuer.token());
  });

  test('goes into an Authorization header', async () => {
    const { authorization } = issuer.bearer({ scope: 'a' });
    assert.match(authorization, /^Bearer [^ ]+$/);
    assert.equal((await client.validateAccessToken(authorization.slice(7))).scope, 'a');
  });
});

describe('an opaque token', () => {
  test('is introspected', async () => {
    assert.equal((await client.validateAccessToken(issuer.opaque({ sub: 'ada' }))).sub, 'ada');
  });

  test('is inactive after its revocation, and after its expiry', async () => {
    const token = issuer.opaque();
    issuer.revoke(token);
    assert.equal(await reasonOf(client.validateAccessToken(token)), 'inactive');
    const expired = issuer.opaque({ exp: Math.floor(Date.now() / 1000) - 1 });
    assert.equal(await reasonOf(client.validateAccessToken(expired)), 'inactive');
  });

  test('of another issuer is inactive', async () => {
    assert.equal(await reasonOf(client.validateAccessToken(createTestIssuer().opaque())), 'inactive');
  });

  test('is not introspected for a client with another secret', async () => {
    const stranger = new MonoCloudBackendNodeClient({ ...issuer.options, clientSecret: 'wrong' });
    assert.equal(await reasonOf(stranger.validateAccessToken(issuer.opaque())), 'client_refused');
  });

  test('can also be a JWT, if the client introspects those', async () => {
    const introspecting = new MonoCloudBackendNodeClient({ ...issuer.options, introspectJwtTokens: true });
    const token = issuer.token();
    await introspecting.validateAccessToken(token);
    issuer.revoke(token);
    assert.equal(await reasonOf(introspecting.validateAccessToken(token)), 'inactive');
  });
});

describe('a bound token', () => {
  test('is accepted with a proof of its key, once', async () => {
    const token = issuer.token({ cnf: { jkt: holder.jkt } });
    const call = dpopCall(token);
    await client.validateAccessToken(token, call);
    assert.equal(await reasonOf(client.validateAccessToken(token, call)), 'dpop_replayed');
  });

  for (const alg of ['EdDSA', 'RS256', 'PS384', 'ES512']) {
    test(`can have a ${alg} key`, async () => {
      const strange = issuer.dpop({ alg });
      const token = issuer.token({ cnf: { jkt: strange.jkt } });
      const accepting = new MonoCloudBackendNodeClient({ ...issuer.options, dpop: { algorithms: [alg] } });
      const { dpop } = strange.headers({ method: 'GET', url: URL_OF_API, token });
      const options = { scheme: 'dpop', dpop: { proof: dpop, method: 'GET', url: URL_OF_API } };
      await accepting.validateAccessToken(token, options);
    });
  }

  test('gets a nonce into its proof', async () => {
    const asking = new MonoCloudBackendNodeClient({ ...issuer.options, dpop: { nonce: 'required' } });
    const token = issuer.token({ cnf: { jkt: holder.jkt } });
    const error = await asking.validateAccessToken(token, dpopCall(token)).catch((thrown) => thrown);
    assert.equal(error.reason, 'dpop_nonce_missing');
    await asking.validateAccessToken(token, dpopCall(token, { nonce: error.dpopNonce }));
  });

  test('is accepted with its certificate', async () => {
    const { pem, thumbprint } = issuer.certificate();
    const token = issuer.token({ cnf: { 'x5t#S256': thumbprint } });
    await client.validateAccessToken(token, { clientCertificate: pem });
    assert.equal(new X509Certificate(pem).verify(new X509Certificate(pem).publicKey), true);
  });
});

describe('the issuer', () => {
  test('records what it was asked', async () => {
    const own = createTestIssuer();
    await new MonoCloudBackendNodeClient(own.options).validateAccessToken(own.token());
    assert.deepEqual(
      own.requests.map(({ kind }) => kind),
      ['metadata', 'jwks'],
    );
  });

  test('rotates its keys: new tokens are accepted, and the old key is withdrawn', async () => {
    const own = createTestIssuer();
    const theirs = new MonoCloudBackendNodeClient(own.options);
    const old = own.token();
    const { kid } = JSON.parse(Buffer.from(old.split('.')[0], 'base64url'));
    await theirs.validateAccessToken(old);
    own.rotateKeys();
    await theirs.validateAccessToken(own.token());
    assert.equal(await reasonOf(theirs.validateAccessToken(own.token({}, { key: kid }))), 'key_not_found');
  });

  for (const [kind, reason] of [
    ['refused', 'fetcher_failed'],
    ['rubbish', 'body_invalid'],
    [500, 'unexpected_status'],
    ['timeout', 'timed_out'],
  ]) {
    test(`with the outage ${kind} fails for ${reason}, and recovers`, async () => {
      const own = createTestIssuer();
      own.outage(kind);
      const options = { ...own.options, responseTimeout: 1000 };
      const failing = new MonoCloudBackendNodeClient(options).validateAccessToken(own.token());
      assert.equal(await reasonOf(failing), reason);
      own.recover();
      await new MonoCloudBackendNodeClient(options).validateAccessToken(own.token());
    });
  }

  test('listens on loopback, for an application in another process', async () => {
    const own = createTestIssuer({ audience: 'https://listening.test' });
    const { url, env, close } = await own.listen();
    const script = `
      const { MonoCloudBackendNodeClient } = require('@monocloud/backend-node');
      const { connectTestIssuer } = require('@monocloud/backend-node/testing');
      const client = new MonoCloudBackendNodeClient();
      const issuer = connectTestIssuer();
      (async () => {
        for (const token of [issuer.token({ sub: 'jwt' }), issuer.opaque({ sub: 'opaque' })]) {
          console.log((await client.validateAccessToken(token)).sub);
        }
      })();`;
    const { stdout, stderr } = await run(['-e', script], env);
    assert.equal(stdout, 'jwt\nopaque\n', stderr);
    assert.equal(own.issuer, url);
    await close();
    const unreachable = new MonoCloudBackendNodeClient({ ...own.options, fetcher: undefined });
    assert.equal(await reasonOf(unreachable.validateAccessToken(own.token())), 'connection_refused');
  });

  test('does not keep a process alive that forgets to close it', async () => {
    const script = "require('@monocloud/backend-node/testing').createTestIssuer().listen()";
    assert.equal((await run(['-e', script], {})).status, 0);
  });

  test('rejects an option that it does not know', () => {
    assert.throws(() => createTestIssuer({ audiance: 'x' }), { reason: 'argument_invalid', message: /audiance/ });
    assert.throws(() => createTestIssuer({ alg: 'HS256' }), TypeError);
  });

  test('does not start in production', () => {
    for (const path of ['testing', 'testing/setup']) {
      const script = `require('@monocloud/backend-node/${path}')`;
      const { status, stderr } = spawnSync(process.execPath, ['-e', script], {
        cwd: ROOT,
        env: { ...process.env, NODE_ENV: 'production' },
        encoding: 'utf8',
      });
      assert.equal(status, 1);
      assert.match(stderr, /must not be used in production/);
    }
  });
});

/** Runs Node without blocking this process, whose server it needs. */
async function run(args, env) {
  const { spawn } = await import('node:child_process');
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, stdout, stderr };
}
