// How does the client handle each response of an introspection endpoint, including invalid ones?
//
// Every response has its class and reason, costs at most 512 KiB, and never accepts a token by mistake. The tests use
// the engine's own HTTP client and a `fetcher`.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';

import express from 'express';
import { protectApi } from '@monocloud/backend-node/express';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { get, listen } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const PATH = '/introspect';
const LIMIT = 512 * 1024;
const INACTIVE = failure('MonoCloudTokenError', 'inactive', { code: 'inactive_token', raw: undefined });
const INACTIVE_CHALLENGE = 'Bearer error="invalid_token", error_description="Token is inactive"';
const HTML = { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Sign in</title>' };

const http = (reason, status) => failure('MonoCloudHttpError', reason, { status });
const op = (reason, error, errorDescription) => failure('MonoCloudOPError', reason, { error, errorDescription });
const UNREADABLE = http('body_invalid', 200);
const refused = (reason) => failure('MonoCloudTokenError', reason, { code: 'invalid_token' });

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());
afterEach(() => issuer.respond(PATH));

const active = (changes) => ({ body: { active: true, ...issuer.claims(changes) } });
/** The text of an active response, after `change`. */
const text = (change) => ({ body: change(JSON.stringify({ active: true, ...issuer.claims() })) });

/** Each row: name, response, expected rejection. Without a rejection the token is accepted. */
const ANSWERS = [
  ['an active token', () => active()],
  ['an active token without exp and iss', () => active({ exp: undefined, iss: undefined })],
  ['a body of exactly 512 KiB', () => text((json) => json.padEnd(LIMIT))],
  ['a body that says it is something else', () => ({ ...active(), headers: { 'content-type': 'text/plain' } })],

  ['active "true"', () => active({ active: 'true' }), INACTIVE],
  ['active 1', () => active({ active: 1 }), INACTIVE],
  ['active null', () => active({ active: null }), INACTIVE],
  ['active [true]', () => active({ active: [true] }), INACTIVE],
  ['no active', () => active({ active: undefined }), INACTIVE],
  ['Active', () => active({ active: undefined, Active: true }), INACTIVE],
  ['an empty object', () => ({ body: {} }), INACTIVE],
  ['active twice', () => text((json) => json.replace('{', '{"active":false,')), UNREADABLE],
  ['active twice, escaped', () => text((json) => json.replace('{', '{"\\u0061ctive":false,')), UNREADABLE],
  ['scope twice', () => text((json) => json.replace('{', '{"scope":"all",')), UNREADABLE],

  ['HTML', () => HTML, UNREADABLE],
  ['an empty body', () => ({ body: '' }), UNREADABLE],
  ['an array', () => ({ body: [{ active: true }] }), UNREADABLE],
  ['a string', () => ({ body: '"active"' }), UNREADABLE],
  ['null', () => ({ body: 'null' }), UNREADABLE],
  ['half of the JSON', () => text((json) => json.slice(0, -10)), UNREADABLE],
  ['JSON and more', () => text((json) => `${json}{}`), UNREADABLE],
  ['a byte order mark', () => text((json) => `\ufeff${json}`), UNREADABLE],
  ['octets that are not UTF-8', () => text((json) => Buffer.from(json.replace('user', 'ÿ'), 'latin1')), UNREADABLE],
  ['33 levels', () => active({ deep: nested(33) }), UNREADABLE],
  ['100,000 levels', () => text((json) => json.replace('{', `{"deep":${brackets(1e5)},`)), UNREADABLE],
  ['512 KiB and one octet', () => text((json) => json.padEnd(LIMIT + 1)), http('body_too_large', 200)],

  ['another issuer', () => active({ iss: 'https://elsewhere.example' }), refused('issuer_mismatch')],
  ['an issuer that is no string', () => active({ iss: [issuer.issuer] }), refused('issuer_mismatch')],
  ['another audience', () => active({ aud: 'https://other.example.com' }), refused('audience_mismatch')],
  ['no audience', () => active({ aud: undefined }), refused('audience_mismatch')],
  ['an expired token', () => active({ exp: seconds(-301) }), refused('expired')],
  ['exp as text', () => active({ exp: String(seconds(60)) }), refused('expiry_invalid')],
  ['a token of tomorrow', () => active({ nbf: seconds(86_400) }), refused('not_yet_valid')],
  ['a sub that is no string', () => active({ sub: 1 }), refused('subject_invalid')],
  ['a cnf that cannot be read', () => active({ cnf: 'x' }), refused('confirmation_invalid')],

  ['201', () => ({ status: 201, ...active() }), http('unexpected_status', 201)],
  ['204', () => ({ status: 204 }), http('unexpected_status', 204)],
  [
    'a redirect',
    () => ({ status: 302, headers: { location: '/elsewhere' }, ...active() }),
    http('unexpected_status', 302),
  ],
  [
    'a redirect of the POST',
    () => ({ status: 308, headers: { location: '/elsewhere' } }),
    http('unexpected_status', 308),
  ],
  ['403', () => ({ status: 403, body: { error: 'access_denied' } }), http('unexpected_status', 403)],
  ['404', () => ({ status: 404, ...HTML }), http('unexpected_status', 404)],
  ['429', () => ({ status: 429, headers: { 'retry-after': '7' } }), http('unexpected_status', 429)],
  ['500', () => ({ status: 500, body: 'oops' }), http('unexpected_status', 500)],
  ['503', () => ({ status: 503 }), http('unexpected_status', 503)],

  [
    '400',
    () => ({ status: 400, body: { error: 'x', error_description: 'no' } }),
    op('introspection_refused', 'x', 'no'),
  ],
  ['400 without JSON', () => ({ status: 400, ...HTML }), op('introspection_refused', 'introspection_failed')],
  [
    '400 whose error is no text',
    () => ({ status: 400, body: { error: 1 } }),
    op('introspection_refused', 'introspection_failed'),
  ],
  [
    '401',
    () => ({ status: 401, body: { error: 'invalid_client' } }),
    op('client_refused', 'invalid_client', undefined),
  ],
  ['401 without a body', () => ({ status: 401 }), op('client_refused', 'invalid_client', undefined)],
];

const WAYS = [
  ['the own client', {}],
  ['a fetcher', { fetcher: (input, init) => fetch(input, init) }],
];

for (const [way, transport] of WAYS) {
  describe(`over ${way}`, () => {
    for (const [what, answer, error] of ANSWERS) {
      test(`${what} is ${error ? `${error.name}, ${error.reason}` : 'accepted'}`, async () => {
        issuer.resetCounts();
        issuer.respond('/elsewhere', active());
        issuer.respond(PATH, answer());
        const asking = backend(issuer, { ...ANY_CLIENT, ...transport }).validateAccessToken('opaque-token');
        if (error) await assert.rejects(asking, error);
        else assert.equal((await asking).aud, AUDIENCE);
        assert.equal(issuer.counts['/elsewhere'], undefined, 'a redirect is never followed');
      });
    }

    test('a body that ends too early gives no claims', async () => {
      issuer.respond(PATH, (_request, response) => {
        const { body } = active();
        response.writeHead(200, { 'content-length': 10_000 });
        response.write(JSON.stringify(body), () => response.destroy());
      });
      const asking = backend(issuer, { ...ANY_CLIENT, ...transport }).validateAccessToken('opaque-token');
      await assert.rejects(asking, http(transport.fetcher ? 'fetcher_failed' : 'connection_failed', undefined));
    });

    for (const [what, headers] of [
      ['announced', { 'content-length': 200 * 1024 * 1024 }],
      ['streamed', {}],
    ]) {
      test(`a body of 200 MB, ${what}, is cut off after 512 KiB`, async () => {
        let written = 0;
        let ended;
        issuer.respond(PATH, (_request, response) => {
          ended = pour(response, headers, (length) => {
            written += length;
          });
        });
        const asking = backend(issuer, { ...ANY_CLIENT, ...transport }).validateAccessToken('opaque-token');
        await assert.rejects(asking, failure('MonoCloudHttpError', 'body_too_large'));
        await ended;
        // The octets read, plus the socket buffers of both sides.
        assert.ok(written < 32 * 1024 * 1024, `${written} octets were taken`);
      });
    }

    test('an answer that does not come within responseTimeout is timed_out', async () => {
      issuer.respond(PATH, () => undefined);
      const client = backend(issuer, { ...ANY_CLIENT, ...transport, responseTimeout: 1000 });
      await assert.rejects(client.validateAccessToken('opaque-token'), http('timed_out', undefined));
    });

    test('a body that does not end within responseTimeout is timed_out', async () => {
      issuer.respond(PATH, (_request, response) => void response.writeHead(200).write('{"active":'));
      const client = backend(issuer, { ...ANY_CLIENT, ...transport, responseTimeout: 1000 });
      await assert.rejects(client.validateAccessToken('opaque-token'), http('timed_out', undefined));
    });

    test('raw is the response of a rejection, without its cookies, and no claims of a response with 200', async () => {
      const headers = { 'set-cookie': 'a=b', 'x-request-id': '7' };
      const client = backend(issuer, { ...ANY_CLIENT, ...transport });
      issuer.respond(PATH, { status: 400, headers, body: '{"error":"x"}' });
      const { raw } = await client.validateAccessToken('opaque-token').catch((error) => error);
      assert.deepEqual([raw.status, raw.statusText, raw.body], [400, 'Bad Request', '{"error":"x"}']);
      assert.deepEqual([raw.headers['x-request-id'], raw.headers['set-cookie']], ['7', undefined]);
      issuer.respond(PATH, { headers, body: '[{"sub":"secret"}]' });
      const good = await client.validateAccessToken('opaque-token').catch((error) => error);
      assert.deepEqual([good.raw.status, good.raw.body], [200, '']);
    });
  });
}

test('a fetcher is read no further than 512 KiB and one chunk', async () => {
  let pulled = 0;
  const chunk = Buffer.alloc(64 * 1024, ' ');
  const pull = (controller) => {
    pulled += chunk.length;
    controller.enqueue(chunk);
  };
  const endless = () => new ReadableStream({ pull }, { highWaterMark: 0 });
  const fetcher = async (input, init) => (input.endsWith(PATH) ? new Response(endless()) : fetch(input, init));
  const asking = backend(issuer, { ...ANY_CLIENT, fetcher }).validateAccessToken('opaque-token');
  await assert.rejects(asking, failure('MonoCloudHttpError', 'body_too_large'));
  assert.equal(pulled, LIMIT + chunk.length);
});

for (const [what, fetcher] of [
  [
    'throws',
    () => {
      throw new Error('no');
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('no');
    },
  ],
  ['gives nothing', async () => undefined],
  ['gives something else', async () => ({ status: 200 })],
]) {
  test(`a fetcher that ${what} is fetcher_failed`, async () => {
    const only = (input, init) => (input.endsWith(PATH) ? fetcher() : fetch(input, init));
    const asking = backend(issuer, { ...ANY_CLIENT, fetcher: only }).validateAccessToken('opaque-token');
    await assert.rejects(asking, http('fetcher_failed', undefined));
  });
}

describe('protectApi', () => {
  let api;
  before(async () => {
    const app = express();
    app.get('/', protectApi(backend(issuer, ANY_CLIENT))(), (request, response) => response.json(request.claims));
    api = await listen(app);
  });
  after(() => api?.close());

  for (const [what, answer, status, headers] of [
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '7' } }, 503, { 'retry-after': '7' }],
    ['503 with Retry-After', { status: 503, headers: { 'retry-after': '9' } }, 503, { 'retry-after': '9' }],
    ['500', { status: 500 }, 503, { 'retry-after': '5' }],
    ['HTML', HTML, 503, { 'retry-after': '5' }],
    ['403', { status: 403 }, 500, {}],
    ['401', { status: 401, body: { error: 'invalid_client' } }, 500, {}],
    ['400', { status: 400, body: { error: 'invalid_request' } }, 500, {}],
    ['an inactive token', { body: { active: false } }, 401, { 'www-authenticate': INACTIVE_CHALLENGE }],
  ]) {
    test(`${what} of the issuer is ${status} of the API`, async () => {
      issuer.respond(PATH, answer);
      const answered = await get(api.url, { token: 'opaque-token' });
      assert.equal(answered.status, status);
      for (const name of ['retry-after', 'www-authenticate']) assert.equal(answered.headers[name], headers[name], name);
    });
  }
});

const brackets = (levels) => '['.repeat(levels) + ']'.repeat(levels);
const seconds = (offset) => Math.floor(Date.now() / 1000) + offset;

function nested(levels) {
  return levels === 1 ? {} : { a: nested(levels - 1) };
}

/** Sends 200 MB, or as much as the client reads; resolves when the connection has ended. */
async function pour(response, headers, note) {
  const chunk = Buffer.alloc(256 * 1024, ' ');
  response.writeHead(200, headers);
  const closed = once(response, 'close');
  for (let i = 0; i < 800 && !response.destroyed; i += 1) {
    note(chunk.length);
    if (!response.write(chunk)) await Promise.race([once(response, 'drain'), closed]);
  }
  response.end();
  await closed;
}
