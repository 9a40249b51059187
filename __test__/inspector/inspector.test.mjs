/** Who may talk to the inspector of `doctor --ui`, and where does it send what it was given? Without a browser. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { after, before, describe, it, mock } from 'node:test';
import { createRequire } from 'node:module';

import { enter, send, startInspector } from './run.mjs';
import { doctor } from '../doctor/run.mjs';
import { createTestIssuer } from '../../npm/testing.mjs';

const require = createRequire(import.meta.url);
const issuer = createTestIssuer();

let server;
let inspector;
let cookie;

before(async () => {
  server = await issuer.listen();
  inspector = await startInspector(server.env);
  cookie = await enter(inspector);
});
after(async () => {
  await inspector?.stop();
  await server?.close();
});

const ask = (body, more = {}) => send(inspector, { body, ...more, headers: { Cookie: cookie, ...more.headers } });

describe('a request to the inspector', () => {
  const foreign = [
    ['with a foreign Host', { Host: 'evil.example' }],
    ['with localhost as Host', () => ({ Host: `localhost:${inspector.port}` })],
    ['with another port in Host', { Host: '127.0.0.1:1' }],
    ['with a foreign Origin', { Origin: 'https://evil.example' }],
    ['with the Origin null', { Origin: 'null' }],
    ['with the same host and another port as Origin', { Origin: 'http://127.0.0.1:1' }],
    ['from another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['from another port of this host', { 'Sec-Fetch-Site': 'same-site' }],
    ['without Sec-Fetch-Site', { 'Sec-Fetch-Site': undefined }],
    ['without the cookie', { Cookie: undefined }],
    ['with a wrong cookie', () => ({ Cookie: `${cookie.split('=')[0]}=AAAAAAAAAAAAAAAAAAAAAA` })],
    ['with an empty cookie', () => ({ Cookie: `${cookie.split('=')[0]}=` })],
  ];
  for (const [what, headers] of foreign) {
    it(`${what} is refused with 403, and with the cookie of the session it would be answered`, async () => {
      const token = issuer.token();
      const given = typeof headers === 'function' ? headers() : headers;
      assert.equal((await ask({ token }, { headers: given })).status, 403);
      assert.equal((await ask({ token })).status, 200);
    });
  }

  it('for the page may come from the address line, and not from a link of another site', async () => {
    const page = (headers) => send(inspector, { method: 'GET', path: '/', headers });
    assert.equal((await page({ Origin: undefined, 'Sec-Fetch-Site': 'none' })).status, 200);
    assert.equal((await page({ Origin: undefined, 'Sec-Fetch-Site': 'cross-site' })).status, 403);
    assert.equal((await page({ Host: 'evil.example', 'Sec-Fetch-Site': 'none' })).status, 403);
  });

  it('with the secret a second time, as of a second browser, gets no cookie', async () => {
    const { status, headers } = await send(inspector, { path: '/session', body: { secret: inspector.secret } });
    assert.equal(status, 403);
    assert.equal(headers['set-cookie'], undefined);
    for (const secret of [undefined, '', 1, {}, [inspector.secret]]) {
      assert.equal((await send(inspector, { path: '/session', body: { secret } })).status, 403);
    }
  });

  it('of any kind gets the headers that keep it private', async () => {
    for (const response of [
      await send(inspector, { method: 'GET', path: '/' }),
      await ask({ token: issuer.token() }),
      await ask({}, { headers: { Cookie: undefined } }),
    ]) {
      const { headers } = response;
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['x-content-type-options'], 'nosniff');
      const policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
      assert.equal(headers['content-security-policy'], policy);
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
  });

  it('with another path, method or type of body is refused', async () => {
    assert.equal((await ask({}, { path: '/../package.json' })).status, 404);
    assert.equal((await ask({}, { path: '/page.html' })).status, 404);
    assert.equal((await ask({}, { method: 'PUT' })).status, 405);
    assert.equal((await ask({}, { headers: { 'Content-Type': 'text/plain' } })).status, 415);
    assert.equal((await ask('no JSON')).status, 400);
    for (const body of ['null', '1', '[]', '"a"']) assert.equal((await ask(body)).status, 200, body);
  });

  it('with a token of 1 MB is refused with 413, and the next one is answered', async () => {
    const { status, text } = await ask({ token: 'a'.repeat(1_000_000) });
    assert.equal(status, 413);
    assert.match(text, /too large/);
    assert.equal((await ask({ token: issuer.token() })).status, 200);
  });
});

describe('the inspector', () => {
  it('explains a JWT, with the response of the API if it is rejected', async () => {
    const good = JSON.parse((await ask({ token: issuer.token() })).text);
    assert.equal(good.explanation.decision, 'accepted');
    assert.equal(good.response, undefined);
    const bad = JSON.parse((await ask({ token: `Bearer ${issuer.bad('expired')}` })).text);
    assert.equal(bad.explanation.reason, 'expired');
    assert.equal(bad.response.status, 401);
    assert.match(bad.response.challenge, /^Bearer error="invalid_token"/);
    assert.ok(Math.abs(bad.skew) <= 2);
    assert.ok(bad.keys.count > 0);
  });

  it('sends an opaque token to the authorization server only after it was told to', async () => {
    const token = issuer.opaque();
    const introspections = () => issuer.requests.filter(({ kind }) => kind === 'introspection').length;
    const before = introspections();
    const first = JSON.parse((await ask({ token })).text);
    assert.deepEqual(first, { ask: { issuer: server.url } });
    assert.equal(introspections(), before);
    for (const mayIntrospect of ['true', 1, null]) {
      assert.ok(JSON.parse((await ask({ token, mayIntrospect })).text).ask);
    }
    const second = JSON.parse((await ask({ token, mayIntrospect: true })).text);
    assert.equal(second.explanation.decision, 'accepted');
    assert.ok(introspections() > before);
  });

  it('checks a DPoP proof as often as it is asked to, and shows both URLs', async () => {
    const holder = issuer.dpop();
    const token = issuer.token({ cnf: { jkt: holder.jkt } });
    const { dpop: proof } = holder.headers({ method: 'POST', url: 'https://api.example.com/a', token });
    const question = { token, proof, method: 'POST', url: 'https://api.example.com/a?b=c' };
    for (const _ of [1, 2]) {
      assert.equal(JSON.parse((await ask(question)).text).explanation.decision, 'accepted');
    }
    const wrong = JSON.parse((await ask({ ...question, url: 'https://api.example.com/b' })).text);
    const failed = wrong.explanation.rules.find(({ outcome }) => outcome === 'failed');
    assert.deepEqual(
      [failed.rule, failed.received, failed.expected],
      ['proof URL', 'https://api.example.com/a', 'https://api.example.com/b'],
    );
    assert.equal((await ask({ ...question, url: 'no URL', method: 'a b' })).status, 200);
  });

  it('prints no token, and listens on 127.0.0.1 alone', async () => {
    const token = issuer.bad('audience_mismatch');
    await ask({ token });
    await ask({ token: 'opaque-token-of-the-test', mayIntrospect: true });
    const printed = inspector.output.join('\n');
    for (const secret of [...token.split('.'), 'opaque-token-of-the-test']) assert.ok(!printed.includes(secret));
    if (process.platform === 'linux') {
      const hex = inspector.port.toString(16).toUpperCase().padStart(4, '0');
      const listening = ['tcp', 'tcp6'].flatMap((name) => sockets(name)).filter((one) => one.local.endsWith(`:${hex}`));
      assert.deepEqual([...new Set(listening.map(({ local }) => local))], [`0100007F:${hex}`]);
    }
  });

  it(
    'connects to the authorization server and to nothing else',
    { skip: process.platform !== 'linux' && 'needs /proc' },
    async () => {
      const own = new Set();
      let isWatching = true;
      const watch = async () => {
        while (isWatching) {
          for (const remote of remotesOf(inspector.pid, inspector.port)) own.add(remote);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const watching = watch();
      await ask({ token: issuer.token() });
      await ask({ token: issuer.opaque(), mayIntrospect: true });
      await ask({ token: issuer.bad('key_not_found') });
      isWatching = false;
      await watching;
      const port = Number(new URL(server.url).port).toString(16).toUpperCase().padStart(4, '0');
      assert.deepEqual([...own], [`0100007F:${port}`]);
    },
  );

  it('of an authorization server that is down starts, and says so', async () => {
    const down = createTestIssuer();
    const gone = await down.listen();
    const { env } = gone;
    await gone.close();
    const alone = await startInspector(env);
    try {
      const headers = { Cookie: await enter(alone) };
      const { status, text } = await send(alone, { body: { token: down.token() }, headers });
      assert.equal(status, 200);
      const { explanation, keys, skew, response } = JSON.parse(text);
      assert.equal(explanation.decision, 'undecided');
      assert.ok(explanation.message && explanation.fix && keys.error);
      assert.equal(skew, undefined);
      assert.equal(response.status, 503);
      assert.equal((await send(alone, { body: { token: 'opaque', mayIntrospect: true }, headers })).status, 200);
    } finally {
      await alone.stop();
    }
  });

  it('ends after 15 minutes without use, and a refused request is no use', async () => {
    const { startInspector: start } = require('../../npm/doctor/inspector.js');
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { url, ended } = await start(async () => ({}));
      const { host, port, hash } = new URL(url);
      mock.timers.tick(14 * 60_000);
      await enter({ host, port: Number(port), secret: hash.slice(1) });
      mock.timers.tick(14 * 60_000);
      assert.equal((await send({ host, port: Number(port) })).status, 403);
      mock.timers.tick(60_000);
      assert.equal(await ended, 'idle');
      await assert.rejects(send({ host, port: Number(port) }));
    } finally {
      mock.timers.reset();
    }
  });

  it('does not start with an invalid configuration, and takes no token on the command line', async () => {
    const broken = await doctor({ flags: ['--ui'] });
    assert.equal(broken.code, 1);
    assert.doesNotMatch(broken.stdout, /127\.0\.0\.1/);
    for (const flag of ['--token=abc', '--json']) assert.equal((await doctor({ flags: ['--ui', flag] })).code, 2);
  });

  it('has a page under 60 KB without anything of another host', () => {
    const folder = new URL('../../npm/doctor/ui/', import.meta.url);
    const texts = ['page.html', 'page.css', 'page.js'].map((name) => readFileSync(new URL(name, folder), 'utf8'));
    assert.ok(texts.join('').length < 60_000);
    for (const text of texts)
      assert.doesNotMatch(
        text,
        /innerHTML|insertAdjacent|document\.write|localStorage|sessionStorage|indexedDB|eval\(/,
      );
    assert.doesNotMatch(texts[0] + texts[1], /https?:\/\/(?!api\.example\.com)|@import|url\(/);
  });
});

/** The sockets of this machine, from /proc/net. */
function sockets(name) {
  return readFileSync(`/proc/net/${name}`, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .map(([, local, remote, , , , , , , inode]) => ({ local, remote, inode }));
}

/** Where the sockets of a process are connected to, without those of the browser. */
function remotesOf(pid, port) {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined;
      }
    }),
  );
  const own = port.toString(16).toUpperCase().padStart(4, '0');
  return ['tcp', 'tcp6']
    .flatMap(sockets)
    .filter(({ inode, local }) => inodes.has(inode) && !local.endsWith(`:${own}`))
    .map(({ remote }) => remote);
}
