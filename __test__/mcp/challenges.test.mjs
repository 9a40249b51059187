// Do the challenges of a protected API say where its metadata is (RFC 9728 §5.1), so that MCP clients find it?
//
// Read by the parsers of both SDK generations. That of SDK 1 reads only a header that begins with `Bearer` and a space.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { extractWWWAuthenticateParams as parseV1 } from '@modelcontextprotocol/sdk/client/auth.js';
import { extractWWWAuthenticateParams as parseV2 } from '@modelcontextprotocol/client';
import { protectedResource } from '@monocloud/backend-node/mcp';
import { protectApi as protectNode } from '@monocloud/backend-node/node';
import { protectApi as protectWeb } from '@monocloud/backend-node/web';

import { DEFAULT_ALGS, freshKey } from '../support/dpop.mjs';
import { EXPRESS, FASTIFY } from '../support/frameworks.mjs';
import { AUDIENCE, offline, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';

const METADATA = `${AUDIENCE}/.well-known/oauth-protected-resource`;
const INVALID = 'Bearer error="invalid_token", error_description=';

/** What both parsers find in one header. */
function parsed(challenge) {
  const response = new Response(null, { status: 401, headers: { 'www-authenticate': challenge } });
  const [one, two] = [parseV1(response), parseV2(response)].map(({ resourceMetadataUrl, scope, error }) => ({
    url: resourceMetadataUrl?.href,
    scope,
    error,
  }));
  assert.deepEqual(one, two);
  return one;
}

/** The challenge for a request of the Fetch standard. */
async function challengeOf({ headers = {}, client = {}, options, route } = {}) {
  const protect = protectWeb(offline(client), { resourceMetadata: METADATA, ...options });
  const response = await protect(route)(new Request(AUDIENCE, { headers }));
  return { status: response.status, challenge: response.headers.get('www-authenticate') };
}

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const SCOPES = { scopes: ['notes:read', 'notes:write'] };
const ASKED = 'notes:read notes:write';

describe('with resourceMetadata, the challenge', () => {
  test('without a token names the metadata and the scopes of the route', async () => {
    const { status, challenge } = await challengeOf({ route: SCOPES });
    assert.equal(status, 401);
    assert.equal(challenge, `Bearer scope="${ASKED}", resource_metadata="${METADATA}"`);
    assert.deepEqual(parsed(challenge), { url: METADATA, scope: ASKED, error: undefined });
  });

  test('of a route without scopes names only the metadata', async () => {
    assert.equal((await challengeOf()).challenge, `Bearer resource_metadata="${METADATA}"`);
  });

  test('of a rejected token names both after the reason', async () => {
    const { status, challenge } = await challengeOf({ headers: bearer(signed({ exp: 1 })), route: SCOPES });
    assert.equal(status, 401);
    const rest = `scope="${ASKED}", resource_metadata="${METADATA}"`;
    assert.equal(challenge, `${INVALID}"Token has expired", ${rest}`);
    assert.deepEqual(parsed(challenge), { url: METADATA, scope: ASKED, error: 'invalid_token' });
  });

  test('of a token that lacks a scope names all scopes once', async () => {
    const headers = bearer(signed({ scope: 'notes:read' }));
    const { status, challenge } = await challengeOf({ headers, route: SCOPES });
    assert.equal(status, 403);
    assert.equal(challenge, `Bearer error="insufficient_scope", scope="${ASKED}", resource_metadata="${METADATA}"`);
    assert.deepEqual(parsed(challenge), { url: METADATA, scope: ASKED, error: 'insufficient_scope' });
  });

  test('of a token that lacks a group asks for no scope', async () => {
    const headers = bearer(signed({ scope: ASKED }));
    const { status, challenge } = await challengeOf({ headers, route: { ...SCOPES, groups: ['staff'] } });
    assert.equal(status, 403);
    assert.equal(challenge, `Bearer error="insufficient_scope", resource_metadata="${METADATA}"`);
  });

  test('of a step-up names the scopes of the route too', async () => {
    const headers = bearer(signed({ scope: ASKED }));
    const { status, challenge } = await challengeOf({ headers, route: { ...SCOPES, acr: ['gold'] } });
    assert.equal(status, 401);
    const found = parsed(challenge);
    assert.deepEqual(found, { url: METADATA, scope: ASKED, error: 'insufficient_user_authentication' });
    assert.match(challenge, /acr_values="gold"/);
    assert.equal(challenge.match(/scope=/g).length, 1);
  });

  test('of a resolver that failed names both', async () => {
    const options = { tokenResolver: () => Promise.reject(new Error('no')) };
    const { challenge } = await challengeOf({ options, route: SCOPES });
    assert.deepEqual(parsed(challenge), { url: METADATA, scope: ASKED, error: 'invalid_token' });
  });

  test('asks for no scope that a challenge cannot contain', async () => {
    const { challenge } = await challengeOf({ route: { scopes: ['a"b', 'two words', 'c'] } });
    assert.deepEqual(parsed(challenge), { url: METADATA, scope: 'c', error: undefined });
  });

  test('of one route never has the scopes of another', async () => {
    const protect = protectWeb(offline(), { resourceMetadata: METADATA });
    const ask = async (scopes) => {
      const response = await protect({ scopes })(new Request(AUDIENCE, { headers: bearer(signed({ exp: 1 })) }));
      return parsed(response.headers.get('www-authenticate')).scope;
    };
    assert.deepEqual(await Promise.all([['a'], ['b', 'c'], [], ['a']].map(ask)), ['a', 'b c', undefined, 'a']);
  });
});

describe('with resourceMetadata and DPoP, the challenge', () => {
  const announced = { dpop: { algorithms: ['ES256'] } };
  const required = { validateDPoPBinding: 'required' };
  const dpop = (token) => ({ authorization: `DPoP ${token}` });

  test('begins with Bearer and has the metadata there', async () => {
    const { challenge } = await challengeOf({ client: announced, route: SCOPES });
    assert.equal(challenge, `Bearer scope="${ASKED}", resource_metadata="${METADATA}", DPoP algs="ES256"`);
    assert.deepEqual(parsed(challenge), { url: METADATA, scope: ASKED, error: undefined });
  });

  test('of a DPoP request has the metadata in the Bearer challenge and the reason in the other', async () => {
    for (const client of [announced, {}]) {
      const { status, challenge } = await challengeOf({ client, headers: dpop(signed()), route: SCOPES });
      assert.equal(status, 401);
      assert.ok(
        challenge.startsWith(`Bearer scope="${ASKED}", resource_metadata="${METADATA}", DPoP error=`),
        challenge,
      );
      assert.deepEqual([parsed(challenge).url, parsed(challenge).scope], [METADATA, ASKED]);
    }
  });

  test('of a bound token that comes as a bearer token has it too', async () => {
    const { jkt } = await freshKey();
    const { challenge } = await challengeOf({ headers: bearer(signed({ cnf: { jkt } })), route: SCOPES });
    assert.deepEqual([parsed(challenge).url, parsed(challenge).scope], [METADATA, ASKED]);
    assert.match(challenge, /, DPoP algs="/);
  });

  test('of two tokens is a 400 that asks for no scope', async () => {
    const { status, challenge } = await challengeOf({ client: announced, headers: bearer('a, DPoP b'), route: SCOPES });
    assert.equal(status, 400);
    assert.deepEqual(parsed(challenge), { url: METADATA, scope: undefined, error: 'invalid_request' });
  });

  test('has them in the one DPoP challenge if DPoP is required, where only SDK 2 looks', async () => {
    const { challenge } = await challengeOf({ client: required, route: SCOPES });
    assert.equal(challenge, `DPoP algs="${DEFAULT_ALGS}", scope="${ASKED}", resource_metadata="${METADATA}"`);
    const response = new Response(null, { headers: { 'www-authenticate': challenge } });
    assert.deepEqual(parseV1(response), {});
    const { resourceMetadataUrl, scope } = parseV2(response);
    assert.deepEqual([resourceMetadataUrl.href, scope], [METADATA, ASKED]);
  });
});

describe('the option resourceMetadata', () => {
  const resource = protectedResource(offline());

  test('is the result of protectedResource(), or its URL', async () => {
    for (const resourceMetadata of [resource, resource.url, { url: METADATA }]) {
      const { challenge } = await challengeOf({ options: { resourceMetadata } });
      assert.equal(challenge, `Bearer resource_metadata="${METADATA}"`);
    }
  });

  test('is nothing else', () => {
    const wrong = [
      '',
      'metadata',
      '/.well-known',
      'ftp://a',
      'https://u@a',
      'https://a#b',
      `${METADATA}"`,
      'https://a b',
    ];
    for (const resourceMetadata of [...wrong, 1, true, {}, [], { url: 1 }, new URL(METADATA), () => METADATA]) {
      assert.throws(() => protectWeb(offline(), { resourceMetadata }), {
        reason: 'argument_invalid',
        message: /resourceMetadata/,
      });
    }
  });

  test('changes nothing if it is not given, also for a route with scopes', async () => {
    for (const resourceMetadata of [undefined, null]) {
      assert.equal((await challengeOf({ options: { resourceMetadata }, route: SCOPES })).challenge, 'Bearer');
    }
  });

  test('is read by ./node', async () => {
    const guard = protectNode(offline(), { resourceMetadata: resource })(SCOPES);
    const { headers } = await guard({ method: 'GET', url: '/', headers: {}, rawHeaders: [] });
    assert.deepEqual(parsed(headers['WWW-Authenticate']), { url: METADATA, scope: ASKED, error: undefined });
  });

  for (const framework of [...EXPRESS, ...FASTIFY]) {
    describeWhere(framework.skip, `is read by ${framework.name}`, () => {
      test('for 401 and 403', async () => {
        const protect = framework.protectApi(offline(), { resourceMetadata: resource })(SCOPES);
        const none = await framework.answer(protect);
        assert.deepEqual(parsed(none.challenge), { url: METADATA, scope: ASKED, error: undefined });
        const lacking = await framework.answer(protect, { token: signed({ scope: 'notes:read' }) });
        assert.equal(lacking.status, 403);
        assert.deepEqual(parsed(lacking.challenge), { url: METADATA, scope: ASKED, error: 'insufficient_scope' });
      });
    });
  }
});
