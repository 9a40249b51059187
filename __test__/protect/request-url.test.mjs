// Which URL does a DPoP proof have to name (RFC 9449 §4.3, check 9)? On real servers of each framework.

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { KOA } from '../support/adapters.mjs';
import { EXPRESS, FASTIFY } from '../support/frameworks.mjs';
import { close, listen, open } from '../support/http.mjs';
import { rawExchange } from '../support/raw-http.mjs';
import { describeWhere } from '../support/suite.mjs';

const require = createRequire(import.meta.url);
const { FAILED, expectedUrls } = require('../../npm/protect/dpop.js');
const { URL_OF } = require('../../npm/protect/request-url.js');

const SETTINGS = { urlResolver: undefined, publicUrls: [] };

/** Sends this request to an app of the framework that answers with the URLs that a proof may name. */
async function urlsOf({ framework, create, target = '/a/b?c=d', method = 'GET', lines = ['Host: api.example:8443'] }) {
  const { default: make } = await import(framework.name);
  const { url, close: stop } = await listen(await create(make));
  try {
    const text = await rawExchange(url, [`${method} ${target} HTTP/1.1`, 'Connection: close', ...lines]);
    assert.match(text, /^HTTP\/1\.1 200 /);
    return JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4).replace(/^[\da-f]+\r\n|\r\n0\r\n\r\n$/g, ''));
  } finally {
    await stop();
  }
}

const EXPRESS_URLS = (settings) => (request, response) =>
  response.end(JSON.stringify(expectedUrls({ ...SETTINGS, framework: 'express', ...settings }, request, request)));
const FASTIFY_URLS = (settings) => async (request) =>
  expectedUrls({ ...SETTINGS, framework: 'fastify', ...settings }, request.raw, request);
const KOA_URLS = (settings) => (ctx) => {
  ctx.body = expectedUrls({ ...SETTINGS, framework: 'koa', ...settings }, ctx.req, ctx);
};

/** An app whose every path answers with the URLs. `trust` is Express's `trust proxy` and Fastify's `trustProxy`. Koa
 * knows only whether there is a proxy. */
const expressApp = (trust, settings) => (make) => {
  const app = make();
  if (trust !== undefined) app.set('trust proxy', trust);
  return app.use(EXPRESS_URLS(settings));
};
const fastifyApp = (trust, settings, options) => (make) => {
  const app = make({ ...(trust === undefined ? {} : { trustProxy: trust }), ...options });
  app.all('/*', FASTIFY_URLS(settings));
  return app;
};
const koaApp = (trust, settings) => (Koa) => new Koa({ proxy: trust !== undefined }).use(KOA_URLS(settings)).callback();

const forwarded = (host, proto = 'https') => [
  'Host: inner.example',
  `X-Forwarded-Host: ${host}`,
  `X-Forwarded-Proto: ${proto}`,
];

for (const [frameworks, appOf, takesFirst] of [
  [EXPRESS, expressApp, true],
  [FASTIFY, fastifyApp, false],
  [KOA, koaApp, true],
]) {
  for (const framework of frameworks) {
    describeWhere(framework.skip, `${framework.name}: the URL of a request`, () => {
      const ask = (create, request) => urlsOf({ framework, create, ...request });

      test('has the protocol, the host with its port, and the path without the query', async () => {
        assert.deepEqual(await ask(appOf()), ['http://api.example:8443/a/b']);
        assert.deepEqual(await ask(appOf(), { lines: ['Host: api.example'] }), ['http://api.example/a/b']);
        assert.deepEqual(await ask(appOf(), { lines: ['Host: [::1]:80'], target: '/?x#y' }), ['http://[::1]:80/']);
      });

      test('keeps the path as it was sent', async () => {
        const target = '//a/./b/..//%7e%2F';
        assert.deepEqual(await ask(appOf(), { target }), [`http://api.example:8443${target}`]);
      });

      test('has no forwarded parts without trust in a proxy', async () => {
        assert.deepEqual(await ask(appOf(), { lines: forwarded('evil.example') }), ['http://inner.example/a/b']);
      });

      test('has the forwarded parts if the proxy is trusted', async () => {
        const lines = forwarded('api.example:444');
        assert.deepEqual(await ask(appOf(['127.0.0.1']), { lines }), ['https://api.example:444/a/b']);
        assert.deepEqual(await ask(appOf(true), { lines }), ['https://api.example:444/a/b']);
      });

      // Fastify 4 and Koa do not look at the address of the peer.
      if (!['fastify-4', 'koa'].includes(framework.name)) {
        test('has no forwarded parts if the peer is not the proxy', async () => {
          const lines = forwarded('evil.example');
          assert.deepEqual(await ask(appOf(['10.0.0.1']), { lines }), ['http://inner.example/a/b']);
        });
      }

      test(`has the ${takesFirst ? 'first' : 'last'} of several forwarded hosts, as the framework itself`, async () => {
        const host = takesFirst ? 'first.example' : 'last.example:8443';
        for (const lines of [
          forwarded('first.example , last.example:8443'),
          [...forwarded('first.example'), 'X-Forwarded-Host: last.example:8443'],
        ]) {
          assert.deepEqual(await ask(appOf(true), { lines }), [`https://${host}/a/b`]);
        }
      });

      test('is unknown if a part would change another one', async () => {
        for (const host of [
          'a.example/path',
          'a.example?',
          'a.example#',
          'user@a.example',
          'a b',
          'a\\b',
          ',',
          'a:b',
        ]) {
          assert.deepEqual(await ask(appOf(true), { lines: forwarded(host) }), [], host);
          if (!/[ ,]/.test(host)) assert.deepEqual(await ask(appOf(), { lines: [`Host: ${host}`] }), [], host);
        }
        for (const proto of ['javascript', 'https:', 'http://x/']) {
          assert.deepEqual(await ask(appOf(true), { lines: forwarded('a.example', proto) }), [], proto);
        }
      });

      test('is unknown with two Host headers', async () => {
        const lines = ['Host: a.example', 'Host: b.example'];
        assert.deepEqual(await ask(appOf(), { lines }), []);
      });

      test('has only the path of an absolute target, whose host the client chose', async () => {
        const expected = ['http://api.example:8443/a/b'];
        assert.deepEqual(await ask(appOf(undefined, {}), { target: 'http://evil.example/a/b?c' }), expected);
        if (takesFirst)
          assert.deepEqual(await ask(appOf(), { target: 'http://evil.example' }), ['http://api.example:8443/']);
      });

      test('comes from publicUrl if there is one, and the request adds only its path', async () => {
        const lines = forwarded('evil.example');
        for (const [publicUrl, expected] of [
          ['https://api.example', 'https://api.example/a/b'],
          ['https://api.example/', 'https://api.example/a/b'],
          ['https://api.example:8443/svc1', 'https://api.example:8443/svc1/a/b'],
          ['https://api.example/svc1/', 'https://api.example/svc1/a/b'],
        ]) {
          assert.deepEqual(await ask(appOf(true, { publicUrls: [publicUrl] }), { lines }), [expected]);
        }
        const publicUrls = ['https://a.example', 'https://b.example/x'];
        const expected = ['https://a.example/a/b', 'https://b.example/x/a/b'];
        assert.deepEqual(await ask(appOf(true, { publicUrls }), { lines: ['Host: a b'] }), expected);
      });

      test('comes from urlResolver before all others', async () => {
        const publicUrls = ['https://public.example'];
        const urlResolver = (request) => `https://own.example${request.originalUrl}`;
        assert.deepEqual(await ask(appOf(true, { publicUrls, urlResolver })), ['https://own.example/a/b?c=d']);
      });
    });
  }
}

for (const framework of EXPRESS) {
  describe(`${framework.name}: the URL of a request that was routed`, () => {
    test('has the path before the routers were mounted, and after it was rewritten', async () => {
      const create = (make) => {
        const app = make();
        app.use((request, _response, next) => {
          request.url = request.url.replace('/old', '/new');
          next();
        });
        return app.use('/new', make.Router().use('/inner', make.Router().get('/x', EXPRESS_URLS())));
      };
      const urls = await urlsOf({ framework, create, target: '/old/inner/x' });
      assert.deepEqual(urls, ['http://api.example:8443/old/inner/x']);
    });

    test('follows the settings of the app below which another app is mounted', async () => {
      const create = (make) => {
        const app = make();
        app.set('trust proxy', true);
        return app.use('/sub', make().get('/x', EXPRESS_URLS()));
      };
      const request = { target: '/sub/x', lines: forwarded('api.example') };
      assert.deepEqual(await urlsOf({ framework, create, ...request }), ['https://api.example/sub/x']);
    });

    test('of OPTIONS * has the path /', async () => {
      const urls = await urlsOf({ framework, create: expressApp(), method: 'OPTIONS', target: '*' });
      assert.deepEqual(urls, ['http://api.example:8443/']);
    });
  });

  test(`${framework.name}: the deprecated getter of Express 4 is not read`, async () => {
    const create = (make) => {
      const app = make();
      app.set('trust proxy', true);
      Object.defineProperty(app.request, 'host', { get: () => assert.fail('host was read') });
      return app.use(EXPRESS_URLS());
    };
    assert.deepEqual(await urlsOf({ framework, create }), ['http://api.example:8443/a/b']);
  });
}

for (const framework of FASTIFY) {
  describeWhere(framework.skip, `${framework.name}: the URL of a request that was routed`, () => {
    test('has the path before rewriteUrl, and with the prefix of the plugin', async () => {
      const create = async (make) => {
        const app = make({ rewriteUrl: ({ url }) => url.replace('/old', '/new') });
        await app.register(async (instance) => instance.get('/x', FASTIFY_URLS()), { prefix: '/new' });
        return app;
      };
      assert.deepEqual(await urlsOf({ framework, create, target: '/old/x' }), ['http://api.example:8443/old/x']);
    });
  });
}

test('koa: the URL of a request that was rewritten and mounted has the path that arrived', async () => {
  const create = (Koa) => {
    const app = new Koa();
    app.use((ctx, next) => {
      ctx.path = '/new';
      return next();
    });
    return app.use(KOA_URLS()).callback();
  };
  const urls = await urlsOf({ framework: KOA[0], create, target: '/old/x' });
  assert.deepEqual(urls, ['http://api.example:8443/old/x']);
});

describe('the URL of a request of HTTP/2', () => {
  /** The response to GET /a?b of a cleartext HTTP/2 server whose listener is `answer`. */
  async function ask(server) {
    await open(server, { port: 0, host: '127.0.0.1' });
    const session = http2.connect(`http://127.0.0.1:${server.address().port}`);
    try {
      const stream = session.request({ ':path': '/a?b', ':authority': 'api.example:8443' });
      let text = '';
      for await (const chunk of stream.setEncoding('utf8')) text += chunk;
      return JSON.parse(text);
    } finally {
      session.destroy();
      await close(server);
    }
  }

  test('has the host of :authority, with node:http2 alone', async () => {
    const settings = { ...SETTINGS, framework: 'node' };
    const server = http2.createServer((request, response) =>
      response.end(JSON.stringify(expectedUrls(settings, request, request))),
    );
    assert.deepEqual(await ask(server), ['http://api.example:8443/a']);
  });

  for (const framework of FASTIFY) {
    test(`has the host of :authority, with ${framework.name}`, { skip: framework.skip }, async () => {
      const { default: make } = await import(framework.name);
      const app = make({ http2: true });
      app.get('/*', FASTIFY_URLS());
      await app.ready();
      try {
        assert.deepEqual(await ask(app.server), ['http://api.example:8443/a']);
      } finally {
        await app.close();
      }
    });
  }
});

describe('the URL of a request of node:http', () => {
  const request = (members) => ({
    url: '/a',
    headers: { host: 'api.example' },
    rawHeaders: [],
    socket: {},
    ...members,
  });

  test('has https if the connection has TLS', () => {
    assert.equal(URL_OF.node(request()), 'http://api.example/a');
    assert.equal(URL_OF.node(request({ socket: { encrypted: true } })), 'https://api.example/a');
    assert.equal(URL_OF.express(request({ socket: { encrypted: true } })), 'https://api.example/a');
  });

  test('has no forwarded parts, also not for the Express middleware in an app that is not of Express', () => {
    const headers = { host: 'api.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' };
    assert.equal(URL_OF.node(request({ headers })), 'http://api.example/a');
    assert.equal(URL_OF.express(request({ headers })), 'http://api.example/a');
  });

  test('is unknown without a host or a path', () => {
    for (const members of [{ headers: {} }, { headers: { host: '' } }, { url: '' }, { url: 'a' }, { url: undefined }]) {
      assert.equal(URL_OF.node(request(members)), undefined, JSON.stringify(members));
    }
  });
});

describe('the URL of a request of the Fetch standard', () => {
  const urls = (url, settings) => {
    const message = new Request(url);
    // A framework's own context, which has no URL that counts.
    return expectedUrls({ ...SETTINGS, framework: 'web', ...settings }, message, { url: '/evil' });
  };

  test('is that of the request, without the query', () => {
    assert.deepEqual(urls('https://api.example:8443/a/b?c#d'), ['https://api.example:8443/a/b']);
    assert.deepEqual(urls('http://api.example'), ['http://api.example/']);
  });

  test('is unknown if the request arrived with two Host headers', () => {
    const message = new Request('https://a.example/', {
      headers: [
        ['host', 'a.example'],
        ['host', 'b.example'],
      ],
    });
    assert.deepEqual(expectedUrls({ ...SETTINGS, framework: 'web' }, message, message), []);
  });

  test('has only its path if there is a publicUrl', () => {
    const publicUrls = ['https://public.example/svc'];
    assert.deepEqual(urls('http://inner.example/a?b', { publicUrls }), ['https://public.example/svc/a']);
  });
});

describe('the urlResolver', () => {
  const urls = (urlResolver) => expectedUrls({ ...SETTINGS, framework: 'node', urlResolver }, {}, {});

  test('may return text or a URL', () => {
    assert.deepEqual(
      urls(() => 'https://api.example/a'),
      ['https://api.example/a'],
    );
    assert.deepEqual(
      urls(() => new URL('https://api.example/a')),
      ['https://api.example/a'],
    );
  });

  test('that returns nothing leaves the URL unknown', () => {
    for (const nothing of [undefined, null])
      assert.deepEqual(
        urls(() => nothing),
        [],
      );
  });

  test('that throws, or returns something else, has failed', () => {
    for (const odd of [1, true, {}, ['https://api.example'], Promise.resolve('https://api.example'), Symbol('url')]) {
      assert.equal(
        urls(() => odd),
        FAILED,
      );
    }
    const throwing = () => {
      throw new Error('canary');
    };
    assert.equal(urls(throwing), FAILED);
  });
});
