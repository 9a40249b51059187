// Which proxy do requests to the issuer use?
//
// HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in a separate process, with a real proxy on loopback: CONNECT for HTTPS,
// absolute-form for plain HTTP.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { runScript } from '../support/child.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { createPki } from '../support/pki.mjs';
import { startHttpProxy } from '../support/proxies.mjs';

let folder;
let authorities;
let proxy;
let secure;
let plain;
before(async () => {
  const pki = await createPki();
  folder = await mkdtemp(join(tmpdir(), 'monocloud-proxy-'));
  authorities = join(folder, 'ca.pem');
  await writeFile(authorities, pki.ca.pem);
  proxy = await startHttpProxy();
  secure = await startIssuer({ tls: await pki.server() });
  plain = await startIssuer();
});
after(async () => {
  await Promise.all([proxy, secure, plain].map((server) => server?.close()));
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => {
  proxy.requests.length = 0;
  proxy.credentials.length = 0;
});

/** Fetches keys and introspects in an environment; returns the token's subject, or the reason. */
const ask = (issuer, env) =>
  runScript(
    `import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
     const client = new MonoCloudBackendNodeClient();
     const asked = async () => (await client.getJwks(), client.validateAccessToken(${JSON.stringify(issuer.opaque())}));
     const outcome = await asked().then(({ sub }) => sub, (error) => error.reason);
     console.log(JSON.stringify(outcome));`,
    {
      NODE_EXTRA_CA_CERTS: authorities,
      MONOCLOUD_BACKEND_TENANT_DOMAIN: issuer.issuer,
      MONOCLOUD_BACKEND_AUDIENCE: AUDIENCE,
      MONOCLOUD_BACKEND_CLIENT_ID: 'api',
      MONOCLOUD_BACKEND_CLIENT_SECRET: 'secret',
      ...env,
    },
  );

const host = (issuer) => new URL(issuer.issuer).host;
const tunnel = () => `CONNECT ${host(secure)}`;

for (const name of ['HTTPS_PROXY', 'https_proxy']) {
  test(`${name} carries HTTPS by CONNECT`, async () => {
    assert.equal(await ask(secure, { [name]: proxy.url }), 'user-1');
    assert.ok(proxy.requests.length > 0);
    assert.deepEqual([...new Set(proxy.requests)], [tunnel()]);
  });
}

for (const name of ['HTTP_PROXY', 'http_proxy']) {
  test(`${name} carries plain HTTP in absolute form`, async () => {
    assert.equal(await ask(plain, { [name]: proxy.url }), 'user-1');
    assert.deepEqual(proxy.requests, [
      `GET ${plain.issuer}/.well-known/openid-configuration`,
      `GET ${plain.issuer}/jwks`,
      `POST ${plain.issuer}/introspect`,
    ]);
  });
}

for (const [what, issuer, env] of [
  ['HTTP_PROXY does not carry HTTPS', () => secure, () => ({ HTTP_PROXY: proxy.url })],
  ['HTTPS_PROXY does not carry plain HTTP', () => plain, () => ({ HTTPS_PROXY: proxy.url })],
  [
    'HTTP_PROXY in CGI may be a header and is ignored',
    () => plain,
    () => ({ HTTP_PROXY: proxy.url, REQUEST_METHOD: 'GET' }),
  ],
  ['an empty HTTPS_PROXY is none', () => secure, () => ({ HTTPS_PROXY: '' })],
  ['NO_PROXY names the host', () => secure, () => ({ HTTPS_PROXY: proxy.url, NO_PROXY: 'a.example, localhost' })],
  ['no_proxy names the host', () => secure, () => ({ HTTPS_PROXY: proxy.url, no_proxy: 'localhost' })],
  ['NO_PROXY names the address', () => plain, () => ({ HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.1' })],
  ['NO_PROXY names the network', () => plain, () => ({ HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.0/8' })],
  [
    'NO_PROXY names the host and its port',
    () => secure,
    () => ({ HTTPS_PROXY: proxy.url, NO_PROXY: `a.example,${host(secure)}` }),
  ],
  ['NO_PROXY names the address and its port', () => plain, () => ({ HTTP_PROXY: proxy.url, NO_PROXY: host(plain) })],
  ['NO_PROXY names the host with a dot', () => secure, () => ({ HTTPS_PROXY: proxy.url, NO_PROXY: '.localhost' })],
  [
    'NO_PROXY is separated by spaces',
    () => secure,
    () => ({ HTTPS_PROXY: proxy.url, NO_PROXY: 'a.example localhost' }),
  ],
  ['NO_PROXY is * and the issuer an address', () => plain, () => ({ HTTP_PROXY: proxy.url, NO_PROXY: '*' })],
  ['NO_PROXY is *', () => secure, () => ({ HTTPS_PROXY: proxy.url, NO_PROXY: '*' })],
]) {
  test(`${what}: the issuer is asked directly`, async () => {
    assert.equal(await ask(issuer(), env()), 'user-1');
    assert.deepEqual(proxy.requests, []);
  });
}

test('NO_PROXY with other hosts changes nothing', async () => {
  assert.equal(await ask(secure, { HTTPS_PROXY: proxy.url, NO_PROXY: 'example.com,host,10.0.0.0/8' }), 'user-1');
  assert.ok(proxy.requests.includes(tunnel()));
});

test('NO_PROXY of the host at another port changes nothing', async () => {
  assert.equal(await ask(secure, { HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost:1,127.0.0.1:2' }), 'user-1');
  assert.ok(proxy.requests.includes(tunnel()));
});

test('the credentials of a proxy are sent to it', async () => {
  const url = proxy.url.replace('://', '://user:p%40ss@');
  assert.equal(await ask(secure, { HTTPS_PROXY: url }), 'user-1');
  const expected = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
  assert.deepEqual([...new Set(proxy.credentials)], [expected]);
});

test('a proxy that is down is connection_refused', async () => {
  const gone = await startHttpProxy();
  await gone.close();
  assert.equal(await ask(secure, { HTTPS_PROXY: gone.url }), 'connection_refused');
});

test('a server that is not a proxy is connection_failed', async () => {
  assert.equal(await ask(secure, { HTTPS_PROXY: plain.issuer }), 'connection_failed');
});

test('a fetcher ignores the proxy', async () => {
  const outcome = await runScript(
    `import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
     const options = ${JSON.stringify({ tenantDomain: plain.issuer, audience: AUDIENCE })};
     const client = new MonoCloudBackendNodeClient({ ...options, fetcher: (input, init) => fetch(input, init) });
     console.log(JSON.stringify((await client.getJwks()).keys.length));`,
    { HTTP_PROXY: proxy.url },
  );
  assert.equal(outcome, plain.jwks.keys.length);
  assert.deepEqual(proxy.requests, []);
});
