// Do the classes behave like ordinary classes: the same for import and require, open to subclasses and spies, and
// without keeping the process alive?

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, mock, test } from 'node:test';
import { inspect } from 'node:util';

import * as root from '@monocloud/backend-node';
import * as express from '@monocloud/backend-node/express';
import * as fastify from '@monocloud/backend-node/fastify';

import { runScript } from '../support/child.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from '../support/offline.mjs';

const require = createRequire(import.meta.url);
const {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudOidcBackendClient,
  MonoCloudOPError,
  MonoCloudTokenError,
  MonoCloudValidationError,
} = root;

const CLASSES = [
  'MonoCloudAuthBaseError',
  'MonoCloudBackendNodeClient',
  'MonoCloudHttpError',
  'MonoCloudMultiIssuerClient',
  'MonoCloudOPError',
  'MonoCloudOidcBackendClient',
  'MonoCloudTokenError',
  'MonoCloudValidationError',
];
const OPTIONS = { tenantDomain: ISSUER, audience: AUDIENCE, jwksResolver: () => JWKS };
const INTROSPECTED = { sub: 'introspected', aud: AUDIENCE, scope: 'x' };

describe('import and require', () => {
  test('give the same classes from every subpath, and no other names', () => {
    for (const [subpath, imported, more] of [
      ['', root, ['fromForwarded']],
      ['/express', express, ['fromForwarded', 'protectApi']],
      ['/fastify', fastify, ['fromForwarded', 'protectApi']],
    ]) {
      const required = require(`@monocloud/backend-node${subpath}`);
      assert.deepEqual(Object.keys(required).sort(), [...CLASSES, ...more].sort());
      assert.deepEqual({ ...imported }, { ...required });
      const names = [...CLASSES, 'fromForwarded'];
      const shared = Object.fromEntries(names.map((name) => [name, required[name]]));
      assert.deepEqual(shared, { ...root });
      for (const name of names) assert.ok({ ...root }[name] === shared[name], `${subpath}: ${name}`);
    }
    assert.notEqual(express.protectApi, fastify.protectApi);
  });

  test('know each other’s objects by instanceof', async () => {
    const required = require('@monocloud/backend-node');
    assert.ok(new required.MonoCloudBackendNodeClient(OPTIONS) instanceof MonoCloudOidcBackendClient);
    const refusal = await new required.MonoCloudBackendNodeClient(OPTIONS)
      .validateAccessToken('a.b.c')
      .catch((error) => error);
    assert.ok(
      refusal instanceof MonoCloudTokenError &&
        refusal instanceof require('@monocloud/backend-node/express').MonoCloudAuthBaseError,
    );
  });
});

describe('the errors', () => {
  const raw = { status: 418, statusText: "I'm a teapot", headers: { a: 'b' }, body: 'short and stout' };

  test('are Errors with one base class, each with its own name', () => {
    const errors = {
      MonoCloudAuthBaseError: new MonoCloudAuthBaseError('text', raw, 'word'),
      MonoCloudValidationError: new MonoCloudValidationError('text', raw, 'word'),
      MonoCloudTokenError: new MonoCloudTokenError('text', raw, 'word', 'invalid_token'),
      MonoCloudOPError: new MonoCloudOPError('invalid_client', 'why', raw, 'word'),
      MonoCloudHttpError: new MonoCloudHttpError('text', raw, 'word'),
    };
    for (const [name, error] of Object.entries(errors)) {
      assert.ok(error instanceof Error && error instanceof MonoCloudAuthBaseError);
      assert.deepEqual([error.name, error.constructor.name, error.reason, error.raw], [name, name, 'word', raw]);
      assert.ok(String(error).startsWith(`${name}: `) && error.stack.startsWith(`${name}: `), error.stack);
      assert.match(inspect(error), new RegExp(`^${name}: `));
      const others = Object.values(errors).filter(
        (other) => other !== error && !(other.constructor === MonoCloudAuthBaseError),
      );
      for (const { constructor } of others) assert.equal(error instanceof constructor, false);
    }
    assert.equal(errors.MonoCloudTokenError.code, 'invalid_token');
    assert.deepEqual(
      [errors.MonoCloudOPError.error, errors.MonoCloudOPError.errorDescription],
      ['invalid_client', 'why'],
    );
    assert.deepEqual([errors.MonoCloudHttpError.status, errors.MonoCloudHttpError.statusText], [418, "I'm a teapot"]);
  });

  test('every failure of the table becomes an error with a message, also without the response of a server', () => {
    const { FAILURES } = require('../../npm/errors/errors.js');
    for (const [reason, failure] of Object.entries(FAILURES)) {
      const error = failure.toError();
      assert.deepEqual([error.message, error.reason], [failure.spec.message, reason]);
      if (error.name === 'MonoCloudOPError') assert.equal(error.error, failure.spec.message);
    }
  });

  test('take the arguments of the published package: the message, then the response; an OP error takes its code first', () => {
    for (const Class of [MonoCloudAuthBaseError, MonoCloudValidationError, MonoCloudTokenError, MonoCloudHttpError]) {
      const [plain, full] = [new Class('text'), new Class('text', raw)];
      assert.deepEqual([plain.message, plain.raw, plain.reason], ['text', undefined, undefined], Class.name);
      assert.deepEqual([full.message, full.raw, full.reason], ['text', raw, undefined], Class.name);
    }
    const error = new MonoCloudOPError('invalid_client');
    assert.deepEqual(
      [error.message, error.error, error.errorDescription, error.raw],
      ['invalid_client', 'invalid_client', undefined, undefined],
    );
    assert.deepEqual({ ...new MonoCloudOPError('invalid_client', 'why', raw) }, { reason: undefined });
  });

  test('created by the package have a response, or nothing, as the second argument', () => {
    const folder = new URL('../../npm/', import.meta.url);
    const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.js'));
    const calls = files.flatMap((name) => {
      const source = readFileSync(new URL(name, folder), 'utf8');
      return [...source.matchAll(/new MonoCloud(?:AuthBase|Validation|Token|Http)Error\(/g)].map(({ index }) => [
        name,
        wordsOf(source.slice(index)),
      ]);
    });
    assert.ok(calls.length >= 11, `${calls.length}`);
    const wrong = calls.filter(([, [, second = 'undefined']]) => !['undefined', 'raw'].includes(second));
    assert.deepEqual(wrong, []);
  });

  test('of a token with only a documented message count as the failure of that message', () => {
    const documented = ([message, code, reason]) => {
      const error = new MonoCloudTokenError(message);
      assert.deepEqual([error.code, error.reason], [code, reason], message);
    };
    [
      ['Token is missing required scopes', 'insufficient_scope', 'scope_missing'],
      ['Token is missing required groups', 'insufficient_groups', 'group_missing'],
      ['Token has expired', 'invalid_token', 'expired'],
      ['Something else', 'invalid_token', undefined],
      ['constructor', 'invalid_token', undefined],
    ].forEach(documented);
    const own = new MonoCloudTokenError('Token has expired', undefined, 'own', 'inactive_token');
    assert.deepEqual([own.code, own.reason], ['inactive_token', 'own']);
  });

  test('that a client rejects with carry class, code, reason and a message for each', async () => {
    const client = new MonoCloudBackendNodeClient(OPTIONS);
    for (const [asking, expected] of [
      [client.validateAccessToken(''), { name: 'MonoCloudValidationError', reason: 'token_required', code: undefined }],
      [
        client.validateAccessToken('a.b.c'),
        { name: 'MonoCloudTokenError', reason: 'token_malformed', code: 'invalid_token' },
      ],
      [
        client.validateAccessToken(signed(), { scopes: ['a'] }),
        {
          name: 'MonoCloudTokenError',
          reason: 'scope_missing',
          code: 'insufficient_scope',
          message: 'Token is missing required scopes',
        },
      ],
      [
        client.validateAccessToken(signed(), { groups: ['a'] }),
        {
          name: 'MonoCloudTokenError',
          reason: 'group_missing',
          code: 'insufficient_groups',
          message: 'Token is missing required groups',
        },
      ],
    ]) {
      const error = await asking.then(
        () => assert.fail('accepted'),
        (reason) => reason,
      );
      for (const [name, value] of Object.entries(expected)) assert.equal(error[name], value);
      assert.equal(error.raw, undefined);
    }
  });
});

describe('a subclass', () => {
  /** Overrides one method, and records its arguments. */
  function overriding(method, outcome, Base = MonoCloudBackendNodeClient) {
    const calls = [];
    class Own extends Base {
      async [method](...args) {
        calls.push(args);
        return outcome ?? super[method](...args);
      }
    }
    return { client: new Own(OPTIONS), calls };
  }

  test('that overrides validateJwtAccessToken sees the calls of validateAccessToken', async () => {
    const { client, calls } = overriding('validateJwtAccessToken');
    const options = { scopes: ['a'] };
    const token = signed({ scope: 'a' });
    assert.equal((await client.validateAccessToken(token, options)).scope, 'a');
    assert.deepEqual(calls, [[token, options]]);
    await assert.rejects(client.validateAccessToken(token, { scopes: ['b'] }), { reason: 'scope_missing' });
    assert.equal(calls.length, 2);
    await assert.rejects(client.validateAccessToken('opaque'), { reason: 'client_id_required' });
    await assert.rejects(client.validateAccessToken(' '), { reason: 'token_required' });
    assert.equal(calls.length, 2);
  });

  test('that overrides introspectAccessToken sees the calls for opaque tokens', async () => {
    const { client, calls } = overriding('introspectAccessToken', INTROSPECTED);
    assert.deepEqual(await client.validateAccessToken('opaque', { groups: [] }), INTROSPECTED);
    // With the token only, like the published package.
    assert.deepEqual(calls, [['opaque']]);
    assert.equal((await client.validateAccessToken(signed())).sub, 'user-1');
    assert.equal(calls.length, 1);
  });

  test('that overrides validateAccessToken is called by protectApi', async () => {
    const { client, calls } = overriding('validateAccessToken', INTROSPECTED);
    assert.deepEqual(await client.validateAccessToken('anything'), INTROSPECTED);
    assert.equal(calls.length, 1);
  });

  test('that overrides nothing is as fast and as strict as its parent', async () => {
    class Own extends MonoCloudBackendNodeClient {}
    const client = new Own(OPTIONS);
    assert.equal((await client.validateAccessToken(signed())).sub, 'user-1');
    await assert.rejects(client.validateAccessToken(`${signed()}A`), { code: 'invalid_token' });
  });

  test('of the parent class may override methods, too', async () => {
    const calls = [];
    class Own extends MonoCloudOidcBackendClient {
      async validateJwtAccessToken(...args) {
        calls.push(args[0]);
        return super.validateJwtAccessToken(...args);
      }
    }
    const client = new Own(ISSUER, AUDIENCE, { jwksResolver: () => JWKS });
    const token = signed();
    await client.validateAccessToken(token);
    assert.deepEqual(calls, [token]);
  });
});

describe('a spy', () => {
  for (const [where, targetOf] of [
    ['the object', (client) => client],
    ['the prototype', () => MonoCloudOidcBackendClient.prototype],
  ]) {
    for (const [method, token] of [
      ['validateJwtAccessToken', signed()],
      ['introspectAccessToken', 'opaque'],
    ]) {
      test(`on ${method} of ${where} sees the call that validateAccessToken makes, until it is removed`, async () => {
        const client = offline();
        const spy = mock.method(targetOf(client), method, async () => INTROSPECTED);
        try {
          assert.deepEqual(await client.validateAccessToken(token, { scopes: ['x'] }), INTROSPECTED);
          const options = method === 'validateJwtAccessToken' ? [{ scopes: ['x'] }] : [];
          assert.deepEqual(
            spy.mock.calls.map((call) => [call.this, ...call.arguments]),
            [[client, token, ...options]],
          );
        } finally {
          spy.mock.restore();
        }
        await assert.rejects(client.validateAccessToken(token, { scopes: ['x'] }), ({ reason }) =>
          ['scope_missing', 'client_id_required'].includes(reason),
        );
      });
    }
  }

  test('that passes the call on changes nothing', async () => {
    const client = offline();
    const spy = mock.method(client, 'validateJwtAccessToken');
    const token = signed({ scope: 'a' });
    for (let i = 0; i < 3; i += 1) assert.equal((await client.validateAccessToken(token)).scope, 'a');
    await assert.rejects(client.validateAccessToken(token, { scopes: ['b'] }), { reason: 'scope_missing' });
    assert.equal(spy.mock.callCount(), 4);
  });
});

describe('a process', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  const USES = {
    'that only loads the package': '',
    'that constructs a client and leaves it': 'new MonoCloudBackendNodeClient(options);',
    'that validated a token':
      'result = (await new MonoCloudBackendNodeClient(options).validateAccessToken(token)).sub;',
    'whose fetcher answered':
      'result = (await new MonoCloudBackendNodeClient({ ...options, fetcher: fetch }).validateAccessToken(token)).sub;',
    'whose keys are due for a refresh':
      'const client = new MonoCloudBackendNodeClient({ ...options, jwksCacheDuration: 0.001 });' +
      'await client.validateAccessToken(token); result = (await client.validateAccessToken(token)).sub;',
    'that was refused':
      "result = await new MonoCloudBackendNodeClient(options).validateAccessToken('a.b.c').catch(({ reason }) => reason);",
  };
  for (const [what, use] of Object.entries(USES)) {
    test(`${what} ends by itself`, async () => {
      const script = `
        import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
        const { options, token } = ${JSON.stringify({ options: { tenantDomain: issuer.issuer, audience: AUDIENCE }, token: issuer.sign() })};
        let result = 'user-1';
        ${use}
        console.log(JSON.stringify(result));`;
      assert.equal(await runScript(script), what.includes('refused') ? 'token_malformed' : 'user-1');
    });
  }
});

/** The arguments of the call at the start of a text, as they are written. */
function wordsOf(text) {
  const words = [''];
  let depth = 0;
  for (const [part] of text.slice(text.indexOf('(')).matchAll(/'[^']*'|`[^`]*`|[^]/g)) {
    if ('([{'.includes(part)) depth += 1;
    if (')]}'.includes(part)) depth -= 1;
    if (depth === 0) break;
    if (part === ',' && depth === 1) words.push('');
    else words[words.length - 1] += part;
  }
  return words.map((word) => word.replace(/^\(/, '').trim()).filter((word) => word !== '');
}
