// Which octets does a protected route send to an application that uses no new option?
//
// Each row of README's table of responses, octet by octet, on each framework. An option may change them. An update of
// the package alone never does.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { EXPRESS, FASTIFY } from '../support/frameworks.mjs';
import { offline, signed } from '../support/offline.mjs';
import { rawExchange } from '../support/raw-http.mjs';
import { describeWhere } from '../support/suite.mjs';
import { read } from '../support/documents.mjs';

const require = createRequire(import.meta.url);
const { FAILURES, Failure } = require('../../npm/errors/errors.js');
const { NO_TOKEN, RESOLVER_FAILED, responseTo } = require('../../npm/protect/response.js');

const failing = () => Promise.reject(new Error('down'));
const refusing = () =>
  offline({
    clientId: 'a',
    clientSecret: 'b',
    fetcher: (url) =>
      url.endsWith('/introspect')
        ? Response.json({ error: 'invalid_client' }, { status: 401 })
        : Response.json({
            issuer: 'https://issuer.example',
            introspection_endpoint: 'https://issuer.example/introspect',
          }),
  });

const bearer = (token) => [`Authorization: Bearer ${token}`];
const UNAUTHORIZED = { status: '401 Unauthorized', body: '{"message":"unauthorized"}' };
const FORBIDDEN = { status: '403 Forbidden', body: '{"message":"forbidden"}' };
const INVALID = 'Bearer error="invalid_token", error_description=';

/** The situation, the headers of the request, the response, and the client, options and route where they matter. */
const ROWS = [
  ['no token', [], { ...UNAUTHORIZED, challenge: 'Bearer' }],
  ['another scheme', ['Authorization: Basic YTpi'], { ...UNAUTHORIZED, challenge: 'Bearer' }],
  ['two Authorization headers', bearer('a').concat(bearer('b')), { ...UNAUTHORIZED, challenge: 'Bearer' }],
  ['two tokens in one header', bearer('a, Bearer b'), { ...UNAUTHORIZED, challenge: 'Bearer' }],
  [
    'a rejected token',
    () => bearer(signed({ exp: 1 })),
    { ...UNAUTHORIZED, challenge: `${INVALID}"Token has expired"` },
  ],
  [
    'a misconfigured client',
    bearer('opaque'),
    {
      ...UNAUTHORIZED,
      challenge: `${INVALID}"clientId is required to introspect a token (option clientId, MONOCLOUD_BACKEND_CLIENT_ID)"`,
    },
  ],
  [
    'a resolver that fails',
    [],
    { ...UNAUTHORIZED, challenge: 'Bearer error="invalid_token"' },
    { options: { tokenResolver: failing } },
  ],
  [
    'missing scopes',
    () => bearer(signed({ scope: 'a' })),
    { ...FORBIDDEN, challenge: 'Bearer error="insufficient_scope", scope="a b:c"' },
    { route: { scopes: ['a', 'b:c'] } },
  ],
  [
    'missing groups',
    () => bearer(signed()),
    { ...FORBIDDEN, challenge: 'Bearer error="insufficient_scope"' },
    { route: { groups: ['g'] } },
  ],
  [
    'an authorization server that is unreachable',
    () => bearer(signed()),
    { status: '503 Service Unavailable', body: '{"message":"service unavailable"}', retryAfter: '5' },
    { client: () => offline({ jwksResolver: failing }) },
  ],
  [
    'an authorization server that rejects the request of this API',
    bearer('opaque'),
    { status: '500 Internal Server Error', body: '{"message":"internal server error"}' },
    { client: refusing },
  ],
];

/** The response as Express 4 and 5 send it. */
const asExpress = ({ status, challenge, retryAfter, body }) => [
  `HTTP/1.1 ${status}`,
  'X-Powered-By: Express',
  ...(challenge === undefined ? [] : [`WWW-Authenticate: ${challenge}`]),
  ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
  'Content-Type: application/json; charset=utf-8',
  `Content-Length: ${body.length}`,
  '',
  body,
];

/** The response as Fastify 4 and 5 send it. */
const asFastify = ({ status, challenge, retryAfter, body }) => [
  `HTTP/1.1 ${status}`,
  ...(challenge === undefined ? [] : [`www-authenticate: ${challenge}`]),
  ...(retryAfter === undefined ? [] : [`retry-after: ${retryAfter}`]),
  'content-type: application/json; charset=utf-8',
  `content-length: ${body.length}`,
  '',
  body,
];

for (const [frameworks, form] of [
  [EXPRESS, asExpress],
  [FASTIFY, asFastify],
]) {
  for (const framework of frameworks) {
    describeWhere(framework.skip, `${framework.name}: the octets of the response`, () => {
      for (const [what, lines, expected, { client = offline, options, route } = {}] of ROWS) {
        test(`to ${what} are the same as ever`, async () => {
          const protect = framework.protectApi(client(), options)(route);
          await framework.with({ '/': { protect } }, async (url) => {
            const headers = typeof lines === 'function' ? lines() : lines;
            const text = await rawExchange(url, [
              'GET / HTTP/1.1',
              'Host: api.example',
              'Connection: close',
              ...headers,
            ]);
            // `Date` changes, and Node itself chooses `Connection`.
            const sent = text.split('\r\n').filter((line) => !/^(?:Date|Connection): /.test(line));
            assert.deepEqual(sent, form(expected));
          });
        });
      }
    });
  }
}

describe('the table of responses by reason', () => {
  const snapshot = JSON.parse(read('__test__/protect/wire.json'));
  const partsOf = ({ status, headers, text }) => ({ status, headers, text });

  test('has the two responses without a failure', () => {
    assert.deepEqual([partsOf(NO_TOKEN), partsOf(RESOLVER_FAILED)], [snapshot.noToken, snapshot.resolverFailed]);
  });

  for (const { reason, detail, response } of snapshot.failures) {
    const about = detail === undefined ? '' : ` with ${JSON.stringify(detail)}`;
    test(`has the same response to ${reason}${about} as ever, as a failure and as an error`, () => {
      const failure = detail === undefined ? FAILURES[reason] : new Failure(FAILURES[reason].spec, detail);
      assert.deepEqual(partsOf(responseTo(failure, ['a', 'b'])), response);
      assert.deepEqual(partsOf(responseTo(failure.toError(), ['a', 'b'])), response);
    });
  }
});
