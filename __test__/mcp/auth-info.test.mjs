// What does an MCP server know about its caller, and which errors does `requireBearerAuth` of the SDKs get?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { InsufficientScopeError, InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth as requireV1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { OAuthError, OAuthErrorCode, requireBearerAuth as requireV2 } from '@modelcontextprotocol/server';
import express from 'express';

import {
  MonoCloudBackendNodeClient,
  mcpGate,
  mcpTokenVerifier,
  protectMcp,
  protectedResource,
} from '@monocloud/backend-node/mcp';

import { freshKey } from '../support/dpop.mjs';
import { get, listen } from '../support/http.mjs';
import { AUDIENCE as ISSUER_AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from '../support/offline.mjs';

const SCOPES = { scopes: ['notes:read'] };
const requested = (token) => new Request(AUDIENCE, { headers: { authorization: `Bearer ${token}` } });
const down = () => offline({ jwksResolver: () => Promise.reject(new Error('down')) });

/** Sends one request through middleware of Express: the response, and what the handler saw. */
async function ask(middleware, token) {
  const app = express();
  let seen;
  app.get('/', middleware, (request, response) => {
    seen = { auth: request.auth, claims: request.claims };
    response.json({});
  });
  const { url, close } = await listen(app);
  try {
    return { ...(await get(url, { token })), seen };
  } finally {
    await close();
  }
}

describe('AuthInfo', () => {
  const authOf = (claims, options, client = offline()) => mcpGate(client, options)(requested(signed(claims)));

  test('has what both SDKs need', async () => {
    const claims = { scope: 'notes:read notes:write', client_id: 'client-1', azp: 'other', exp: 4102444800 };
    const token = signed(claims);
    const resource = protectedResource(offline());
    const auth = await mcpGate(offline(), { ...SCOPES, resource })(requested(token));
    const { extra, ...rest } = auth;
    assert.deepEqual(rest, {
      token,
      clientId: 'client-1',
      scopes: ['notes:read', 'notes:write'],
      expiresAt: 4102444800,
      resource: new URL(AUDIENCE),
      resourceMetadataUrl: resource.url,
    });
    assert.equal(extra.claims.client_id, 'client-1');
  });

  test('has azp for a token without client_id, and an empty client for a token without both', async () => {
    assert.equal((await authOf({ azp: 'client-2' })).clientId, 'client-2');
    assert.equal((await authOf({ client_id: 5, azp: ['a'] })).clientId, '');
    assert.equal((await authOf({})).clientId, '');
  });

  test('has no scopes for a token without any', async () => {
    assert.deepEqual((await authOf({ scope: undefined })).scopes, []);
    assert.deepEqual((await authOf({ scope: ' a  b ' })).scopes, ['a', 'b']);
  });

  test('has the scopes of the configured claim, also of an array, and none that a scope implies', async () => {
    const client = offline({ scopeOptions: { scopesClaim: ['scp', 'scope'], implies: { a: ['b'] } } });
    const scopesOf = async (claims) => (await authOf(claims, {}, client)).scopes;
    assert.deepEqual(await scopesOf({ scp: ['a', 'c d', 1, 'e'], scope: 'x' }), ['a', 'e']);
    assert.deepEqual(await scopesOf({ scp: 'a e', scope: 'x' }), ['a', 'e']);
    assert.deepEqual(await scopesOf({ scope: ['x'] }), ['x']);
    assert.deepEqual((await authOf({ scope: ['x', 'y'] })).scopes, ['x', 'y']);
  });

  test('has no resource if the audience is no URL of the web', async () => {
    const client = offline({ audience: 'urn:example:api' });
    assert.equal('resource' in (await authOf({ aud: ['x', 'urn:example:api'] }, {}, client)), false);
  });

  test('has the audience of the client, whatever else the token is for', async () => {
    const auth = await authOf({ aud: ['https://other.example.com', AUDIENCE] });
    assert.equal(auth.resource.href, new URL(AUDIENCE).href);
  });
});

describe('an introspected token without exp', () => {
  let issuer;
  let client;
  let token;

  before(async () => {
    issuer = await startIssuer();
    const options = {
      tenantDomain: issuer.issuer,
      audience: ISSUER_AUDIENCE,
      clientId: 'a',
      clientSecret: 'b'.repeat(32),
    };
    client = new MonoCloudBackendNodeClient(options);
    token = issuer.opaque({ exp: undefined });
  });
  after(() => issuer.close());

  test('is rejected with its reason, because the SDKs need an expiry', async () => {
    await client.validateAccessToken(token);
    const response = await mcpGate(client)(requested(token));
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate'), /"Token has no valid expiry"/);
    const { status, seen } = await ask(protectMcp(client), token);
    assert.deepEqual([status, seen], [401, undefined]);
    const verifier = mcpTokenVerifier(client, { toError: (error) => error });
    await assert.rejects(verifier.verifyAccessToken(token), { reason: 'expiry_invalid' });
  });
});

describe('protectMcp()', () => {
  test('sets auth and claims, and calls the handler', async () => {
    const { status, seen } = await ask(protectMcp(offline(), SCOPES), signed({ scope: 'notes:read' }));
    assert.equal(status, 200);
    assert.deepEqual(seen.auth.extra.claims, seen.claims);
    assert.deepEqual(seen.auth.scopes, ['notes:read']);
  });

  test('sends 401, 403 and 503 as protect() does, and sets nothing', async () => {
    const resource = protectedResource(offline());
    const statusOf = async (client, token) => {
      const { status, headers, seen } = await ask(protectMcp(client, { ...SCOPES, resource }), token);
      assert.equal(seen, undefined);
      return [status, /resource_metadata="/.test(headers['www-authenticate']), headers['retry-after'] !== undefined];
    };
    assert.deepEqual(await statusOf(offline(), undefined), [401, true, false]);
    assert.deepEqual(await statusOf(offline(), signed({ exp: 1 })), [401, true, false]);
    assert.deepEqual(await statusOf(offline(), signed({ scope: 'x' })), [403, true, false]);
    assert.deepEqual(await statusOf(down(), signed()), [503, false, true]);
  });

  test('does not run the handler if auth cannot be set', async () => {
    const freeze = (request, response, next) => {
      Object.defineProperty(request, 'auth', { get: () => undefined });
      next();
    };
    const protect = protectMcp(offline());
    const both = (request, response, next) => freeze(request, response, () => protect(request, response, next));
    const { status, seen } = await ask(both, signed());
    assert.deepEqual([status, seen], [500, undefined]);
  });

  test('throws for an unknown option, and if it is a handler itself', () => {
    for (const make of [protectMcp, mcpGate]) {
      assert.throws(() => make(offline(), { scope: ['a'] }), { reason: 'argument_invalid', message: /"scope"/ });
      assert.throws(() => make(offline(), { tokenResolver: () => '' }), { reason: 'argument_invalid' });
      assert.throws(() => make(new Request(AUDIENCE), {}), { reason: 'argument_invalid' });
      assert.throws(() => make(offline(), { resource: {} }), { reason: 'argument_invalid', message: /resource/ });
    }
  });

  test('takes a client of another kind', async () => {
    const claims = { sub: 'a', exp: 4102444800, scope: 'x', aud: AUDIENCE };
    const other = { validateAccessToken: async () => claims };
    const { status, seen } = await ask(protectMcp(other), 'any');
    assert.deepEqual([status, seen.auth.expiresAt, seen.auth.resource], [200, claims.exp, undefined]);
  });
});

describe('mcpGate()', () => {
  test('resolves with the response to send', async () => {
    const response = await mcpGate(offline())(new Request(AUDIENCE));
    assert.equal(response.status, 401);
    assert.deepEqual(await response.json(), { message: 'unauthorized' });
    assert.equal((await mcpGate(down())(requested(signed()))).status, 503);
  });

  test('reads neither the body nor the query', async () => {
    const request = new Request(`${AUDIENCE}?access_token=${signed()}`, {
      method: 'POST',
      body: new URLSearchParams({ access_token: signed() }),
    });
    assert.equal((await mcpGate(offline())(request)).status, 401);
    assert.equal(request.bodyUsed, false);
  });
});

describe('mcpTokenVerifier()', () => {
  const toV1 = (error) =>
    error.code === 'insufficient_scope'
      ? new InsufficientScopeError(error.message)
      : new InvalidTokenError(error.message);
  const toV2 = ({ code, message }) =>
    new OAuthError(
      code === 'insufficient_scope' ? OAuthErrorCode.InsufficientScope : OAuthErrorCode.InvalidToken,
      message,
    );

  /** The status that each SDK sends for a token. */
  const SDKS = {
    'SDK 1': async (client, token, options) => {
      const verifier = mcpTokenVerifier(client, { toError: toV1, ...options });
      return (await ask(requireV1({ verifier, expectedResource: new URL(AUDIENCE) }), token)).status;
    },
    'SDK 2': async (client, token, options) => {
      const verifier = mcpTokenVerifier(client, { toError: toV2, ...options });
      const auth = await requireV2({ verifier, expectedResource: new URL(AUDIENCE) })(requested(token));
      return auth instanceof Response ? auth.status : 200;
    },
  };

  for (const [name, statusOf] of Object.entries(SDKS)) {
    describe(`under ${name}`, () => {
      test('accepts a valid token', async () => {
        assert.equal(await statusOf(offline(), signed({ scope: 'notes:read' }), SCOPES), 200);
      });

      test('makes a 401 of an expired, a malformed and a bound token', async () => {
        const { jkt } = await freshKey();
        for (const token of [
          signed({ exp: 1 }),
          'a.b.c',
          signed({ aud: 'https://other.example.com' }),
          signed({ cnf: { jkt } }),
        ]) {
          assert.equal(await statusOf(offline(), token), 401);
        }
      });

      test('makes a 403 of a token that lacks a scope', async () => {
        assert.equal(await statusOf(offline(), signed({ scope: 'x' }), SCOPES), 403);
      });

      test('never makes a 401 of an outage', async () => {
        assert.equal(await statusOf(down(), signed()), 500);
      });
    });
  }

  test('rejects with the original error in an outage', async () => {
    const verifier = mcpTokenVerifier(down(), { toError: () => assert.fail('an outage is no rejected token') });
    await assert.rejects(verifier.verifyAccessToken(signed()), { isOutage: true });
  });

  test('checks what the method of a subclass accepts, as protect() does', async () => {
    class Decodes extends MonoCloudBackendNodeClient {
      async validateAccessToken(token) {
        return Decodes.decodeJwt(token);
      }
    }
    const client = new Decodes({ tenantDomain: ISSUER, audience: AUDIENCE, jwksResolver: () => JWKS });
    const { jkt } = await freshKey();
    const reasonOf = async (token) => {
      const verifier = mcpTokenVerifier(client, { toError: (error) => error, ...SCOPES });
      return verifier.verifyAccessToken(token).then(
        () => 'accepted',
        ({ reason }) => reason,
      );
    };
    assert.equal(await reasonOf(signed({ scope: 'notes:read' })), 'accepted');
    assert.equal(await reasonOf(signed({ scope: 'x' })), 'scope_missing');
    assert.equal(await reasonOf(signed({ scope: 'notes:read', cnf: { jkt } })), 'dpop_scheme_required');
    assert.equal(await reasonOf(signed({ scope: 'notes:read', exp: 1 })), 'expired');
  });

  test('throws without toError, and for an unknown option', () => {
    for (const options of [
      undefined,
      {},
      { toError: 1 },
      { toError: toV1, scope: 'a' },
      { toError: toV1, scopes: 'a' },
    ]) {
      assert.throws(() => mcpTokenVerifier(offline(), options), { reason: 'argument_invalid' });
    }
  });
});
