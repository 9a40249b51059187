// The tests of a small API, written with the testing kit. Jest, Vitest and node:test run the same suite.

const { once } = require('node:events');

const HOUR = 3_600_000;
/** Reasons that every route rejects with 401. */
const REJECTED = [
  'audience_mismatch',
  'certificate_missing',
  'dpop_scheme_required',
  'expired',
  'issuer_mismatch',
  'key_not_found',
  'signature_invalid',
  'type_not_allowed',
];

/**
 * Defines the tests. `test(name, run)` and `equal(actual, expected)` are those of the runner. `setTime(milliseconds)` sets
 * `Date.now()` until the end of the test.
 */
module.exports = function defineSuite({ app, issuer, test, equal, setTime }) {
  const { authorization } = issuer.bearer({ sub: 'ada', scope: 'data:read' });

  test('nobody gets in without a token', () => expectStatus('/me', {}, 401));

  test('a user gets in', async () => {
    const response = await get('/me', { authorization });
    equal(response.status, 200);
    equal((await response.json()).sub, 'ada');
  });

  test('an opaque token gets in', () =>
    expectStatus('/data', { authorization: `Bearer ${issuer.opaque({ scope: 'data:read' })}` }, 200));

  test('a token without the scope is forbidden', () =>
    expectStatus('/data', { authorization: `Bearer ${issuer.bad('scope_missing')}` }, 403));

  for (const reason of REJECTED) {
    test(`a token is rejected for ${reason}`, () =>
      expectStatus('/me', { authorization: `Bearer ${issuer.bad(reason)}` }, 401));
  }

  test('a DPoP proof is accepted once', async () => {
    await withServer(async (origin) => {
      const holder = issuer.dpop();
      const token = issuer.token({ cnf: { jkt: holder.jkt } });
      const headers = holder.headers({ method: 'GET', url: `${origin}/me`, token });
      equal((await fetch(`${origin}/me`, { headers })).status, 200);
      equal((await fetch(`${origin}/me`, { headers })).status, 401);
    });
  });

  test('a token expires with fake time', async () => {
    await expectStatus('/me', { authorization }, 200);
    setTime(Date.now() + 2 * HOUR);
    await expectStatus('/me', { authorization }, 401);
  });

  async function expectStatus(path, headers, status) {
    equal((await get(path, headers)).status, status);
  }

  function get(path, headers) {
    return withServer((origin) => fetch(origin + path, { headers }));
  }

  async function withServer(use) {
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      return await use(`http://127.0.0.1:${server.address().port}`);
    } finally {
      server.close();
    }
  }
};
