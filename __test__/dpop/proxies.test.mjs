// Which URL must a proof have behind a proxy that ends TLS and strips a prefix? A real nginx stands in front.

import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startNginx, unavailable as noNginx } from '../examples/nginx.mjs';
import { backend } from '../support/backend.mjs';
import { boundToken, credentials, eventsOf, proofKey, proofOf } from '../support/dpop.mjs';
import { EXPRESS, FASTIFY } from '../support/frameworks.mjs';
import { get } from '../support/http.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { createPki } from '../support/pki.mjs';
import { describeWhere } from '../support/suite.mjs';

const EVIL = 'https://evil.example';
/** Both frameworks then read `X-Forwarded-*` of a proxy on this machine. */
const trustingExpress = (app) => app.inject === undefined && void app.set('trust proxy', 'loopback');
const TRUSTING_FASTIFY = { trustProxy: '127.0.0.1' };

let issuer;
let key;
let pki;
before(async () => {
  [issuer, key, pki] = await Promise.all([startIssuer(), proofKey(), createPki()]);
});
after(() => issuer.close());

/** Runs `use` with the URL of an nginx in front of the API at `apiUrl`. */
async function withNginx(apiUrl, use) {
  const folder = await mkdtemp(join(tmpdir(), 'monocloud-dpop-nginx-'));
  const { cert, key: privateKey } = await pki.server();
  await cp(fileURLToPath(new URL('nginx.conf', import.meta.url)), join(folder, 'nginx.conf'));
  await writeFile(join(folder, 'server.pem'), cert);
  await writeFile(join(folder, 'server-key.pem'), privateKey);
  const nginx = await startNginx(folder, new URL(apiUrl).port);
  try {
    return await use(nginx.url);
  } finally {
    await nginx.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs `use` with `seen(path, headers)`, the URLs that the API itself sees: without DPoP, so that it runs anywhere. */
function seenBy(framework, use, { configure, options } = {}) {
  const handler = ({ originalUrl: url, protocol, headers }) => ({ url, protocol, headers });
  const pass = (_request, _response, next) => next();
  return framework.with(
    { '/orders': { protect: pass, handler } },
    (api) =>
      withNginx(api, (url) =>
        use(async (path, headers) => (await get(url + path, { headers, ca: pki.ca.pem })).body, url),
      ),
    configure,
    options,
  );
}

for (const framework of [...EXPRESS, ...FASTIFY]) {
  describeWhere(framework.skip || noNginx, `${framework.name} behind nginx`, () => {
    test('sees no TLS, no prefix, and the caller’s own headers in front of the proxy’s', async () => {
      await seenBy(framework, async (seen, url) => {
        const { host } = new URL(url);
        const { url: path, protocol, headers } = await seen('/svc1/orders?a=b', { 'x-forwarded-host': 'evil.example' });
        assert.deepEqual([path, protocol], ['/orders?a=b', 'http']);
        assert.equal(headers['x-forwarded-host'], `evil.example, ${host}`);
        assert.equal(headers.forwarded, `for=127.0.0.1;host="${host}";proto=https`);
      });
    });

    test('sees TLS when it trusts the proxy', async () => {
      const trusting = { configure: trustingExpress, options: TRUSTING_FASTIFY };
      await seenBy(framework, async (seen) => assert.equal((await seen('/orders')).protocol, 'https'), trusting);
    });
  });

  describeWhere(framework.skip || noNginx, `${framework.name} behind nginx: a proof`, () => {
    /**
     * Runs `use` with `status(path, { htu, headers })`, for a proof of the URL that the caller sees unless `htu` says
     * otherwise. `optionsOf` receives that URL's origin, because the API is there before the proxy.
     */
    const serve = ({ publicUrl, urlResolver, configure, options }, use) => {
      let origin;
      const late = (request) => urlResolver(request, origin);
      const routes = {};
      const protect = (...given) => routes.current(...given);
      const wrapped = configureOf(protect);
      return framework.with(
        { '/orders': { protect: wrapped } },
        (api) =>
          withNginx(api, (url) => {
            origin = url;
            const client = backend(issuer, { publicUrl: publicUrl?.(url) });
            routes.current = framework.protectApi(client, urlResolver && { urlResolver: late })();
            const status = async (path, { htu = url + path, headers } = {}) => {
              const token = boundToken(issuer, key);
              const proof = proofOf({ key, url: htu, token });
              const all = { ...credentials(token, proof), ...headers };
              return (await get(url + path, { headers: all, ca: pki.ca.pem })).status;
            };
            return use(status, url, new URL(api).host);
          }),
        configure,
        options,
      );
    };
    /** A middleware or hook of the framework's arity: Fastify's hooks are async functions of two parameters. */
    const configureOf = (protect) =>
      framework.name.startsWith('express')
        ? (request, response, next) => protect(request, response, next)
        : async (request, reply) => protect(request, reply);

    test('fails without any setting, and the event has the expected and the received URL', async () => {
      await serve({}, async (status, url, apiHost) => {
        for (const path of ['/orders', '/svc1/orders']) {
          const events = await eventsOf('refused', async () => assert.equal(await status(path), 401));
          assert.deepEqual(
            events.map(({ reason, expected, got }) => [reason, expected, got]),
            [['dpop_url_mismatch', `http://${apiHost}/orders`, url + path]],
          );
        }
      });
    });

    test('passes with publicUrl, with and without the stripped prefix', async () => {
      await serve({ publicUrl: (url) => `${url}/svc1` }, async (status, url) => {
        assert.equal(await status('/svc1/orders'), 200);
        assert.equal(await status('/svc1/orders?page=2', { htu: `${url}/svc1/orders` }), 200);
        assert.equal(await status('/svc1/orders', { htu: `${url}/orders` }), 401);
      });
      await serve({ publicUrl: (url) => url }, async (status) => assert.equal(await status('/orders'), 200));
      await serve({ publicUrl: (url) => [`${url}/svc1`, url] }, async (status) => {
        assert.equal(await status('/svc1/orders'), 200);
        assert.equal(await status('/orders'), 200);
      });
    });

    test('cannot name another host by its own headers when there is a publicUrl', async () => {
      await serve({ publicUrl: (url) => url }, async (status) => {
        const headers = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example;proto=https' };
        assert.equal(await status('/orders', { headers }), 200);
        assert.equal(await status('/orders', { headers, htu: `${EVIL}/orders` }), 401);
      });
      const trusting = { configure: trustingExpress, options: TRUSTING_FASTIFY };
      await serve({ publicUrl: (url) => url, ...trusting }, async (status) => {
        const headers = { 'x-forwarded-host': 'evil.example' };
        assert.equal(await status('/orders', { headers }), 200);
        assert.equal(await status('/orders', { headers, htu: `${EVIL}/orders` }), 401);
      });
    });

    test('passes with the framework’s own trust of the proxy, where no prefix is stripped', async () => {
      const trusting = { configure: trustingExpress, options: TRUSTING_FASTIFY };
      await serve(trusting, async (status, url) => {
        assert.equal(await status('/orders'), 200);
        assert.equal(await status('/svc1/orders', { htu: `${url}/orders` }), 200);
        assert.equal(await status('/svc1/orders'), 401);
      });
    });

    test('passes with urlResolver: fromForwarded(), which believes only the nearest proxy', async () => {
      const { fromForwarded } = await import('@monocloud/backend-node');
      const resolve = fromForwarded();
      await serve({ urlResolver: (request) => resolve(request) }, async (status) => {
        assert.equal(await status('/orders'), 200);
        const headers = { forwarded: 'for=1.2.3.4;host=evil.example;proto=https' };
        assert.equal(await status('/orders', { headers }), 200);
        assert.equal(await status('/orders', { headers, htu: `${EVIL}/orders` }), 401);
        // RFC 7239 §4: a quote that is not closed makes the whole field unreadable.
        assert.equal(await status('/orders', { headers: { forwarded: 'for="1.2.3.4' } }), 401);
      });
    });

    test('passes with a urlResolver of the application’s own, as text or as URL', async () => {
      for (const asUrl of [(text) => text, (text) => new URL(text)]) {
        const urlResolver = ({ originalUrl }, origin) => asUrl(`${origin}/svc1${originalUrl}`);
        await serve({ urlResolver }, async (status) => assert.equal(await status('/svc1/orders'), 200));
      }
    });

    test('fails if the urlResolver throws or returns something else', async () => {
      for (const broken of [() => assert.fail('canary'), () => 7, () => ({}), () => 'no url']) {
        await serve({ urlResolver: broken }, async (status) => assert.equal(await status('/orders'), 401));
      }
    });
  });
}
