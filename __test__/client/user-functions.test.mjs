// What may the user's own functions return or throw: fetcher, metadataResolver, jwksResolver?

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { backend, failure } from '../support/backend.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from '../support/offline.mjs';

const DISCOVERY = '/.well-known/openid-configuration';
const METADATA = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: `${ISSUER}/introspect` };
const HUGE = 'x'.repeat(512 * 1024 + 1);
/** The smallest allowed value. A test that waits for it takes this long. */
const TIMEOUT = 1000;

const failed = failure('MonoCloudHttpError', 'fetcher_failed', { status: undefined, raw: undefined });
const nothing = () => undefined;
const never = () => new Promise(nothing);

/** Faults of a user's function, other than time and size. */
const FAULTS = {
  throws: () => {
    throw new Error('canary');
  },
  'throws nothing': () => {
    throw undefined; // oxlint-disable-line no-throw-literal
  },
  rejects: async () => {
    throw new TypeError('canary');
  },
  'gives nothing': nothing,
  'gives null': async () => null,
  'gives a function': () => nothing,
  'gives a symbol': () => Symbol('canary'),
};

/** A fetcher that serves documents by path. */
function serving(documents, calls = []) {
  return async (url, init) => {
    calls.push({ url, init });
    const document = documents[new URL(url).pathname];
    return typeof document === 'function' ? document(init) : Response.json(document);
  };
}

const GOOD_SITE = { [DISCOVERY]: METADATA, '/jwks': JWKS, '/introspect': { active: false } };

function fetching(fetcher, options) {
  return offline({ jwksResolver: undefined, fetcher, ...options });
}

describe('a fetcher', () => {
  test('receives every request, and the network receives none', async () => {
    const calls = [];
    const client = fetching(serving(GOOD_SITE, calls), { clientId: 'me', clientSecret: 'secret' });
    assert.equal((await client.validateAccessToken(signed())).sub, 'user-1');
    await assert.rejects(client.validateAccessToken('opaque'), { reason: 'inactive' });
    assert.deepEqual(
      calls.map(({ url }) => url),
      [`${ISSUER}${DISCOVERY}`, `${ISSUER}/jwks`, `${ISSUER}/introspect`],
    );
    for (const { init } of calls) {
      assert.equal(new Headers(init.headers).get('accept-encoding'), 'identity');
      assert.equal(init.redirect, 'manual');
      assert.ok(init.signal instanceof AbortSignal && !init.signal.aborted);
    }
    const accepted = calls.map(({ init }) => new Headers(init.headers).get('accept'));
    assert.deepEqual(accepted, ['application/json', 'application/json, application/jwk-set+json', 'application/json']);
    assert.deepEqual(
      calls.map(({ init }) => [init.method, typeof init.body]),
      [
        ['GET', 'undefined'],
        ['GET', 'undefined'],
        ['POST', 'string'],
      ],
    );
  });

  test('is called once for 200 callers at once, with the global fetch as with any', async (t) => {
    const issuer = await startIssuer();
    t.after(() => issuer.close());
    const client = backend(issuer, { fetcher: globalThis.fetch });
    const tokens = Array.from({ length: 200 }, (_, i) => issuer.sign({ claims: { sub: `u${i % 10}` } }));
    await Promise.all(tokens.map((token) => client.validateAccessToken(token)));
    assert.deepEqual(issuer.counts, { [DISCOVERY]: 1, '/jwks': 1 });
  });

  test('may answer at once, and with a text instead of a stream', async () => {
    const answer = (document) => ({
      status: 200,
      statusText: '',
      headers: new Headers(),
      text: async () => JSON.stringify(document),
    });
    const client = fetching((url) => answer(url.endsWith('/jwks') ? JWKS : METADATA));
    assert.equal((await client.validateAccessToken(signed())).sub, 'user-1');
  });

  for (const [what, fault] of Object.entries({
    ...FAULTS,
    'gives no response': () => ({}),
    'gives a body that breaks': () =>
      new Response(new ReadableStream({ pull: (stream) => stream.error(new Error('canary')) })),
  })) {
    test(`that ${what} is a MonoCloudHttpError`, async () => {
      await assert.rejects(fetching(fault).validateAccessToken(signed()), (error) => {
        assert.equal(error.message.includes('canary'), false);
        return Object.entries(failed).every(([name, value]) => error[name] === value);
      });
      await assert.rejects(fetching(fault).getMetadata(), failed);
      await assert.rejects(fetching(fault, { clientId: 'a', clientSecret: 'b' }).validateAccessToken('opaque'), failed);
    });
  }

  for (const [status, options] of [
    [500, { statusText: 'Broken' }],
    [302, { headers: { location: '/x' } }],
    [404, {}],
  ]) {
    test(`that answers ${status} appears in status and raw`, async () => {
      const fetcher = () =>
        new Response('text', { status, ...options, headers: { 'X-A': 'b', 'Set-Cookie': 'c=d', ...options.headers } });
      await assert.rejects(fetching(fetcher).getMetadata(), ({ name, reason, status: told, statusText, raw }) => {
        assert.deepEqual(
          [name, reason, told, statusText],
          ['MonoCloudHttpError', 'unexpected_status', status, options.statusText ?? ''],
        );
        assert.deepEqual([raw.body, raw.headers['x-a'], raw.headers['set-cookie']], ['text', 'b', undefined]);
        return true;
      });
    });
  }

  test('that gives more than 512 KiB is not read to the end', async () => {
    let isCancelled = false;
    const endless = new ReadableStream({
      pull: (stream) => stream.enqueue(new Uint8Array(64 * 1024)),
      cancel: () => {
        isCancelled = true;
      },
    });
    await assert.rejects(fetching(() => new Response(endless)).getMetadata(), {
      name: 'MonoCloudHttpError',
      reason: 'body_too_large',
    });
    assert.equal(isCancelled, true);
    const asText = { status: 200, headers: new Headers(), text: async () => HUGE };
    await assert.rejects(fetching(() => asText).getMetadata(), {
      name: 'MonoCloudHttpError',
      reason: 'body_too_large',
    });
  });

  test('that gives 512 KiB is read', async () => {
    const text = JSON.stringify(METADATA);
    const client = fetching(() => new Response(text + ' '.repeat(512 * 1024 - text.length)));
    assert.deepEqual(await client.getMetadata(), METADATA);
  });

  test('that hangs is aborted at the deadline', async () => {
    let signal;
    const fetcher = (_, init) => {
      ({ signal } = init);
      return never();
    };
    const late = failure('MonoCloudHttpError', 'timed_out', { status: undefined });
    await assert.rejects(fetching(fetcher, { responseTimeout: TIMEOUT }).validateAccessToken(signed()), late);
    assert.equal(signal.aborted, true);
    const stuck = () => new Response(new ReadableStream({ pull: never }));
    await assert.rejects(fetching(stuck, { responseTimeout: TIMEOUT }).getMetadata(), late);
  });

  test('is not cut short by a deadline that is far away', async () => {
    const slow = async () => {
      await delay(50);
      return Response.json(METADATA);
    };
    for (const responseTimeout of [2 ** 31 - 1, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      assert.deepEqual(await fetching(slow, { responseTimeout }).getMetadata(), METADATA, responseTimeout);
    }
  });

  for (const text of ['', ' ', '\r\n']) {
    test(`has the usual deadline when the environment says ${JSON.stringify(text)}`, async (t) => {
      process.env.MONOCLOUD_BACKEND_RESPONSE_TIMEOUT = text;
      t.after(() => delete process.env.MONOCLOUD_BACKEND_RESPONSE_TIMEOUT);
      const slow = async () => {
        await delay(100);
        return Response.json(METADATA);
      };
      assert.deepEqual(await fetching(slow).getMetadata(), METADATA);
    });
  }
});

describe('resolvers', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  beforeEach(() => issuer.resetCounts());
  after(() => issuer.close());

  for (const [how, wrap] of [
    ['sync', (value) => () => value],
    ['async', (value) => async () => value],
  ]) {
    test(`that are ${how} give metadata and keys, without a request`, async () => {
      const client = offline({
        metadataResolver: wrap(METADATA),
        jwksResolver: wrap(JWKS),
        fetcher: () => assert.fail('asked'),
      });
      assert.equal((await client.validateAccessToken(signed())).sub, 'user-1');
      assert.deepEqual(await client.getMetadata(), METADATA);
      assert.deepEqual(await client.getJwks(), JWKS);
    });

    test(`for the metadata alone, ${how}, leaves the keys to its jwks_uri`, async () => {
      const client = backend(issuer, {
        metadataResolver: wrap({ issuer: issuer.issuer, jwks_uri: `${issuer.issuer}/jwks` }),
      });
      assert.equal((await client.validateAccessToken(issuer.sign())).iss, issuer.issuer);
      assert.deepEqual(issuer.counts, { '/jwks': 1 });
    });

    test(`for the keys alone, ${how}, needs no metadata: the issuer is the tenant`, async () => {
      const client = backend(issuer, { jwksResolver: wrap(issuer.jwks) });
      assert.equal((await client.validateAccessToken(issuer.sign())).iss, issuer.issuer);
      assert.deepEqual(issuer.counts, {});
    });
  }

  test('are asked once for many callers, again when forced, and for an unknown kid', async () => {
    let [metadata, keys] = [0, 0];
    const client = offline({
      metadataResolver: async () => {
        metadata += 1;
        return METADATA;
      },
      jwksResolver: async () => {
        keys += 1;
        return JWKS;
      },
    });
    await Promise.all(Array.from({ length: 200 }, () => client.validateAccessToken(signed())));
    assert.deepEqual([metadata, keys], [1, 1]);
    await assert.rejects(client.validateAccessToken(signed({}, { header: { kid: 'unknown' } })), {
      reason: 'key_not_found',
    });
    assert.deepEqual([metadata, keys], [1, 2]);
    await client.getJwks(true);
    await client.getMetadata(true);
    assert.deepEqual([metadata, keys], [2, 3]);
  });

  test('get new keys with their first token', async () => {
    let jwks = { keys: JWKS.keys.filter(({ kid }) => kid !== 'ed') };
    const client = offline({ jwksResolver: () => jwks });
    await client.validateAccessToken(signed({}, { alg: 'ES256' }));
    jwks = JWKS;
    assert.equal((await client.validateAccessToken(signed())).sub, 'user-1');
  });

  for (const resolver of ['metadataResolver', 'jwksResolver']) {
    const make = (fault) =>
      offline({
        metadataResolver: () => METADATA,
        jwksResolver: () => JWKS,
        [resolver]: fault,
        responseTimeout: TIMEOUT,
      });

    for (const [what, fault] of Object.entries(FAULTS)) {
      test(`${resolver} that ${what} is a MonoCloudHttpError`, async () => {
        await assert.rejects(make(fault).validateAccessToken(signed()), ({ name, reason, message }) => {
          assert.equal(name, 'MonoCloudHttpError');
          assert.ok(['fetcher_failed', 'body_invalid'].includes(reason), reason);
          assert.equal(message.includes('canary'), false);
          return true;
        });
      });
    }

    test(`${resolver} that returns no document is a MonoCloudHttpError`, async () => {
      const cyclic = { ...METADATA, ...JWKS };
      cyclic.self = cyclic;
      const noSet = resolver === 'jwksResolver' ? [{}, { keys: 'x' }, { keys: null }] : [];
      for (const value of ['text', 1, true, [], cyclic, { ...METADATA, ...JWKS, x: 1n }, ...noSet]) {
        await assert.rejects(
          make(() => value).validateAccessToken(signed()),
          ({ name }) => name === 'MonoCloudHttpError',
        );
      }
    });

    test(`${resolver} that hangs is given up by the deadline`, async () => {
      await assert.rejects(make(never).validateAccessToken(signed()), failure('MonoCloudHttpError', 'timed_out'));
    });

    test(`${resolver} that gives more than 512 KiB is refused like any document`, async () => {
      const client = make(() => ({ ...METADATA, ...JWKS, x: HUGE }));
      await assert.rejects(client.validateAccessToken(signed()), failure('MonoCloudHttpError', 'body_too_large'));
    });
  }

  test('for the keys alone accept the issuer as the tenant is written, slash or none', async () => {
    for (const slash of ['', '/']) {
      const client = new MonoCloudBackendNodeClient({
        tenantDomain: ISSUER + slash,
        audience: AUDIENCE,
        jwksResolver: () => JWKS,
      });
      const iss = ISSUER + slash;
      assert.equal((await client.validateAccessToken(signed({ iss }))).iss, iss);
      assert.equal((await client.validateJwtAccessToken(signed({ iss }), { jwks: JWKS })).iss, iss);
    }
  });
});
