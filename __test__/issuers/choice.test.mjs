// Which client of several validates a token? The one whose issuer the token names, and nobody else.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { MonoCloudMultiIssuerClient, MonoCloudOidcBackendClient } from '@monocloud/backend-node';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

let a;
let b;
before(async () => {
  [a, b] = await Promise.all(['tenant-a', 'tenant-b'].map((keys) => startIssuer({ keys })));
});
after(() => Promise.all([a, b].map((issuer) => issuer.close())));

const both = (options) => new MonoCloudMultiIssuerClient({ clients: [backend(a), backend(b)], ...options });
const refused = (reason, name = 'MonoCloudTokenError') => failure(name, reason);
const jwt = (payload) => `e30.${Buffer.from(payload).toString('base64url')}.c2ln`;

describe('the client of the issuer that the token names decides', () => {
  test('on tokens of two tenants with equal kids and subjects', async () => {
    const client = both();
    assert.equal(a.keys.rsa.kid, b.keys.rsa.kid);
    for (let round = 0; round < 3; round += 1) {
      for (const issuer of [a, b]) {
        const claims = await client.validateAccessToken(issuer.sign());
        assert.deepEqual([claims.iss, claims.sub], [issuer.issuer, 'user-1']);
      }
    }
  });

  test('a key of one tenant signs nothing for another', async () => {
    const client = both();
    for (const [issuer, other] of [
      [a, b],
      [b, a],
    ]) {
      const forged = issuer.sign({ claims: { iss: other.issuer } });
      await assert.rejects(client.validateAccessToken(forged), refused('signature_invalid'));
    }
  });

  test('one slash at the end makes no difference for the choice, and the client compares iss exactly', async () => {
    const slashed = a.sign({ claims: { iss: `${a.issuer}/` } });
    await assert.rejects(both().validateAccessToken(slashed), refused('issuer_mismatch'));
    const client = new MonoCloudMultiIssuerClient({ clients: [backend(a, { tenantDomain: `${a.issuer}/` })] });
    assert.equal((await client.validateAccessToken(a.sign())).iss, a.issuer);
    const twice = a.sign({ claims: { iss: `${a.issuer}//` } });
    await assert.rejects(client.validateAccessToken(twice), refused('issuer_mismatch'));
  });

  test('an escaped iss is what JSON says', async () => {
    const text = JSON.stringify(a.claims()).replace('http:', '\\u0068ttp:');
    assert.equal((await both().validateAccessToken(a.signRaw('{"alg":"RS256"}', text))).iss, a.issuer);
  });

  test('the requirements of the call are those of the chosen client', async () => {
    const client = both();
    const options = { scopes: ['data:write'] };
    await assert.rejects(client.validateAccessToken(a.sign(), options), refused('scope_missing'));
    const scope = 'data:read data:write';
    assert.equal((await client.validateAccessToken(b.sign({ claims: { scope } }), options)).scope, scope);
  });

  test('a client that introspects JWTs introspects its own', async () => {
    const client = both({ clients: [backend(a), backend(b, { ...ANY_CLIENT, introspectJwtTokens: true })] });
    const token = b.sign();
    b.introspected.set(token, b.claims({ sub: 'introspected' }));
    a.resetCounts();
    assert.equal((await client.validateAccessToken(token)).sub, 'introspected');
    await assert.rejects(client.validateAccessToken(b.sign({ claims: { jti: 'other' } })), refused('inactive'));
    assert.equal((await client.validateAccessToken(a.sign())).sub, 'user-1');
    assert.equal(a.counts['/introspect'], undefined);
  });

  test('a method of a subclass is called', async () => {
    class Mine extends MonoCloudOidcBackendClient {
      validateJwtAccessToken(...args) {
        this.called = args;
        return super.validateJwtAccessToken(...args);
      }
    }
    const mine = new Mine(b.issuer, AUDIENCE);
    const token = b.sign();
    assert.equal((await both({ clients: [backend(a), mine] }).validateAccessToken(token)).sub, 'user-1');
    assert.equal(mine.called[0], token);
  });
});

describe('without a request to any issuer', () => {
  const large = 'a'.repeat(16 * 1024);
  for (const [what, token, reason, name] of [
    ['an unknown issuer', () => jwt(`{"iss":"https://nobody.example"}`), 'issuer_mismatch'],
    ['a token without iss', () => jwt('{}'), 'issuer_mismatch'],
    ['iss as a number', () => jwt('{"iss":1}'), 'issuer_mismatch'],
    ['iss as an array', () => jwt(JSON.stringify({ iss: [a.issuer] })), 'issuer_mismatch'],
    ['iss below the first level', () => jwt(JSON.stringify({ act: { iss: a.issuer } })), 'issuer_mismatch'],
    ['iss of more than 2048 bytes', () => jwt(`{"iss":"https://${'a'.repeat(2041)}"}`), 'issuer_mismatch'],
    ['iss with a line break', () => jwt(JSON.stringify({ iss: `${a.issuer}\n` })), 'issuer_mismatch'],
    ['iss twice', () => jwt(`{"iss":"${a.issuer}","iss":"${a.issuer}"}`), 'claims_invalid'],
    ['claims that are no JSON', () => jwt('iss'), 'claims_invalid'],
    ['a part that is no base64url', () => 'e30.e30=.c2ln', 'token_malformed'],
    ['three empty parts', () => '..', 'token_malformed'],
    ['a token of more than 16 KiB', () => `${large}.e30.c2ln`, 'token_too_large'],
    ['an opaque token of more than 16 KiB', () => `${large}a`, 'token_too_large'],
    ['an opaque token', () => 'opaque', 'token_malformed'],
    ['an encrypted token', () => 'a.b.c.d.e', 'token_malformed'],
    ['an empty token', () => '', 'token_required', 'MonoCloudValidationError'],
    ['a blank token', () => ' \t', 'token_required', 'MonoCloudValidationError'],
    ['no token', () => undefined, 'token_required', 'MonoCloudValidationError'],
    ['an object', () => ({ toString: () => a.sign() }), 'token_required', 'MonoCloudValidationError'],
  ]) {
    test(`${what} is ${reason}`, async () => {
      const client = both();
      for (const issuer of [a, b]) issuer.resetCounts();
      await assert.rejects(client.validateAccessToken(token()), refused(reason, name));
      assert.deepEqual([a.counts, b.counts], [{}, {}]);
    });
  }
});

describe('an opaque token', () => {
  test('is introspected by the one client for opaque tokens, whose claims get its iss', async () => {
    const client = both({ opaque: backend(b, ANY_CLIENT) });
    const token = b.opaque({ iss: undefined });
    a.resetCounts();
    assert.equal((await client.validateAccessToken(token)).iss, b.issuer);
    const ofOther = a.opaque();
    await assert.rejects(client.validateAccessToken(ofOther), refused('inactive'));
    assert.deepEqual(a.counts, {});
  });

  test('is not sent to a client that the call does not allow', async () => {
    const client = both({ opaque: backend(b, ANY_CLIENT) });
    const token = b.opaque();
    b.resetCounts();
    const options = { issuers: [a.issuer] };
    await assert.rejects(client.validateAccessToken(token, options), refused('issuer_mismatch'));
    assert.deepEqual(b.counts, {});
  });

  test('leaves the JWTs of its issuer to the other clients', async () => {
    const client = new MonoCloudMultiIssuerClient({ clients: [backend(a)], opaque: backend(b, ANY_CLIENT) });
    await assert.rejects(client.validateAccessToken(b.sign()), refused('issuer_mismatch'));
  });
});

describe('the issuers of a call', () => {
  test('limit which clients are chosen', async () => {
    const client = both();
    for (const issuers of [[a.issuer], [`${a.issuer}/`], ['https://c.example', a.issuer]]) {
      assert.equal((await client.validateAccessToken(a.sign(), { issuers })).iss, a.issuer);
      await assert.rejects(client.validateAccessToken(b.sign(), { issuers }), refused('issuer_mismatch'));
    }
    await assert.rejects(client.validateAccessToken(a.sign(), { issuers: [] }), refused('issuer_mismatch'));
    for (const issuers of [undefined, null]) {
      assert.equal((await client.validateAccessToken(b.sign(), { issuers })).iss, b.issuer);
    }
  });

  test('and all other options are checked before a client is chosen', async () => {
    const client = both();
    const wrong = failure('MonoCloudValidationError', 'argument_invalid');
    const list = [a.issuer];
    delete list[0];
    for (const issuers of [a.issuer, [1], {}, list, new Proxy([], { get: () => assert.fail() })]) {
      await assert.rejects(client.validateAccessToken('..', { issuers }), wrong);
    }
    for (const options of [{ scope: [] }, { scopes: 'a' }, 'a', [], new Map()]) {
      await assert.rejects(client.validateAccessToken('..', options), wrong);
    }
  });
});

describe('the options of the constructor', () => {
  for (const [what, options] of [
    ['no options', () => undefined],
    ['neither clients nor resolve', () => ({ opaque: backend(a) })],
    ['an unknown member', () => ({ clients: [backend(a)], client: backend(a) })],
    ['clients that are no array', () => ({ clients: backend(a) })],
    ['clients with a hole', () => ({ clients: [backend(a), , backend(b)] })], // oxlint-disable-line no-sparse-arrays
    ['a client that is none', () => ({ clients: [{ validateAccessToken() {} }] })],
    ['a client of several issuers among the clients', () => ({ clients: [both()] })],
    ['two clients of one issuer', () => ({ clients: [backend(a), backend(a, { tenantDomain: `${a.issuer}/` })] })],
    ['resolve that is no function', () => ({ resolve: {} })],
    ['maxClients of 0', () => ({ resolve() {}, maxClients: 0 })],
    ['maxClients of 10001', () => ({ resolve() {}, maxClients: 10_001 })],
    ['maxClients that is not whole', () => ({ resolve() {}, maxClients: 1.5 })],
    ['resolveDuration of 0', () => ({ resolve() {}, resolveDuration: 0 })],
    ['resolveDuration of more than a day', () => ({ resolve() {}, resolveDuration: 86_401 })],
    ['resolveDuration as text', () => ({ resolve() {}, resolveDuration: '300' })],
    ['opaque that is no client', () => ({ resolve() {}, opaque: {} })],
    ['an object of a class', () => new (class Options {})()],
  ]) {
    test(`${what} is refused`, () => {
      assert.throws(
        () => new MonoCloudMultiIssuerClient(options()),
        failure('MonoCloudValidationError', 'option_invalid'),
      );
    });
  }

  test('at their limits are accepted, and absent ones have their defaults', () => {
    const resolve = () => null;
    for (const [maxClients, resolveDuration] of [
      [1, 1],
      [10_000, 86_400],
      [undefined, null],
    ]) {
      assert.ok(new MonoCloudMultiIssuerClient({ resolve, maxClients, resolveDuration, clients: null, opaque: null }));
    }
  });

  test('are read once', async () => {
    const clients = [backend(a)];
    const client = new MonoCloudMultiIssuerClient({ clients });
    clients[0] = backend(b);
    assert.equal((await client.validateAccessToken(a.sign())).iss, a.issuer);
  });
});

describe('what a client of several issuers tells', () => {
  test('health() has each issuer', async () => {
    const client = both({ opaque: backend(b, ANY_CLIENT) });
    await client.warmUp();
    const { issuers } = client.health();
    assert.deepEqual(Object.keys(issuers), [a.issuer, b.issuer]);
    assert.deepEqual(
      Object.values(issuers).map(({ ready }) => ready),
      [true, true],
    );
  });

  test('warmUp() fetches the keys of all, also if one issuer is down', async () => {
    const down = await startIssuer();
    await down.close();
    const client = new MonoCloudMultiIssuerClient({ clients: [backend(down), backend(a), backend(b)] });
    await assert.rejects(client.warmUp(), failure('MonoCloudHttpError', 'connection_refused'));
    const { issuers } = client.health();
    assert.deepEqual(
      [down, a, b].map(({ issuer }) => issuers[issuer].ready),
      [false, true, true],
    );
  });

  test('inspecting it shows nothing', () => {
    const client = both({ clients: [backend(a, { clientId: 'api', clientSecret: 'my-secret' })] });
    const shown = inspect(client, { depth: 9, showHidden: true, getters: true });
    assert.doesNotMatch(shown, /my-secret|127\.0\.0\.1/);
    assert.equal(JSON.stringify(client), '{}');
  });

  test('events name the chosen client, and no issuer without one', async () => {
    const events = [];
    const listen = (message, name) => events.push([name.split(':')[2], message.issuer, message.kind, message.reason]);
    const names = ['validated', 'refused'].map((name) => `monocloud:backend:${name}`);
    const client = both();
    for (const name of names) subscribe(name, listen);
    try {
      await client.validateAccessToken(b.sign());
      await client.validateAccessToken(a.sign({ claims: { exp: 1 } })).catch(() => {});
      await client.validateAccessToken(jwt('{"iss":"https://nobody.example"}')).catch(() => {});
      await client.validateAccessToken('opaque').catch(() => {});
    } finally {
      for (const name of names) unsubscribe(name, listen);
    }
    assert.deepEqual(events, [
      ['validated', b.issuer, 'jwt', undefined],
      ['refused', a.issuer, 'jwt', 'expired'],
      ['refused', undefined, 'jwt', 'issuer_mismatch'],
      ['refused', undefined, 'opaque', 'token_malformed'],
    ]);
  });
});
