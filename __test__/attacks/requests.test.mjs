// Can a request pass a token in a place that is not read, or inject text into the response?
//
// RFC 6750 §2 and §3: only the `Authorization` header is read, with exactly one token, and the challenge contains
// nothing of the request. The tests run on Express 4 and 5 and Fastify 4 and 5. They write requests octet by octet,
// so that no HTTP client corrects them.

import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { protectApi as protectExpress } from '../../npm/express.mjs';
import { protectApi as protectFastify } from '../../npm/fastify.mjs';
import { MonoCloudTokenError } from '../../npm/index.mjs';
import { close, open } from '../support/http.mjs';
import { startTarget } from './refused.mjs';

const MAX_HEADERS = 256 * 1024;
const NODE = Number(process.versions.node.split('.')[0]);
const EVIL = 'x"\r\nSet-Cookie: owned=1\r\n\r\n<script>, error="\u00e9\u0000';

let target;
const servers = {};

/** Routes by path, with their options, client and resolvers. */
function routes() {
  const { client } = target;
  const failing = (message, code) => {
    const subclassed = target.clientWith({});
    subclassed.validateAccessToken = async () => {
      throw new MonoCloudTokenError(message, undefined, 'expired', code);
    };
    return subclassed;
  };
  return {
    '/plain': { client },
    '/scoped': { client, options: { scopes: ['data:write'] } },
    '/injected': { client, options: { scopes: ['data:read', 'a"b', 'a\\b', 'a\r\nb', 'caf\u00e9', 'a b', ''] } },
    '/grouped': { client, options: { groups: [EVIL] } },
    '/message': { client: failing(EVIL, 'invalid_token') },
    '/resolved': { client, resolvers: { tokenResolver: async (request) => request.query.t } },
  };
}

async function start(framework) {
  const protectApi = framework.startsWith('express') ? protectExpress : protectFastify;
  const { default: make } = await import(framework);
  const app = framework.startsWith('express')
    ? make()
    : make({ serverFactory: (handler) => http.createServer({ maxHeaderSize: MAX_HEADERS }, handler) });
  if (framework.startsWith('express')) app.use(make.json(), make.urlencoded({ extended: true }));
  for (const [path, { client, options, resolvers }] of Object.entries(routes())) {
    const guard = protectApi(client, resolvers)(options);
    if (framework.startsWith('express'))
      app.all(path, guard, (request, response) => response.json({ sub: request.claims.sub }));
    else app.all(path, { onRequest: guard }, async (request) => ({ sub: request.claims.sub }));
  }
  if (framework.startsWith('fastify')) {
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: app.server.address().port, close: () => app.close() };
  }
  const server = http.createServer({ maxHeaderSize: MAX_HEADERS }, app);
  await open(server, { port: 0, host: '127.0.0.1' });
  return { port: server.address().port, close: () => close(server) };
}

const FRAMEWORKS = ['express', 'express-4', 'fastify-4', ...(NODE >= 20 ? ['fastify'] : [])];

before(async () => {
  target = await startTarget();
  for (const framework of FRAMEWORKS) servers[framework] = await start(framework);
});
after(async () => {
  await Promise.all(Object.values(servers).map((server) => server.close()));
  await target.close();
});

/** Sends these octets; returns `{ status, fields, body }` with the header fields one by one. */
function send(port, { method = 'GET', path = '/plain', lines = [], body = '' }) {
  const head = [`${method} ${path} HTTP/1.1`, 'Host: api.example.com', 'Connection: close', ...lines];
  if (body) head.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1'));
    const chunks = [];
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => chunks.push(chunk)).on('error', reject);
    socket.on('close', () => {
      const [top, ...rest] = Buffer.concat(chunks).toString('latin1').split('\r\n\r\n');
      const [status, ...fields] = top.split('\r\n');
      resolve({ status: Number(status.split(' ')[1]), fields, body: rest.join('\r\n\r\n') });
    });
  });
}

const challengesOf = ({ fields }) =>
  fields
    .filter((field) => /^www-authenticate:/i.test(field))
    .map((field) => field.slice('www-authenticate:'.length).trim());

for (const framework of FRAMEWORKS) {
  const ask = (request) => send(servers[framework].port, request);

  /** The 401 of a request without a token. */
  const assertUnseen = (answer, what) => {
    assert.equal(answer.status, 401, what);
    assert.deepEqual(challengesOf(answer), ['Bearer'], what);
    assert.match(answer.body, /\{"message":"unauthorized"\}/, what);
  };

  describe(`${framework}: where a token is read (RFC 6750 §2)`, () => {
    test('in the Authorization header it is: the following tests differ only in the place', async () => {
      const answer = await ask({ lines: [`Authorization: Bearer ${target.issuer.sign()}`] });
      assert.equal(answer.status, 200);
      assert.match(answer.body, /"sub":"user-1"/);
    });

    for (const [where, request] of Object.entries({
      'the query (RFC 6750 §2.3)': (token) => ({
        path: `/plain?access_token=${token}&authorization=Bearer%20${token}&token=${token}`,
      }),
      'a form body (RFC 6750 §2.2)': (token) => ({
        method: 'POST',
        lines: ['Content-Type: application/x-www-form-urlencoded'],
        body: `access_token=${token}`,
      }),
      'a JSON body': (token) => ({
        method: 'POST',
        lines: ['Content-Type: application/json'],
        body: JSON.stringify({ access_token: token, headers: { authorization: `Bearer ${token}` } }),
      }),
      'a cookie': (token) => ({ lines: [`Cookie: access_token=${token}; Authorization=Bearer ${token}`] }),
      'another header': (token) => ({
        lines: [`X-Access-Token: ${token}`, `Proxy-Authorization: Bearer ${token}`, `X-Authorization: Bearer ${token}`],
      }),
      'an underscored header': (token) => ({
        lines: [`HTTP_AUTHORIZATION: Bearer ${token}`, `authorization_: Bearer ${token}`],
      }),
      'another scheme': (token) => ({ lines: [`Authorization: Token ${token}`] }),
      'no scheme': (token) => ({ lines: [`Authorization: ${token}`] }),
      'a longer scheme': (token) => ({ lines: [`Authorization: BearerX ${token}`] }),
      'the scheme with a tab': (token) => ({ lines: [`Authorization: Bearer\t${token}`] }),
      'the scheme with a colon': (token) => ({ lines: [`Authorization: Bearer: ${token}`] }),
      'the scheme with a no-break space': (token) => ({ lines: [`Authorization: Bearer\u00a0${token}`] }),
      'the scheme with nothing': () => ({ lines: ['Authorization: Bearer'] }),
      'the scheme with a space': () => ({ lines: ['Authorization: Bearer '] }),
      'two tokens': (token) => ({ lines: [`Authorization: Bearer ${token} ${token}`] }),
      'two tokens with a comma': (token) => ({ lines: [`Authorization: Bearer ${token},${token}`] }),
      'a list of credentials': (token) => ({ lines: [`Authorization: Basic eDp5, Bearer ${token}`] }),
      'a parameter': (token) => ({ lines: [`Authorization: Bearer token="${token}", realm=x`] }),
      'two Authorization headers': (token) => ({
        lines: [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`],
      }),
      'two of different case': (token) => ({
        lines: [`Authorization: Bearer ${token}`, `AUTHORIZATION: Bearer other`],
      }),
      'two of different schemes': (token) => ({
        lines: [`Authorization: Bearer ${token}`, 'Authorization: Basic eDp5'],
      }),
      'a second that is empty': (token) => ({ lines: [`Authorization: Bearer ${token}`, 'Authorization:'] }),
    })) {
      test(`a token in ${where} is not read`, async () =>
        assertUnseen(await ask(request(target.issuer.sign())), where));
    }

    test('an obsolete line folding is refused by Node, or no token (RFC 9112 §5.2)', async () => {
      const { status } = await ask({ lines: ['Authorization: Bearer', ` ${target.issuer.sign()}`] });
      assert.ok(status === 400 || status === 401, `${status}`);
    });

    test('64 KiB of spaces are no token, and two words between them are none', async () => {
      const spaces = ' '.repeat(65_536);
      assertUnseen(await ask({ lines: [`Authorization: Bearer ${spaces}`] }));
      assertUnseen(await ask({ lines: [`Authorization: Bearer ${spaces}a${spaces}b`] }));
      assertUnseen(await ask({ lines: [`Authorization:${spaces}Bearer${spaces}`] }));
    });

    test('a header of 64 KiB that is one word is a token too large', async () => {
      const answer = await ask({ lines: [`Authorization: Bearer ${'a.'.repeat(32_768)}`] });
      assert.equal(answer.status, 401);
      assert.match(challengesOf(answer)[0], /^Bearer error="invalid_token", error_description="[^"]*"$/);
    });

    test('a resolver’s result is a token only if it is one string', async () => {
      const token = target.issuer.sign();
      assert.equal((await ask({ path: `/resolved?t=${token}` })).status, 200);
      for (const query of ['t=', 't=%20', 'u=']) assertUnseen(await ask({ path: `/resolved?${query}` }), query);
      // Parsers turn such a query into an array or an object. The token in the header is not used instead, because
      // the request is ambiguous.
      const failed = 'Bearer error="invalid_token"';
      for (const lines of [[], [`Authorization: Bearer ${token}`]]) {
        const answer = await ask({ path: `/resolved?t=${token}&t=${token}`, lines });
        assert.deepEqual([answer.status, challengesOf(answer)], [401, [failed]]);
      }
      for (const query of [`t[]=${token}`, `t[toString]=${token}`]) {
        const answer = await ask({ path: `/resolved?${query}` });
        assert.equal(answer.status, 401, query);
        assert.ok(['Bearer', failed].includes(challengesOf(answer).join()), query);
      }
    });
  });

  describe(`${framework}: the content of the response (RFC 6750 §3)`, () => {
    const VALUE = /^[\x20-\x7e]*$/;

    /** The response has exactly one challenge of printable characters, and contains nothing of the request. */
    const assertQuiet = (answer, status, ...sent) => {
      assert.equal(answer.status, status);
      const [challenge, ...more] = challengesOf(answer);
      assert.deepEqual(more, []);
      assert.match(challenge, VALUE);
      const all = answer.fields.join('\n') + answer.body;
      for (const text of [...sent, 'owned', '<script']) assert.ok(!all.includes(text), `the answer says ${text}`);
      return challenge;
    };

    test('nothing of a token or its claims, however they are made', async () => {
      const claims = { iss: EVIL, scope: EVIL, sub: EVIL, evil: EVIL };
      const token = target.issuer.sign({ claims });
      assertQuiet(await ask({ lines: [`Authorization: Bearer ${token}`] }), 401, token);
      const scoped = target.issuer.sign({ claims: { scope: `data:read ${EVIL}` } });
      const challenge = assertQuiet(
        await ask({ path: '/scoped', lines: [`Authorization: Bearer ${scoped}`] }),
        403,
        scoped,
      );
      assert.equal(challenge, 'Bearer error="insufficient_scope", scope="data:write"');
    });

    test('nothing of a malformed header', async () => {
      const garbage = 'owned"\\;=<script>\u00e9';
      assertQuiet(await ask({ lines: [`Authorization: Bearer ${garbage}`] }), 401, garbage);
    });

    test('a scope with characters that a challenge cannot contain is left out of it, and still required', async () => {
      const token = target.issuer.sign({ claims: { scope: 'data:read a"b a\\b caf\u00e9 a b' } });
      const challenge = assertQuiet(await ask({ path: '/injected', lines: [`Authorization: Bearer ${token}`] }), 403);
      assert.equal(challenge, 'Bearer error="insufficient_scope", scope="data:read"');
    });

    test('a group is never named', async () => {
      const answer = await ask({ path: '/grouped', lines: [`Authorization: Bearer ${target.issuer.sign()}`] });
      assert.equal(assertQuiet(answer, 403), 'Bearer error="insufficient_scope"');
    });

    test('the message of a subclass’s error cannot end the header', async () => {
      const answer = await ask({ path: '/message', lines: ['Authorization: Bearer x.y.z'] });
      assert.equal(answer.status, 401);
      assert.match(
        challengesOf(answer)[0],
        /^Bearer error="invalid_token", error_description="[\x20-\x21\x23-\x5b\x5d-\x7e]*"$/,
      );
      assert.ok(!answer.fields.some((field) => /^set-cookie/i.test(field)));
    });
  });

  describe(`${framework}: scopes are whole words between single spaces (RFC 6749 §3.3)`, () => {
    for (const scope of [
      'data:writer',
      'xdata:write',
      'data:write2 data:write3',
      'data:write\u00a0x',
      'data:read\u00a0data:write',
      'data:read\tdata:write',
      'data:read\ndata:write',
      'data:read,data:write',
      'data:read+data:write',
      'data:read%20data:write',
      '"data:write"',
      'DATA:WRITE',
      'data\uff1awrite',
      'data:write\u0000',
      '\u200bdata:write',
      'data:*',
      '*',
      'data',
      'write',
      '',
    ]) {
      test(`${JSON.stringify(scope)} is not data:write`, async () => {
        const token = target.issuer.sign({ claims: { scope } });
        assert.equal((await ask({ path: '/scoped', lines: [`Authorization: Bearer ${token}`] })).status, 403);
      });
    }

    for (const scope of [
      ['a data:write'],
      [['data:write']],
      { 'data:write': true },
      { toString: 'data:write' },
      null,
      true,
      1,
    ]) {
      test(`a scope of ${JSON.stringify(scope)} grants nothing`, async () => {
        const token = target.issuer.sign({
          claims: { scope, scp: 'data:write', scopes: 'data:write', roles: ['data:write'] },
        });
        assert.equal((await ask({ path: '/scoped', lines: [`Authorization: Bearer ${token}`] })).status, 403);
      });
    }

    test('data:write among others is', async () => {
      const token = target.issuer.sign({ claims: { scope: 'a data:write b' } });
      assert.equal((await ask({ path: '/scoped', lines: [`Authorization: Bearer ${token}`] })).status, 200);
    });
  });
}
