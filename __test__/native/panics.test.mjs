// Does a panic at the boundary end the process, or let a request in?
//
// Each entry from JavaScript into Rust panics once, through the public API (support/panicking.mjs). The caller gets
// `internal`, a 503, without the panic's message, and the client keeps working.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { inspect } from 'node:util';

import express from 'express';

import { ANY_CLIENT } from '../support/backend.mjs';
import { mapCache } from '../support/caches.mjs';
import { close, get, open } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { buildPanickingCopy } from '../support/panicking.mjs';

let copy;
let issuer;
let modules;
before(async () => {
  copy = buildPanickingCopy();
  const require = createRequire(import.meta.url);
  const load = (name) => require(join(copy.folder, 'npm', name));
  modules = Object.fromEntries(
    ['index', 'express', 'cache', 'certificates', 'utils', 'internal'].map((name) => [name, load(name)]),
  );
  modules.engine = load('native/panic-guard');
  issuer = await startIssuer();
});
afterEach(() => {
  delete process.env.PANIC_AT;
});
after(() => issuer.close());

let clients = 0;
/** A client with its own keys. */
function client(options, Class = modules.index.MonoCloudBackendNodeClient) {
  clients += 1;
  return new Class({
    tenantDomain: issuer.issuer,
    audience: AUDIENCE,
    ...ANY_CLIENT,
    responseTimeout: 30_000 + clients,
    ...options,
  });
}

/** A client that has its keys and has validated `token` this many times. */
async function warm(options, token = issuer.sign(), times = 1) {
  const made = client(options);
  for (let i = 0; i < times; i += 1) await made.validateAccessToken(token);
  return made;
}

function arm(entry) {
  process.env.PANIC_AT = entry;
}

const fetcher = async (url, init) => {
  const response = await fetch(url, init);
  return { status: response.status, statusText: '', headers: [], text: () => response.text() };
};
const tooLarge = async () => ({ status: 200, statusText: '', headers: [], text: async () => 'x'.repeat(600 * 1024) });

const validates =
  (made, token = issuer.sign()) =>
  () =>
    made.validateAccessToken(token);

function calls(method, ...words) {
  const made = client();
  return () => made[method](...words);
}

/** A client of the engine, as the package itself makes it. */
function nativeClient() {
  const options = { tenantDomain: issuer.issuer, audience: AUDIENCE };
  const settings = { options, environment: {}, clientKind: 'backend', hostEnvironment: {} };
  return new modules.engine.MonoCloudBackendNodeClient(JSON.stringify(settings));
}

/** A DPoP proof of a request to a client, as the package itself makes it. */
function nativeProof() {
  return new modules.engine.Proof(nativeClient(), null, 'GET', ['https://api.example.com/']);
}

function proofCalls(method, ...words) {
  const proof = nativeProof();
  return () => proof[method](...words);
}

/** The entries whose panic becomes `internal`. Each prepares, and returns the call to make while the panic is armed. */
const INTERNAL = {
  'client.new': () => () => client(),
  'decisions.warm': () => () => client(),
  'decisions.warm()': async () => validates(await warm()),
  'client.facts': () => () => client(),
  'client.observe': () => () => client(),
  'decisions.evaluated_entries': () => () => client({ cache: mapCache() }),
  'decisions.on_requests': () => () => client({ fetcher }),
  'client.policy': () => validates(client(), issuer.opaque()),
  'decisions.claims': async () => {
    const token = issuer.sign();
    return validates(await warm({}, token, 2), token);
  },
  'decisions.released': async () => {
    const token = issuer.sign();
    return validates(await warm({}, token, 2), token);
  },
  'decisions.claims_template': async () => {
    const made = await warm();
    const tokenOf = (sub) => issuer.sign({ claims: { sub, jti: 'same' } });
    for (const sub of ['ann', 'bob']) await made.validateAccessToken(tokenOf(sub));
    return validates(made, tokenOf('carl'));
  },
  'key_waits.wait_for_keys': () => validates(client()),
  'decisions.decide': () => validates(client()),
  'decisions.decide_on_pool': async () => validates(await warm(), issuer.sign({ alg: 'ES512' })),
  'slow.task': async () => validates(await warm(), issuer.sign({ alg: 'ES512' })),
  'decisions.decide_with_jwks': async () => {
    const made = await warm();
    return () => made.validateJwtAccessToken(issuer.sign(), { jwks: issuer.jwks });
  },
  'documents.introspect': () => validates(client(), issuer.opaque()),
  'decisions.decide_introspected': () => validates(client(), issuer.opaque()),
  'documents.metadata': () => calls('getMetadata'),
  'documents.jwks': () => calls('getJwks'),
  'client.has_usable_keys': () => calls('health'),
  'client.health': () => calls('health'),
  'client.times_replay_memory_was_full': () => {
    const made = nativeClient();
    return () => made.timesReplayMemoryWasFull();
  },
  'client.set_clock_skew': () => calls('setClockSkew', 1),
  'client.set_clock_tolerance': () => calls('setClockTolerance', 1),
  'client.shown_options': () => {
    const explaining = client();
    return () => explaining.explain(issuer.sign());
  },
  'proof.new': () => () => nativeProof(),
  'proof.check_request': () => proofCalls('checkRequest', 'opaque'),
  'proof.verify_on_pool': () => proofCalls('verifyOnPool', 'opaque'),
  'proof.spent': () => proofCalls('spent'),
  'proof.refusal': () => proofCalls('refusal'),
  'proof.nonce': () => proofCalls('nonce'),
  'host.take_requests': () => validates(client({ fetcher })),
  'memory_cache.new': () => () => modules.cache.memoryCache(),
  'functions.is_user_in_group': () => () => modules.utils.isUserInGroup({ groups: ['a'] }, ['a']),
  'client.granted_scopes': () => {
    const made = nativeClient();
    return () => made.grantedScopes('{}');
  },
  'functions.claim_rules_problem': () => calls('validateAccessToken', issuer.sign(), { claims: { sub: 'user-1' } }),
  'functions.survives_javascript': () => () => modules.engine.survivesJavascript('{}'),
  'functions.describe_jwks': () => () => modules.engine.describeJwks('{"keys":[]}'),
  'functions.decode_claims': () => () => modules.index.MonoCloudBackendNodeClient.decodeJwt(issuer.sign()),
  'functions.peek_issuer': () => () => {
    const made = new modules.index.MonoCloudMultiIssuerClient({ clients: [client()] });
    return made.validateAccessToken(issuer.sign());
  },
  'functions.select_signing_key': () => () => modules.engine.selectSigningKey('{"keys":[]}', '{"alg":"RS256"}'),
  'functions.public_signing_key': () => () =>
    modules.internal.getPublicSigKeyFromIssuerJwks(issuer.jwks, { alg: 'RS256', kid: issuer.keys.rsa.kid }),
  'functions.certificate_from_header': () => () =>
    modules.certificates.fromHeader('x-cert')({ headers: { 'x-cert': 'a' }, rawHeaders: ['x-cert', 'a'] }),
  'functions.bench_verify': () => () => modules.engine.benchVerify('RS256', '{}', [], []),
};

/** Callbacks to the user's own functions: the request fails, and every caller that waits for it gets the failure. */
const FETCHER_FAILED = {
  'host.answer': () => client({ fetcher }),
  'host.answer_broken': () => client({ fetcher: tooLarge }),
  'host.resolve': () => client({ jwksResolver: async () => issuer.jwks }),
  'host.fail': () => client({ jwksResolver: () => Promise.reject(new Error('down')) }),
};

/** Entries that only a cache uses: the panic counts as a miss, and the token is validated. */
const WITHOUT_THE_CACHE = {
  'decisions.evaluate_entry': mapCache,
  'decisions.evaluateEntry()': mapCache,
  'decisions.warm_cached': () => modules.cache.memoryCache(),
  'decisions.warmCached()': () => modules.cache.memoryCache(),
  'client.cache_until': mapCache,
  'client.issuer': mapCache,
  'client.obtained': mapCache,
  'memory_cache.get': () => modules.cache.memoryCache(),
  'memory_cache.hand_out': () => modules.cache.memoryCache(),
  'memory_cache.released': () => modules.cache.memoryCache(),
  'memory_cache.set': () => modules.cache.memoryCache(),
  'memory_cache.delete': () => modules.cache.memoryCache(),
};

/** Entries that are called while the package is loaded. */
const AT_LOAD = ['constants.constants', 'functions.options', 'functions.version', 'outcome.failures'];
/** Entries that only `protectApi` calls; tested below. */
const BY_ROUTES = ['client.is_local'];

test('every entry is armed by a test here, and every one of them catches panics', () => {
  const named = [INTERNAL, FETCHER_FAILED, WITHOUT_THE_CACHE].flatMap(Object.keys).map((entry) => entry.split('#')[0]);
  assert.deepEqual([...new Set([...named, ...AT_LOAD, ...BY_ROUTES])].sort(), copy.entries);
  assert.deepEqual(copy.unguarded, []);
});

async function assertGoesOn() {
  delete process.env.PANIC_AT;
  assert.equal((await client().validateAccessToken(issuer.sign())).sub, 'user-1');
}

describe('a panic at', () => {
  for (const [entry, prepare] of Object.entries(INTERNAL)) {
    test(`${entry} is internal`, async () => {
      const act = await prepare();
      arm(entry);
      await assert.rejects(
        async () => act(),
        (error) => {
          assert.deepEqual([error.name, error.reason], ['MonoCloudHttpError', 'internal']);
          assert.doesNotMatch(inspect(error, { showHidden: true }), /on purpose/);
          return true;
        },
      );
      // The panic happens only once, so the same call now succeeds.
      if (entry !== 'functions.bench_verify') await act();
      await assertGoesOn();
    });
  }

  for (const [entry, make] of Object.entries(FETCHER_FAILED)) {
    test(`${entry} fails the request it belongs to`, async () => {
      const made = make();
      arm(entry);
      await assert.rejects(made.validateAccessToken(issuer.sign()), {
        name: 'MonoCloudHttpError',
        reason: 'fetcher_failed',
      });
      await assertGoesOn();
    });
  }

  for (const [entry, newCache] of Object.entries(WITHOUT_THE_CACHE)) {
    test(`${entry} is a cache miss, once`, async () => {
      const made = client({ cache: newCache() });
      const tokens = [issuer.sign(), issuer.opaque(), issuer.opaque({ iss: undefined })];
      arm(entry);
      for (let round = 0; round < 4; round += 1) {
        for (const token of tokens) assert.equal((await made.validateAccessToken(token)).sub, 'user-1');
      }
      await assert.rejects(made.validateAccessToken('nobody-has-this'), { reason: 'inactive' });
      await assertGoesOn();
    });
  }

  for (const entry of AT_LOAD) {
    test(`${entry} is an exception of the import, and the process ends as with any other`, () => {
      const { status, signal } = spawnSync(process.execPath, ['npm/index.js'], {
        cwd: copy.folder,
        env: { ...process.env, PANIC_AT: entry },
      });
      assert.deepEqual([status, signal], [1, null]);
    });
  }
});

test('a panic’s message is not printed, only its place', () => {
  const script = `
    const { MonoCloudBackendNodeClient } = require('./npm/index.js');
    try { MonoCloudBackendNodeClient.decodeJwt('the.raw.token'); } catch (error) { console.error(error); }
  `;
  const env = { ...process.env, PANIC_AT: 'functions.decode_claims' };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    cwd: copy.folder,
    env,
    encoding: 'utf8',
  });
  assert.deepEqual([status, stdout], [0, '']);
  assert.doesNotMatch(stderr, /on purpose|the\.raw\.token/);
  assert.match(stderr, /a defect at \S+:\d+, please report it/);
});

describe('a route answers 503, and the next request is let in, after a panic at', () => {
  const ROUTES = ['decisions.warm()', 'documents.introspect', 'decisions.decide_introspected', 'client.is_local'];
  for (const entry of ROUTES) {
    test(entry, async () => {
      const made = await warm();
      const protect = modules.express.protectApi(made, { certificateResolver: () => undefined });
      const app = express().get('/', protect(), (request, response) => response.json(request.claims.sub));
      const server = await open(http.createServer(app), { port: 0, host: '127.0.0.1' });
      try {
        const url = `http://127.0.0.1:${server.address().port}/`;
        const token = /introspect/.test(entry) ? issuer.opaque() : issuer.sign();
        arm(`${entry}#route`);
        const refused = await get(url, { token });
        assert.deepEqual([refused.status, refused.body], [503, { message: 'service unavailable' }]);
        assert.match(refused.headers['retry-after'], /^\d+$/);
        assert.equal((await get(url, { token })).body, 'user-1');
      } finally {
        await close(server);
      }
    });
  }
});
