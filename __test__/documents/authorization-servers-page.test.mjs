// Does docs/authorization-servers.md name the servers that are tried here, and can a client be made of its options?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileFunction } from 'node:vm';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { servers } from '../../scripts/issuers/servers.mjs';
import { anchorsOf, read, unique } from '../support/documents.mjs';
import { compact } from '../support/jws.mjs';
import { jwkOf, keySet } from '../support/keys.mjs';

const page = read('docs/authorization-servers.md');
const rows = [...page.matchAll(/^\| \[(.+?)\]\(#(.+?)\)(?: [\d.]+)? \| (.+?) \| .+ \|$/gm)];
const sections = new Map(page.split(/^### /m).map((text) => [text.split('\n')[0], text]));
const TRIED = 'tried here';
const OPTIONS = /^\| (options.*?) \| `(.+)` \|$/gm;

test('the table and the sections name the same servers, those that are tried here first', () => {
  const named = rows.map(([, name]) => name);
  assert.deepEqual(
    named,
    [...sections.keys()].filter((title) => named.includes(title)),
  );
  for (const [, name, anchor] of rows) assert.ok(anchorsOf(page).includes(anchor), name);
});

test('a server is tried here exactly if npm run test:issuers starts it', () => {
  const tried = rows.filter(([, , , how]) => how === TRIED).map(([, name]) => name);
  // A server with several settings has one section: "better-auth, EdDSA".
  assert.deepEqual(tried.sort(), unique(servers.map(({ title }) => title.split(',')[0])));
});

test('a server that is not tried here has a link to its documentation', () => {
  const others = rows.filter(([, , , how]) => how !== TRIED);
  assert.ok(others.length >= 6);
  for (const [, name, , how] of others) {
    assert.equal(how, 'its documentation', name);
    assert.match(sections.get(name), /^\| source \| \[.+\]\(https:\/\/.+\) \|$/m, name);
  }
});

describe('the options', () => {
  const all = [...page.matchAll(OPTIONS)];

  test('are there for each server that has tokens for an API', () => {
    const without = rows.map(([, name]) => name).filter((name) => !/^\| options.*? \| `/m.test(sections.get(name)));
    assert.deepEqual(without, ['Google']);
  });

  for (const [, , code] of all) {
    test(`make a client: ${code}`, () => {
      const options = optionsOf(code);
      const credentials = { clientId: 'api', clientSecret: 'a secret of the tests' };
      assert.ok(new MonoCloudBackendNodeClient({ ...credentials, ...options }));
    });
  }

  test('that the text names are options of a client', () => {
    const named = [...page.matchAll(/`(\w+): '(\w+)'`/g)].filter(([, name]) => name !== 'aud' && name !== 'token_use');
    assert.ok(named.length >= 3);
    const base = { tenantDomain: 'https://issuer.example.com', audience: 'https://api.example.com' };
    for (const [, name, value] of named) assert.ok(new MonoCloudBackendNodeClient({ ...base, [name]: value }), name);
  });
});

describe('a token as the documentation of its server describes it', () => {
  const API = 'https://api.example.com';
  const entra = { aud: 'CLIENT_ID_OF_THE_API', scp: 'data:read data:write', roles: ['admin'] };
  const SHAPES = [
    {
      server: 'Amazon Cognito',
      claims: { iss: 'https://cognito-idp.REGION.amazonaws.com/REGION_POOLID', aud: API, 'cognito:groups': ['staff'] },
      header: { typ: undefined },
      more: { token_use: 'access', scope: `${API}/read openid` },
      policy: { scopes: [`${API}/read`], groups: ['staff'] },
    },
    {
      server: 'Auth0',
      claims: { iss: 'https://TENANT.auth0.com/', aud: [API, 'https://TENANT.auth0.com/userinfo'] },
      more: { scope: 'openid data:read', permissions: ['data:read'], azp: 'app' },
      policy: { scopes: ['data:read'], permissions: ['data:read'] },
    },
    {
      server: 'Entra ID',
      options: 'options, version 2',
      claims: { iss: 'https://login.microsoftonline.com/TENANT_ID/v2.0', ...entra },
      more: { ver: '2.0', azp: 'app' },
      policy: { scopes: ['data:read'], roles: ['admin'] },
    },
    {
      server: 'Entra ID',
      options: 'options, version 1',
      claims: { iss: 'https://sts.windows.net/TENANT_ID/', ...entra, aud: 'api://CLIENT_ID_OF_THE_API' },
      header: { x5t: 'x' },
      more: { ver: '1.0', appid: 'app' },
      policy: { scopes: ['data:read'], roles: ['admin'] },
    },
    {
      server: 'Keycloak',
      claims: { iss: 'https://HOST/realms/REALM', aud: ['account', 'CLIENT_ID_OF_THE_API'] },
      more: { typ: 'Bearer', scope: 'openid data:read', realm_access: { roles: ['admin'] } },
      policy: { scopes: ['data:read'], roles: ['admin'] },
    },
    {
      server: 'Okta',
      claims: { iss: 'https://OKTA_DOMAIN/oauth2/default', aud: 'api://default' },
      header: { typ: undefined },
      more: { ver: 1, cid: 'app', scp: ['openid', 'data:read'] },
      policy: { scopes: ['data:read'] },
    },
  ];

  for (const { server, options: row = 'options', claims, header, more, policy } of SHAPES) {
    test(`passes with the options of the page: ${server}, ${row}`, async () => {
      const [, , code] = [...sections.get(server).matchAll(OPTIONS)].find(([, name]) => name === row);
      const { rsa } = await keySet('hosted');
      const jwksResolver = () => ({ keys: [jwkOf(rsa.publicKey, { kid: 'k' })] });
      const client = new MonoCloudBackendNodeClient({ ...optionsOf(code), jwksResolver });
      const sign = (changes) => {
        const exp = Math.floor(Date.now() / 1000) + 60;
        const payload = { ...claims, ...more, sub: 'user', exp, ...changes };
        return compact({ typ: 'JWT', alg: 'RS256', kid: 'k', ...header }, payload, rsa.privateKey);
      };
      assert.equal((await client.validateAccessToken(sign({}), policy)).sub, 'user');
      for (const aud of [undefined, 'another', `${claims.aud}/`]) {
        await assert.rejects(client.validateAccessToken(sign({ aud })), { reason: 'audience_mismatch' });
      }
      await assert.rejects(client.validateAccessToken(sign({ iss: `${claims.iss}x` })), { reason: 'issuer_mismatch' });
      for (const [kind, values] of Object.entries(policy)) {
        const lacking = { ...policy, [kind]: [...values, 'never'] };
        if (kind !== 'groups') await assert.rejects(client.validateAccessToken(sign({}), lacking));
      }
    });
  }
});

function optionsOf(code) {
  return compileFunction(`return ({ ${code} });`)();
}
