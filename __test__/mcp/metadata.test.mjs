// What does the metadata of a protected resource say, and where is it (RFC 9728 §2 to §3.3)?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { protectedResource } from '@monocloud/backend-node/mcp';

import { offline } from '../support/offline.mjs';

const RESOURCE = 'https://api.example.com/mcp';
const described = (options, client = {}) => protectedResource(offline(client), options);

/** Asserts that these options throw `option_invalid`, with a message that names the option. */
function isInvalid(options, name = Object.keys(options)[0], client = {}) {
  assert.throws(() => described(options, client), { reason: 'option_invalid', message: new RegExp(`\\b${name}\\b`) });
}

describe('the URL of the document', () => {
  const URLS = [
    ['https://api.example.com', 'https://api.example.com/.well-known/oauth-protected-resource'],
    ['https://api.example.com/', 'https://api.example.com/.well-known/oauth-protected-resource'],
    ['https://api.example.com/mcp', 'https://api.example.com/.well-known/oauth-protected-resource/mcp'],
    ['https://api.example.com/a/b', 'https://api.example.com/.well-known/oauth-protected-resource/a/b'],
    ['https://api.example.com/mcp/', 'https://api.example.com/.well-known/oauth-protected-resource/mcp/'],
    ['https://api.example.com?a=1', 'https://api.example.com/.well-known/oauth-protected-resource?a=1'],
    ['https://api.example.com/?a=1', 'https://api.example.com/.well-known/oauth-protected-resource?a=1'],
    ['https://api.example.com/mcp?a=1', 'https://api.example.com/.well-known/oauth-protected-resource/mcp?a=1'],
    ['http://127.0.0.1:8080/mcp', 'http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp'],
  ];
  for (const [resource, url] of URLS) {
    test(`of ${resource} has the well-known path between host and path (RFC 9728 §3.1)`, () => {
      const { url: found, metadata } = described({ resource });
      assert.equal(found, url);
      assert.equal(metadata.resource, resource);
    });
  }
});

describe('resource', () => {
  test('is repeated as it was written, also if a URL parser would change it', () => {
    for (const resource of [
      'https://API.example.com',
      'https://api.example.com:443/mcp',
      'HTTPS://api.example.com/%7ea',
    ]) {
      assert.equal(described({ resource }).metadata.resource, resource);
    }
  });

  test('is the first public URL of the client by default, as it was written', () => {
    assert.equal(
      described({}, { publicUrl: 'https://API.example.com/mcp/' }).metadata.resource,
      'https://API.example.com/mcp/',
    );
    const publicUrl = ['https://one.example.com/mcp', 'https://two.example.com'];
    const client = offline({ publicUrl });
    publicUrl[0] = 'https://changed.example.com';
    assert.equal(protectedResource(client).metadata.resource, 'https://one.example.com/mcp');
  });

  test('is the first public URL of the environment by default', () => {
    process.env.MONOCLOUD_BACKEND_PUBLIC_URL = ' https://A.example.com/mcp  https://b.example.com ';
    try {
      assert.equal(described({}).metadata.resource, 'https://A.example.com/mcp');
    } finally {
      delete process.env.MONOCLOUD_BACKEND_PUBLIC_URL;
    }
  });

  test('is the audience by default if there is no public URL', () => {
    assert.equal(described({}, { audience: RESOURCE }).metadata.resource, RESOURCE);
  });

  test('has no default if the audience is no URL of the web', () => {
    isInvalid({}, 'resource', { audience: 'urn:example:api' });
    isInvalid({}, 'resource', { audience: 'http://api.example.com' });
  });

  const WRONG = {
    'http on a public host': 'http://api.example.com/mcp',
    'http on a host that begins like loopback': 'http://127.0.0.1.example.com',
    'a fragment': `${RESOURCE}#a`,
    'an empty fragment': `${RESOURCE}#`,
    'a user': 'https://user@api.example.com',
    'a user and a password': 'https://user:secret@api.example.com',
    'no host': 'https:///mcp',
    'no slashes': 'https:api.example.com',
    'white space': ` ${RESOURCE}`,
    'a quote': `${RESOURCE}"`,
    'a backslash': String.raw`https://api.example.com\mcp`,
    'another scheme': 'ftp://api.example.com',
    'a urn': 'urn:example:api',
    'an empty text': '',
    'a URL object': new URL(RESOURCE),
  };
  for (const [name, resource] of Object.entries(WRONG)) {
    test(`with ${name} throws`, () => isInvalid({ resource }));
  }

  test('may be http on loopback', () => {
    for (const host of ['127.0.0.1', '127.8.8.8', 'localhost:3000', 'a.localhost', '[::1]:80']) {
      assert.equal(described({ resource: `http://${host}/mcp` }).metadata.resource, `http://${host}/mcp`);
    }
  });
});

describe('the document', () => {
  test('has what the options say, and no empty parameter (RFC 9728 §3.2)', () => {
    const { metadata } = described({
      resource: RESOURCE,
      authorizationServers: ['https://one.example.com', 'https://two.example.com/a'],
      scopesSupported: ['data:read', 'data:write'],
      resourceName: 'Notes',
      resourceDocumentation: 'https://example.com/docs',
      resourcePolicyUri: 'https://example.com/policy',
      resourceTosUri: 'https://example.com/tos',
      authorizationDetailsTypesSupported: ['payment'],
    });
    assert.deepEqual(metadata, {
      resource: RESOURCE,
      authorization_servers: ['https://one.example.com', 'https://two.example.com/a'],
      scopes_supported: ['data:read', 'data:write'],
      bearer_methods_supported: ['header'],
      resource_name: 'Notes',
      resource_documentation: 'https://example.com/docs',
      resource_policy_uri: 'https://example.com/policy',
      resource_tos_uri: 'https://example.com/tos',
      authorization_details_types_supported: ['payment'],
    });
    const empty = { resource: RESOURCE, scopesSupported: [], authorizationDetailsTypesSupported: [] };
    assert.deepEqual(Object.keys(described(empty).metadata), [
      'resource',
      'authorization_servers',
      'bearer_methods_supported',
    ]);
  });

  test('names the issuer of the client by default, as it was written', () => {
    const { metadata } = described({ resource: RESOURCE }, { tenantDomain: 'https://tenant.example.com/' });
    assert.deepEqual(metadata.authorization_servers, ['https://tenant.example.com/']);
  });

  test('names the issuer as its metadata does once that was fetched', async () => {
    const issuer = 'https://tenant.example.com/';
    const client = offline({
      tenantDomain: 'https://tenant.example.com',
      metadataResolver: () => ({ issuer, jwks_uri: `${issuer}jwks` }),
    });
    const resource = protectedResource(client, { resource: RESOURCE });
    assert.deepEqual(resource.metadata.authorization_servers, ['https://tenant.example.com']);
    await client.getMetadata();
    assert.deepEqual(resource.metadata.authorization_servers, [issuer]);
  });

  test('cannot be changed', () => {
    const { metadata } = described({ resource: RESOURCE, scopesSupported: ['a'] });
    assert.throws(() => (metadata.resource = 'x'), TypeError);
    assert.throws(() => metadata.scopes_supported.push('b'), TypeError);
    assert.throws(() => metadata.authorization_servers.push('b'), TypeError);
  });

  test('announces DPoP only if an option of DPoP is set, and does not name bearer methods if it is required', () => {
    const of = (client) => described({ resource: RESOURCE }, client).metadata;
    const parts = ({
      bearer_methods_supported,
      dpop_signing_alg_values_supported,
      dpop_bound_access_tokens_required,
    }) => [bearer_methods_supported, dpop_signing_alg_values_supported, dpop_bound_access_tokens_required];
    assert.deepEqual(parts(of({})), [['header'], undefined, undefined]);
    assert.deepEqual(parts(of({ dpop: { algorithms: ['ES256', 'PS256'] } })), [
      ['header'],
      ['ES256', 'PS256'],
      undefined,
    ]);
    const required = { validateDPoPBinding: 'required', dpop: { algorithms: ['ES256'] } };
    assert.deepEqual(parts(of(required)), [undefined, ['ES256'], true]);
    const ignored = { validateDPoPBinding: 'dangerously_ignore', dpop: { algorithms: ['ES256'] } };
    assert.deepEqual(parts(of(ignored)), [['header'], undefined, undefined]);
  });
});

describe('an option', () => {
  const WRONG = [
    { scopesSupported: ['openid', 'offline_access'] },
    { scopesSupported: ['two words'] },
    { scopesSupported: [''] },
    { scopesSupported: 'data:read' },
    { scopesSupported: Array(1001).fill('a') },
    // eslint-disable-next-line no-sparse-arrays
    { scopesSupported: ['a', , 'b'] },
    { authorizationServers: ['http://issuer.example.com'] },
    { authorizationServers: ['https://issuer.example.com?a=1'] },
    { authorizationServers: ['https://issuer.example.com#a'] },
    { authorizationServers: 'https://issuer.example.com' },
    { authorizationServers: [null] },
    { resourceName: '' },
    { resourceName: 1 },
    { resourceDocumentation: 'docs' },
    { resourcePolicyUri: 'javascript:alert(1)' },
    { resourceTosUri: 'https://user@example.com' },
    { authorizationDetailsTypesSupported: [''] },
    { maxAge: -1 },
    { maxAge: 1.5 },
    { maxAge: 31_536_001 },
    { maxAge: '60' },
    { serveAuthorizationServerMetadata: 'no' },
    { scopes: ['a'] },
  ];
  for (const option of WRONG) {
    test(`that is wrong throws: ${JSON.stringify(option).slice(0, 60)}`, () => {
      const name = Object.keys(option)[0];
      assert.throws(() => described({ resource: RESOURCE, ...option }), {
        reason: 'option_invalid',
        message: new RegExp(`\\b${name}\\b`),
      });
    });
  }

  test('that is inherited does not count', () => {
    assert.deepEqual(described(Object.assign(Object.create(null), { resource: RESOURCE })).metadata.resource, RESOURCE);
    assert.throws(() => described(Object.create({ resource: RESOURCE })), { reason: 'option_invalid' });
  });
});

describe('a client', () => {
  test('of another kind has no defaults', () => {
    const other = { validateAccessToken: async () => ({}) };
    assert.throws(() => protectedResource(other, { resource: RESOURCE }), {
      message: /authorizationServers is required/,
    });
    assert.throws(() => protectedResource(other, { authorizationServers: ['https://issuer.example.com'] }), {
      message: /resource must be/,
    });
    const both = { resource: RESOURCE, authorizationServers: ['https://issuer.example.com'] };
    assert.equal(protectedResource(other, both).metadata.resource, RESOURCE);
  });
});
