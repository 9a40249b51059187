// Can a failing cache do more harm than a delay?

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, describe, test } from 'node:test';

import { ANY_CLIENT } from '../support/backend.mjs';
import { AUDIENCE } from '../support/issuer.mjs';
import { entryOf, OBTAINED, obtained } from '../support/caches.mjs';
import { mutate, seeded, worth, worthOfAnswer } from './entries.mjs';
import { alone, startIssuerBehindProxy } from './issuers.mjs';
import { within } from './waiting.mjs';

const MUTATIONS = 50_000;
const AT_ONCE = 250;
const SEED = Number(process.env.SEED ?? 20_260_101);
/** A cache gets 250 milliseconds; a busy machine needs more. */
const PATIENCE_MS = 10_000;

let server;
const unhandled = [];
const note = (reason) => unhandled.push(reason);
before(async () => {
  server = await startIssuerBehindProxy();
  process.on('unhandledRejection', note);
});
after(async () => {
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled, []);
  await server.close();
});

const now = () => Math.floor(Date.now() / 1000);
const outcomeOf = (promise) =>
  promise.then(
    (claims) => ({ claims }),
    ({ name, reason }) => ({ name, reason }),
  );

/** Sends MUTATIONS tokens to `client` in batches. `next` returns the token, the options, and a check of the result. */
async function throughMutations(client, next) {
  for (let done = 0; done < MUTATIONS; done += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, async (_, index) => {
      const { token, options, check } = next(done + index);
      check(await outcomeOf(client.validateAccessToken(token, options)));
    });
    await Promise.all(batch);
  }
}

/** A cache that returns a prepared value for the next lookup of a token. */
class Liar {
  answers = new Map();
  get(token) {
    const answers = this.answers.get(token);
    const answer = answers?.shift();
    return answers?.isSync ? answer : Promise.resolve(answer);
  }
  async set() {}
  async delete() {}
  say(token, answer) {
    if (!this.answers.has(token)) this.answers.set(token, []);
    this.answers.get(token).push(answer);
  }
}

describe('an entry', () => {
  test(`of a JWT, mutated at random ${MUTATIONS} times, changes no verdict`, async () => {
    const random = seeded(SEED);
    const cache = new Liar();
    const [liar, plain] = [alone(server, { cache }), alone(server)];
    const variants = [
      {},
      { sub: 'user-2', scope: 'data:read data:write' },
      { sub: 'user-3', exp: now() + 7200 },
      { scope: undefined },
      { cnf: { 'x5t#S256': 'A'.repeat(43) } },
      { exp: now() - 7200 },
      { aud: 'https://other.example.com' },
      { nested: { list: [1.5, 'é', null] }, uid: 12 },
    ];
    const tokens = variants.map((claims) => server.sign({ claims }));
    tokens.push(server.sign({ claims: { iss: 'https://elsewhere.example' } }));
    tokens.push(`${tokens[0].split('.', 2).join('.')}.${tokens[1].split('.')[2]}`);
    const entries = tokens.map((token) => {
      const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      return entryOf(server.issuer, claims, { by: 'validation' });
    });
    const routes = [undefined, { scopes: ['data:write'] }];
    const truths = new Map();
    for (const token of tokens) {
      for (const options of routes) {
        truths.set(`${token} ${options}`, await outcomeOf(plain.validateAccessToken(token, options)));
      }
    }
    await throughMutations(liar, (index) => {
      const [which, options] = [random(tokens.length), routes[random(2)]];
      const token = tokens[which];
      cache.say(token, mutate(entries[which], entries, now(), random));
      const truth = truths.get(`${token} ${options}`);
      return { token, options, check: (outcome) => assert.deepEqual(outcome, truth, `seed ${SEED}, number ${index}`) };
    });
    const kinds = new Set([...truths.values()].map(({ reason }) => reason));
    assert.deepEqual([...kinds].sort(), [
      'audience_mismatch',
      'certificate_missing',
      'expired',
      'issuer_mismatch',
      'scope_missing',
      'signature_invalid',
      undefined,
    ]);
  });

  test(`of an opaque token, mutated at random ${MUTATIONS} times, is used exactly if the rules allow it`, async () => {
    const random = seeded(SEED + 1);
    const cache = new Liar();
    const claims = (changes) => ({
      iss: server.issuer,
      aud: AUDIENCE,
      sub: 'user-1',
      exp: now() + 36_000,
      scope: 'data:read',
      ...changes,
    });
    const truths = new Map([
      ['one', claims()],
      ['two', claims({ sub: 'user-2', scope: 'data:write' })],
      ['inactive', undefined],
    ]);
    // The issuer runs in this process, so a hundred thousand requests need no sockets.
    const fetcher = async (url, { body }) => {
      const asked = truths.get(new URLSearchParams(body).get('token')?.split('-')[0]);
      const answer = url.endsWith('/introspect') ? { active: Boolean(asked), ...asked } : server.behind.metadata;
      return { status: 200, statusText: 'OK', headers: [], text: async () => JSON.stringify(answer) };
    };
    const client = alone(server, { ...ANY_CLIENT, cache, fetcher, clockTolerance: 0 });
    await client.getMetadata();
    const entries = [...truths.values(), { active: false, exp: now() + 600 }, { active: false, exp: now() - 600 }]
      .filter(Boolean)
      .map((said) => entryOf(server.issuer, said));
    const { client: own } = obtained(server.issuer)[OBTAINED];
    const outcomes = new Map();
    await throughMutations(client, (index) => {
      const kind = [...truths.keys()][random(truths.size)];
      // Concurrent requests with one token share one lookup.
      const token = `${kind}-${index}`;
      const scope = [undefined, 'data:write'][random(2)];
      const entry = mutate(entries[random(entries.length)], entries, now(), random);
      cache.say(token, entry);
      const expected = { issuer: server.issuer, audience: AUDIENCE, scope, client: own };
      // If the entry is worthless, the issuer is asked, and its response must meet the same rules.
      const truth = truths.get(kind);
      const verdict =
        worth(entry, expected, now()) ?? (truth ? worthOfAnswer(truth, expected, now()) : { reason: 'inactive' });
      const check = (outcome) => {
        const told = `seed ${SEED + 1}, number ${index}: ${inspectable(entry)}`;
        if (verdict.claims) assert.deepEqual(outcome, { claims: verdict.claims }, told);
        else if (verdict.reason === 'certificate')
          assert.match(outcome.reason, /^c(ertificate_missing|onfirmation_invalid)$/, told);
        else assert.equal(outcome.reason, verdict.reason, told);
        outcomes.set(outcome.reason, (outcomes.get(outcome.reason) ?? 0) + 1);
      };
      return { token, options: scope && { scopes: [scope] }, check };
    });
    // Each kind of result occurred often, so the mutations are varied enough.
    for (const reason of [undefined, 'inactive', 'scope_missing']) assert.ok(outcomes.get(reason) > 1000, `${reason}`);
  });
});

function inspectable(entry) {
  try {
    return JSON.stringify(entry);
  } catch {
    return 'an entry that has no text';
  }
}

describe('a cache', () => {
  const never = () => new Promise(() => {});
  const fail = () => {
    throw new Error('cache');
  };
  const evil = () => Object.defineProperty({}, 'then', { get: fail });
  const FAULTY = {
    throws: { get: fail, set: fail, delete: fail },
    rejects: { get: async () => fail(), set: async () => fail(), delete: async () => fail() },
    'rejects with nothing': {
      get: () => Promise.reject(),
      set: () => Promise.reject(),
      delete: () => Promise.reject(),
    },
    hangs: { get: never, set: never, delete: never },
    'gives what is no promise': { get: () => 7, set: () => 7, delete: () => 7 },
    'gives a promise that throws': {
      get: () => ({ then: fail }),
      set: () => ({ then: fail }),
      delete: () => ({ then: fail }),
    },
    'gives a promise that cannot be looked at': { get: evil, set: evil, delete: evil },
    'gives a promise that resolves twice': {
      get: () => ({
        then: (resolve) => {
          resolve();
          resolve({});
        },
      }),
      set: never,
      delete: never,
    },
    'gives garbage, and cannot delete it': { get: async () => ({ garbage: true }), set: fail, delete: fail },
  };

  for (const [what, cache] of Object.entries(FAULTY)) {
    test(`that ${what} is a miss, for good tokens and for bad ones`, async () => {
      const client = alone(server, { ...ANY_CLIENT, cache });
      const [jwt, opaque, expired] = [server.sign(), server.opaque(), server.sign({ claims: { exp: now() - 7200 } })];
      const asking = Promise.all(
        [jwt, jwt, opaque, opaque, expired, 'nobody-has-this'].map((token) =>
          outcomeOf(client.validateAccessToken(token)),
        ),
      );
      const outcomes = await within(PATIENCE_MS, asking);
      assert.deepEqual(
        outcomes.map(({ reason }) => reason),
        [undefined, undefined, undefined, undefined, 'expired', 'inactive'],
      );
      assert.ok(outcomes.slice(0, 4).every(({ claims }) => claims.sub === 'user-1'));
    });
  }

  test('that answers too late is a miss, whatever its answer', async () => {
    const late = [];
    const get = () => new Promise((resolve, reject) => late.push({ resolve, reject }));
    const client = alone(server, { cache: { get, set: async () => {}, delete: async () => {} } });
    const tokens = [
      server.sign(),
      server.sign({ claims: { sub: 'user-2' } }),
      server.sign({ claims: { sub: 'user-3' } }),
    ];
    const claims = await within(PATIENCE_MS, Promise.all(tokens.map((token) => client.validateAccessToken(token))));
    assert.deepEqual(
      claims.map(({ sub }) => sub),
      ['user-1', 'user-2', 'user-3'],
    );
    late[0].resolve({ ...claims[1] });
    late[1].reject(new Error('too late'));
    late[2].resolve(undefined);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  });

  test('that hangs is asked once for a hundred concurrent calls with one token, and holds none longer', async () => {
    let asked = 0;
    const cache = {
      get: () => {
        asked += 1;
        return never();
      },
      set: async () => {},
      delete: async () => {},
    };
    const client = alone(server, { cache });
    const token = server.sign();
    await within(PATIENCE_MS, Promise.all(Array.from({ length: 100 }, () => client.validateAccessToken(token))));
    assert.equal(asked, 1);
  });

  test('that keeps or changes its argument changes no caller’s claims', async () => {
    const kept = [];
    const cache = {
      get: async () => kept[0],
      set: async (_token, claims) => {
        kept.push(claims);
      },
      delete: async () => {},
    };
    const client = alone(server, { cache });
    const token = server.sign();
    const first = await client.validateAccessToken(token);
    kept[0].scope = 'data:everything';
    kept[0].sub = 'administrator';
    for (const claims of [first, await client.validateAccessToken(token), await client.validateAccessToken(token)]) {
      assert.deepEqual([claims.scope, claims.sub], ['data:read', 'user-1']);
    }
  });

  test('that fails publishes an event with the operation, and no token', async () => {
    const messages = [];
    const listener = (message) => messages.push(message);
    subscribe('monocloud:backend:cache.failed', listener);
    try {
      const cache = { get: async () => ({ garbage: true }), set: async () => fail(), delete: fail };
      const token = server.sign();
      await alone(server, { cache }).validateAccessToken(token);
      await alone(server, { cache: { ...cache, get: fail } }).validateAccessToken(token);
      await alone(server, { cache: { ...cache, get: never } }).validateAccessToken(token);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      assert.deepEqual(messages.map(({ operation }) => operation).sort(), [
        'delete',
        'get',
        'get',
        'set',
        'set',
        'set',
      ]);
      for (const message of messages) {
        const { operation: _operation, ...client } = message;
        assert.deepEqual(client, { issuer: server.issuer, audience: AUDIENCE });
      }
    } finally {
      unsubscribe('monocloud:backend:cache.failed', listener);
    }
  });
});
