// Can a token or a document make the package send a request to another host?
//
// OWASP SSRF; RFC 8414 §2, §3.3. Endpoints are https, or plain http on loopback if the issuer is on loopback too. An
// issuer elsewhere never has loopback or link-local endpoints. Redirects are not followed. One server counts every
// connection, and a fetcher records every address.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '../../npm/index.mjs';
import { createPki } from '../support/pki.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { assertRefused, AUDIENCE, startTrap } from './refused.mjs';

const TENANT = 'https://tenant.example';
const REFUSED = { name: 'MonoCloudHttpError', reason: 'endpoint_refused' };

let trap;
let certificate;
before(async () => {
  trap = await startTrap();
  certificate = await (await createPki()).client({ commonName: 'api' });
});
after(() => trap.close());

/** A client of a remote issuer with these metadata; `asked` lists the addresses that its fetcher received. */
function clientOf(members, { tenantDomain = TENANT, ...options } = {}) {
  const asked = [];
  const metadata = {
    issuer: tenantDomain,
    jwks_uri: `${tenantDomain}/jwks`,
    introspection_endpoint: `${tenantDomain}/introspect`,
    ...members,
  };
  const client = new MonoCloudBackendNodeClient({
    tenantDomain,
    audience: AUDIENCE,
    clientId: 'api',
    clientSecret: 'a-secret-of-the-api-0123456789abcdef',
    fetcher: async (url) => {
      asked.push(url);
      const isDiscovery = url === `${tenantDomain}/.well-known/openid-configuration`;
      return new Response(JSON.stringify(isDiscovery ? metadata : { keys: [], active: false }), {
        headers: { 'content-type': 'application/json' },
      });
    },
    ...options,
  });
  return { client, asked, metadata };
}

const EVIL = {
  'a file': () => 'file:///etc/passwd',
  'a file of the host': () => 'file://localhost/etc/passwd',
  data: () => 'data:application/json,{"keys":[]}',
  'a blob': () => 'blob:https://tenant.example/1',
  'a script': () => 'javascript:fetch("https://evil.example")',
  FTP: () => 'ftp://tenant.example/jwks',
  gopher: () => 'gopher://127.0.0.1:6379/_FLUSHALL',
  'a Unix socket': () => 'unix:/var/run/docker.sock',
  'plain http of the tenant': () => 'http://tenant.example/jwks',
  'plain http of loopback': () => `${trap.origin}/jwks`,
  'https of loopback': () => `https://127.0.0.1:${trap.port}/jwks`,
  localhost: () => `https://localhost:${trap.port}/jwks`,
  'localhost with a dot (RFC 6761)': () => `https://localhost.:${trap.port}/jwks`,
  'a name below localhost': () => `https://keys.localhost:${trap.port}/jwks`,
  'a name below localhost, with a dot': () => `https://keys.localhost.:${trap.port}/jwks`,
  LOCALHOST: () => `https://LOCALHOST:${trap.port}/jwks`,
  'localhost in full-width letters': () => `https://ｌｏｃａｌｈｏｓｔ:${trap.port}/jwks`,
  'loopback in short': () => `https://127.1:${trap.port}/jwks`,
  'loopback as one number': () => `https://2130706433:${trap.port}/jwks`,
  'loopback in hexadecimal': () => `https://0x7f.0.0.1:${trap.port}/jwks`,
  'loopback in octal': () => `https://0177.0.0.1:${trap.port}/jwks`,
  'another of loopback': () => `https://127.8.9.10:${trap.port}/jwks`,
  'the unspecified address': () => `https://0.0.0.0:${trap.port}/jwks`,
  'IPv6 loopback': () => `https://[::1]:${trap.port}/jwks`,
  'the IPv6 unspecified address': () => `https://[::]:${trap.port}/jwks`,
  'loopback mapped into IPv6': () => `https://[::ffff:127.0.0.1]:${trap.port}/jwks`,
  'loopback in an IPv4-compatible address': () => `https://[::127.0.0.1]:${trap.port}/jwks`,
  'loopback behind NAT64 (RFC 6052)': () => `https://[64:ff9b::7f00:1]:${trap.port}/jwks`,
  'loopback behind 6to4 (RFC 3056)': () => `https://[2002:7f00:1::]:${trap.port}/jwks`,
  'the metadata service of clouds': () => 'https://169.254.169.254/latest/meta-data/',
  'the metadata service as a number': () => 'https://2852039166/latest/meta-data/',
  'the metadata service mapped': () => 'https://[::ffff:a9fe:a9fe]/latest',
  'the metadata service behind NAT64': () => 'https://[64:ff9b::a9fe:a9fe]/latest',
  'IPv6 link-local': () => 'https://[fe80::1]/jwks',
  'IPv6 link-local, the last of it': () => 'https://[febf::1]/jwks',
  'a relative address': () => '/jwks',
  'an address without scheme': () => '//tenant.example/jwks',
  nothing: () => '',
  'credentials for another host': () => 'https://user:secret@keys.example/jwks',
};

describe('an endpoint that metadata names, for a tenant elsewhere', () => {
  for (const [what, url] of Object.entries(EVIL)) {
    test(`a jwks_uri that is ${what} is not called`, async () => {
      const { client, asked } = clientOf({ jwks_uri: url() });
      await assertRefused(() => client.getJwks(), { ...REFUSED, token: undefined });
      await assertRefused(() => client.validateJwtAccessToken('eyJhbGciOiJSUzI1NiJ9.e30.AA'), {
        ...REFUSED,
        token: undefined,
      });
      assert.deepEqual(new Set(asked), new Set([`${TENANT}/.well-known/openid-configuration`]));
    });

    test(`an introspection_endpoint that is ${what} is not called, with no credentials`, async () => {
      const { client, asked } = clientOf({ introspection_endpoint: url() });
      await assertRefused(() => client.introspectAccessToken('opaque-token-0123'), {
        ...REFUSED,
        token: 'opaque-token-0123',
      });
      assert.deepEqual(new Set(asked), new Set([`${TENANT}/.well-known/openid-configuration`]));
    });

    test(`a mutual-TLS alias that is ${what} is not called`, async () => {
      const mutual = {
        clientAuthMethod: 'tls_client_auth',
        clientSecret: undefined,
        clientCertificate: certificate.cert,
        clientCertificateKey: certificate.key,
      };
      const aliases = { introspection_endpoint: url() };
      for (const [members, options] of [
        [{ mtls_endpoint_aliases: aliases }, {}],
        [{ mtls_additional_endpoint_aliases: { store: aliases } }, { trustStoreId: 'store' }],
      ]) {
        const { client, asked, metadata } = clientOf(members, { ...mutual, ...options });
        // The engine's own HTTP client calls endpoints that need a certificate; a resolver supplies the metadata.
        const own = new MonoCloudBackendNodeClient({
          tenantDomain: TENANT,
          audience: AUDIENCE,
          clientId: 'api',
          ...mutual,
          ...options,
          metadataResolver: () => metadata,
        });
        for (const one of [client, own]) {
          await assertRefused(() => one.introspectAccessToken('opaque-token-0123'), {
            ...REFUSED,
            token: 'opaque-token-0123',
          });
        }
        assert.ok(asked.length <= 1);
      }
      assert.equal(trap.connections, 0);
    });
  }

  for (const value of [null, 1, true, ['https://tenant.example/jwks'], { href: 'https://tenant.example/jwks' }]) {
    test(`a jwks_uri of ${JSON.stringify(value)} is not called`, async () => {
      const { client, asked } = clientOf({ jwks_uri: value });
      await assert.rejects(client.getJwks(), { name: 'MonoCloudHttpError' });
      // If the OpenID document lacks an endpoint, the client also reads the document of RFC 8414 §3.1.
      assert.deepEqual(asked, [
        `${TENANT}/.well-known/openid-configuration`,
        `${TENANT}/.well-known/oauth-authorization-server`,
      ]);
    });
  }

  test('https on another host is called: keys may live elsewhere', async () => {
    const { client, asked } = clientOf({ jwks_uri: 'https://keys.elsewhere.example/jwks' });
    await assert.rejects(client.getJwks(), { reason: 'keys_empty' });
    assert.equal(asked[1], 'https://keys.elsewhere.example/jwks');
  });

  test('metadata of another issuer cause no request (RFC 8414 §3.3)', async () => {
    for (const issuer of [
      'https://evil.example',
      `${TENANT}.evil.example`,
      `${TENANT}/a`,
      `${TENANT}//`,
      'http://tenant.example',
      TENANT.toUpperCase(),
      '',
    ]) {
      const { client, asked } = clientOf({ issuer, jwks_uri: 'https://evil.example/jwks' });
      await assertRefused(() => client.getJwks(), {
        name: 'MonoCloudValidationError',
        reason: 'metadata_issuer_mismatch',
        token: undefined,
      });
      assert.equal(asked.length, 1);
    }
  });

  test('metadata that name no issuer cause no request', async () => {
    for (const issuer of [null, undefined, 1, ['https://tenant.example']]) {
      const { client, asked } = clientOf({ issuer, jwks_uri: 'https://evil.example/jwks' });
      await assertRefused(() => client.getJwks(), {
        name: 'MonoCloudHttpError',
        reason: 'body_invalid',
        token: undefined,
      });
      assert.equal(asked.length, 1);
    }
  });
});

describe('an issuer on loopback', () => {
  test('may name endpoints on loopback, of its own scheme only', async () => {
    const pki = await createPki();
    const secure = await startIssuer({ tls: await pki.server() });
    try {
      secure.metadata.jwks_uri = `${trap.origin}/jwks`;
      const client = new MonoCloudBackendNodeClient({
        tenantDomain: secure.issuer,
        audience: AUDIENCE,
        certificateAuthorities: pki.ca.pem,
      });
      await assertRefused(() => client.getJwks(), { ...REFUSED, token: undefined });
      assert.equal(trap.connections, 0);
    } finally {
      await secure.close();
    }
  });

  for (const [what, evil] of Object.entries({
    'another host in plain http': 'http://keys.example/jwks',
    'the metadata service': 'http://169.254.169.254/latest/meta-data/',
    'the metadata service over https': 'https://169.254.169.254/latest/meta-data/',
    'a file': 'file:///etc/passwd',
  })) {
    test(`may not name ${what}`, async () => {
      const { client, asked } = clientOf({ jwks_uri: evil }, { tenantDomain: 'http://127.0.0.1:8' });
      await assertRefused(() => client.getJwks(), { ...REFUSED, token: undefined });
      assert.equal(asked.length, 1);
    });
  }
});

describe('a redirect is not followed, to any address', () => {
  for (const path of ['/.well-known/openid-configuration', '/jwks', '/introspect']) {
    for (const status of [301, 302, 303, 307, 308]) {
      test(`${status} at ${path}`, async () => {
        const issuer = await startIssuer();
        try {
          issuer.respond(path, { status, headers: { location: `${trap.origin}/stolen` }, body: {} });
          for (const fetcher of [undefined, fetch]) {
            const client = new MonoCloudBackendNodeClient({
              tenantDomain: issuer.issuer,
              audience: AUDIENCE,
              clientId: 'api',
              clientSecret: 'secret',
              fetcher,
            });
            const token = path === '/introspect' ? issuer.opaque() : issuer.sign();
            await assertRefused(() => client.validateAccessToken(token), {
              token,
              name: 'MonoCloudHttpError',
              reason: 'unexpected_status',
            });
          }
          assert.equal(trap.connections, 0);
        } finally {
          await issuer.close();
        }
      });
    }
  }

  test('a Link, Refresh or Content-Location header, and URLs in the documents, are not followed', async () => {
    const issuer = await startIssuer();
    try {
      const headers = {
        link: `<${trap.origin}/x>; rel="next"`,
        refresh: `0; url=${trap.origin}`,
        'content-location': `${trap.origin}/y`,
      };
      issuer.jwks.keys = issuer.jwks.keys.map((key) => ({
        ...key,
        x5u: `${trap.origin}/x5u`,
        jku: `${trap.origin}/jku`,
      }));
      issuer.respond('/jwks', () => ({ headers, body: issuer.jwks }));
      issuer.metadata.op_policy_uri = `${trap.origin}/policy`;
      issuer.metadata.signed_metadata = `${trap.origin}/signed`;
      const client = new MonoCloudBackendNodeClient({ tenantDomain: issuer.issuer, audience: AUDIENCE });
      assert.equal((await client.validateAccessToken(issuer.sign())).sub, 'user-1');
      assert.equal(trap.connections, 0);
    } finally {
      await issuer.close();
    }
  });
});

test('the trap works: it counts a connection', async () => {
  const { connections } = trap;
  await assert.rejects(fetch(trap.origin));
  assert.ok(trap.connections > connections);
});
