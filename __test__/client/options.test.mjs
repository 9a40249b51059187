// Which options does a client take, from where, and how does it reject an invalid value?

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient, MonoCloudOidcBackendClient } from '@monocloud/backend-node';

import native from '../../npm/native/panic-guard.js';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from '../support/offline.mjs';
import { bad, CANARY, environment, giving, GOOD, PREFIX } from '../support/options.mjs';

/** Texts that are neither a boolean nor a number. */
const NO_FLAGS = ['1', '0', 'yes', 'on', 'truee', '"true"', "'true'", 'true true', CANARY];
const NO_NUMBERS = ['abc', '1.5', '1e3', '0x10', '12s', '+5', '"5"', '5 0', '1_000', 'NaN', 'Infinity', CANARY];

const SEVENTEEN = Array.from({ length: 17 }, (_, index) => `${CANARY}-${index}`);

/** Each option, its variable, invalid values in code, and invalid texts in the environment. */
const OPTIONS = [
  [
    'tenantDomain',
    'TENANT_DOMAIN',
    [1, true, [], {}],
    ['acme.example', 'http://acme.example', `ftp://${CANARY}`, `https://${CANARY} b`],
  ],
  [
    'audience',
    'AUDIENCE',
    [1, {}, [], [''], ['a', 'a'], ['a b'], [1], 'a b', `https://${CANARY} b`, SEVENTEEN],
    ['a a', SEVENTEEN.join(' ')],
  ],
  ['clientId', 'CLIENT_ID', [1, {}], []],
  ['assertionAudience', 'ASSERTION_AUDIENCE', [1, ['issuer'], {}], []],
  ['clientAuthMethod', 'CLIENT_AUTH_METHOD', [1], [CANARY, 'CLIENT_SECRET_POST']],
  ['clientSecret', 'CLIENT_SECRET', [1, true], []],
  ['groupOptions.groupsClaim', 'GROUPS_CLAIM', [1, [], [1], [''], [['groups']], Array(9).fill('a'), {}], []],
  ['permissionsClaim', 'PERMISSIONS_CLAIM', [1, [], [' '], [['p']], true], []],
  ['rolesClaim', 'ROLES_CLAIM', [1, [], [null], { a: 'b' }], []],
  [
    'scopeOptions.scopesClaim',
    'SCOPES_CLAIM',
    [1, 'scp scope', new Set(['scp']), [], [''], [[]], [[['a']]], Array(9).fill('a')],
    [],
  ],
  [
    'scopeOptions.implies',
    'SCOPES_IMPLIES',
    [1, [], new Map([['a', ['b']]]), { a: 'b' }, { a: [1] }, { a: ['b c'] }, { '': ['a'] }, { a: [undefined] }],
    [`{"a":"${CANARY}"}`, CANARY, `{"${CANARY} b":[]}`],
  ],
  ['groupOptions.matchAll', 'GROUPS_MATCH_ALL', ['true', 1], []],
  ['clockSkew', 'CLOCK_SKEW', [-1, -0.001, '5', NaN, Infinity, true, 5n], ['-1']],
  ['clockTolerance', 'CLOCK_TOLERANCE', [-1, -0.001, '5', NaN, -Infinity], ['-1']],
  ['diagnostics', 'DIAGNOSTICS', [1, true, ['values']], [CANARY, 'Values', 'values reasons']],
  ['introspectJwtTokens', 'INTROSPECT_JWT_TOKENS', ['true', 1, 0], []],
  ['jwksCacheDuration', 'JWKS_CACHE_DURATION', [-1, '5', NaN], ['-1']],
  ['metadataCacheDuration', 'METADATA_CACHE_DURATION', [-1, '5', NaN], ['-300']],
  ['introspectionAudience', 'INTROSPECTION_AUDIENCE', [1, true, ['required']], [CANARY, 'When_Present']],
  ['introspectionCacheDuration', 'INTROSPECTION_CACHE_DURATION', [-1, '5', Infinity], ['-1']],
  ['responseTimeout', 'RESPONSE_TIMEOUT', [999, 999.9, 0, -1, '5000', NaN], ['999', '0', '-5000']],
  ['validateCertificateBinding', 'VALIDATE_CERTIFICATE_BINDING', [true, 1], [CANARY, 'Required']],
  ['trustStoreId', 'TRUST_STORE_ID', [1], []],
  [
    'certificateAuthorities',
    'CERTIFICATE_AUTHORITIES',
    [1],
    [`/${CANARY}/absent.pem`, '-----BEGIN CERTIFICATE-----\ncanary\n'],
  ],
  ['clientCertificate', 'CLIENT_CERTIFICATE', [1], [`/${CANARY}/absent.pem`]],
  ['clientCertificateKey', 'CLIENT_CERTIFICATE_KEY', [1], [`/${CANARY}/absent.pem`]],
];

describe('a bad option', () => {
  for (const [option, variable, values, texts] of OPTIONS) {
    test(`${option} throws from the constructor, naming itself and its variable`, (t) => {
      for (const value of [...values, ...texts]) {
        assert.throws(
          () => new MonoCloudBackendNodeClient(giving(option, value)),
          bad(option, variable),
          String(value),
        );
      }
      for (const text of texts) {
        const given = { ...GOOD, [option.split('.')[0]]: undefined };
        environment(t, { [variable]: text });
        assert.throws(() => new MonoCloudBackendNodeClient(given), bad(option, variable), text);
      }
    });
  }

  for (const option of ['tenantDomain', 'audience']) {
    const variable = { tenantDomain: 'TENANT_DOMAIN', audience: 'AUDIENCE' }[option];
    test(`${option} that is missing or blank is required`, (t) => {
      for (const value of [undefined, null, '', ' ']) {
        const given = { ...GOOD, [option]: value };
        assert.throws(
          () => new MonoCloudBackendNodeClient(given),
          (error) => bad(option, variable)(error) && /is required/.test(error.message),
        );
        assert.throws(() => new MonoCloudOidcBackendClient(given.tenantDomain, given.audience), bad(option, variable));
      }
      environment(t, { [variable]: '' });
      assert.throws(() => new MonoCloudBackendNodeClient({ ...GOOD, [option]: undefined }), bad(option, variable));
    });
  }

  test('no options at all ask for the tenant first', () => {
    for (const make of [() => new MonoCloudBackendNodeClient(), () => new MonoCloudBackendNodeClient(null)]) {
      assert.throws(make, bad('tenantDomain', 'TENANT_DOMAIN'));
    }
  });

  for (const [option, value] of [
    ['fetcher', {}],
    ['metadataResolver', 'https://a'],
    ['jwksResolver', { keys: [] }],
    ['cache', () => {}],
    ['cache.get', { set() {}, delete() {} }],
    ['cache.set', { get() {}, delete() {} }],
    ['cache.delete', { get() {}, set() {}, delete: 1 }],
  ]) {
    test(`${option} of the wrong kind throws from the constructor, naming itself`, () => {
      const given = { ...GOOD, [option.split('.')[0]]: value };
      assert.throws(() => new MonoCloudBackendNodeClient(given), {
        name: 'MonoCloudValidationError',
        message: new RegExp(`option ${option}`),
      });
    });
  }

  test('a client certificate and its key are given together, and belong together', () => {
    const [clientCertificate, clientCertificateKey] = ['CERTIFICATE', 'PRIVATE KEY'].map(
      (label) => `-----BEGIN ${label}-----\n${CANARY}\n`,
    );
    const make = (options) => () => new MonoCloudBackendNodeClient({ ...GOOD, ...options });
    assert.throws(make({ clientCertificate }), bad('clientCertificateKey', 'CLIENT_CERTIFICATE_KEY'));
    assert.throws(make({ clientCertificateKey }), bad('clientCertificate', 'CLIENT_CERTIFICATE'));
    assert.throws(make({ clientCertificate, clientCertificateKey }), bad('clientCertificate', 'CLIENT_CERTIFICATE'));
  });

  test('a secret that the method cannot use is refused, and not repeated', () => {
    for (const clientSecret of [CANARY, { kty: 'RSA', n: CANARY }, JSON.stringify({ kty: 'oct', k: CANARY })]) {
      const given = { ...GOOD, clientId: 'a', clientSecret, clientAuthMethod: 'private_key_jwt' };
      assert.throws(() => new MonoCloudBackendNodeClient(given), bad('clientSecret', 'CLIENT_SECRET'));
    }
  });

  test('a secret that is no JSON is refused like any other', () => {
    const cyclic = { kty: 'RSA' };
    cyclic.self = cyclic;
    assert.throws(() => new MonoCloudBackendNodeClient({ ...GOOD, clientId: 'a', clientSecret: cyclic }), {
      name: 'MonoCloudValidationError',
    });
  });
});

describe('an option at its bound', () => {
  test('is accepted', () => {
    for (const options of [
      { clockSkew: 0, clockTolerance: 0 },
      { clockSkew: 0.5, clockTolerance: Number.MAX_SAFE_INTEGER },
      { jwksCacheDuration: 0, metadataCacheDuration: 0, introspectionCacheDuration: 0 },
      { jwksCacheDuration: Number.MAX_VALUE, metadataCacheDuration: 0.001 },
      { responseTimeout: 1000 },
      { responseTimeout: Number.MAX_SAFE_INTEGER },
    ]) {
      assert.ok(new MonoCloudBackendNodeClient({ ...GOOD, ...options }), JSON.stringify(options));
    }
  });

  test('null and undefined are unset', () => {
    const nothing = Object.fromEntries(OPTIONS.map(([name]) => [name.split('.')[0], null]));
    assert.ok(
      new MonoCloudBackendNodeClient({ ...nothing, ...GOOD, cache: null, fetcher: null, jwksResolver: undefined }),
    );
  });

  test('an unknown option is refused, and named', () => {
    const logger = { level: 10n, log: () => {} };
    logger.self = logger;
    for (const [more, named] of [
      [{ logger }, '"logger"'],
      [{ introspectJwtToken: true }, 'Did you mean "introspectJwtTokens"?'],
      [{ groupOptions: { matchall: true } }, 'Did you mean "matchAll"?'],
      [{ clockSkews: undefined }, 'Did you mean "clockSkew"?'],
      [{ dpop: { maxage: 60 } }, 'Did you mean "maxAge"?'],
      [{ dpop: { noncesecret: CANARY } }, 'Did you mean "nonceSecret"?'],
      [{ validateDpopBinding: 'required' }, 'Did you mean "validateDPoPBinding"?'],
      [{ publicUrls: [] }, 'Did you mean "publicUrl"?'],
      [{ cach: {} }, 'Did you mean "cache"?'],
      [{ tolerance: 1 }, 'Did you mean "clockTolerance"?'],
    ]) {
      assert.throws(
        () => new MonoCloudBackendNodeClient({ ...GOOD, ...more }),
        ({ name, reason, message }) => {
          assert.deepEqual([name, reason], ['MonoCloudValidationError', 'option_invalid']);
          assert.ok(message.includes(named), message);
          return true;
        },
      );
    }
  });

  test('options must be a plain object', () => {
    class Options {
      tenantDomain = ISSUER;
      audience = AUDIENCE;
    }
    for (const options of ['x', 1, true, [], () => GOOD, new Options(), new Map(), Object.create(GOOD)]) {
      assert.throws(() => new MonoCloudBackendNodeClient(options), {
        name: 'MonoCloudValidationError',
        reason: 'option_invalid',
      });
      assert.throws(() => new MonoCloudOidcBackendClient(ISSUER, AUDIENCE, options), {
        name: 'MonoCloudValidationError',
        reason: 'option_invalid',
      });
    }
  });

  test('tenantDomain is https, or plain http of a loopback host, with one trailing slash ignored', () => {
    for (const tenantDomain of [
      'https://a.example/',
      'http://localhost:1',
      'http://127.0.0.1',
      'http://[::1]:8080/',
      'https://a.example/path',
    ]) {
      assert.ok(new MonoCloudBackendNodeClient({ ...GOOD, tenantDomain }), tenantDomain);
    }
    for (const tenantDomain of [
      'http://127.0.0.1.example',
      'http://localhost.example',
      'http://10.0.0.1',
      '//a.example',
      'https://',
      'https://u:p@a.example',
    ]) {
      assert.throws(
        () => new MonoCloudBackendNodeClient({ ...GOOD, tenantDomain }),
        bad('tenantDomain', 'TENANT_DOMAIN'),
        tenantDomain,
      );
    }
  });

  test('audience is any text without white space, or up to 16 of them', () => {
    const names = [
      'urn:example:api',
      'api://default',
      'https://a.example/b?c#d',
      'api',
      '5f1c0f6e-8c1b-4d4b-9d5c-0a6f0a4c',
    ];
    for (const audience of [...names, names, ['api'], SEVENTEEN.slice(1)]) {
      assert.ok(new MonoCloudBackendNodeClient({ ...GOOD, audience }), audience);
    }
  });
});

describe('the environment', () => {
  let now;
  beforeEach(() => {
    now = Math.floor(Date.now() / 1000);
  });
  const client = (options) => new MonoCloudBackendNodeClient({ jwksResolver: () => JWKS, ...options });
  const required = { TENANT_DOMAIN: ISSUER, AUDIENCE };

  test('gives what the constructor was not given', async (t) => {
    environment(t, {
      ...required,
      CLOCK_SKEW: '1000',
      CLOCK_TOLERANCE: '0',
      GROUPS_CLAIM: 'roles',
      GROUPS_MATCH_ALL: 'TRUE',
      PERMISSIONS_CLAIM: 'https://acme.example/p',
      ROLES_CLAIM: 'my.roles',
      SCOPES_CLAIM: ' scp  scope ',
      SCOPES_IMPLIES: '{"write":["read"]}',
    });
    const api = client();
    const exp = now + 1300;
    await api.validateAccessToken(signed({ exp, roles: ['a', 'b'] }), { groups: ['a', 'b'] });
    const lists = { 'https://acme.example/p': ['p'], 'my.roles': ['r'], scp: ['write'], scope: 'x' };
    await api.validateAccessToken(signed({ exp, ...lists }), { scopes: ['read'], permissions: ['p'], roles: ['r'] });
    await assert.rejects(api.validateAccessToken(signed({ exp, ...lists }), { scopes: ['x'] }), {
      reason: 'scope_missing',
    });
    await assert.rejects(api.validateAccessToken(signed({ exp: now + 900 })), { reason: 'expired' });
    await assert.rejects(api.validateAccessToken(signed({ exp, roles: ['a'] }), { groups: ['a', 'b'] }), {
      reason: 'group_missing',
    });
    await assert.rejects(api.validateAccessToken(signed({ exp, groups: ['a'] }), { groups: ['a'] }), {
      reason: 'group_missing',
    });
  });

  test('decides on introspection and on binding', async (t) => {
    environment(t, { ...required, INTROSPECT_JWT_TOKENS: 'true' });
    await assert.rejects(client().validateAccessToken(signed()), { reason: 'client_id_required' });
    environment(t, { INTROSPECT_JWT_TOKENS: 'False', VALIDATE_CERTIFICATE_BINDING: 'required' });
    await assert.rejects(client().validateAccessToken(signed()), { reason: 'confirmation_missing' });
    environment(t, { VALIDATE_CERTIFICATE_BINDING: 'dangerously_ignore' });
    await client().validateAccessToken(signed({ cnf: { 'x5t#S256': 'x' } }));
  });

  test('is overridden by the constructor', async (t) => {
    environment(t, {
      TENANT_DOMAIN: 'https://other.example',
      AUDIENCE: 'urn:other',
      CLOCK_TOLERANCE: '0',
      GROUPS_MATCH_ALL: 'true',
    });
    const api = client({ ...GOOD, clockTolerance: 300, groupOptions: { matchAll: false } });
    await api.validateAccessToken(signed({ exp: now - 200, groups: ['a'] }), { groups: ['a', 'b'] });
  });

  test('is read when a client is constructed, not before and not after', async (t) => {
    environment(t, { ...required, CLOCK_TOLERANCE: '5000' });
    const early = client();
    environment(t, { CLOCK_TOLERANCE: '0' });
    const late = client();
    const token = signed({ exp: now - 1000 });
    await early.validateAccessToken(token);
    await assert.rejects(late.validateAccessToken(token), { reason: 'expired' });
  });

  for (const text of ['', ' ', '\r\n', '\ufeff']) {
    test(`counts ${JSON.stringify(text)} as unset, for every option`, async (t) => {
      environment(t, {
        ...required,
        CLOCK_TOLERANCE: text,
        RESPONSE_TIMEOUT: text,
        GROUPS_MATCH_ALL: text,
        CLIENT_AUTH_METHOD: text,
      });
      const api = client();
      await api.validateAccessToken(signed({ exp: now - 200 }));
      await assert.rejects(api.validateAccessToken(signed({ exp: now - 400 })), { reason: 'expired' });
      await api.validateAccessToken(signed({ groups: ['a'] }), { groups: ['a', 'b'] });
    });
  }

  for (const [what, around] of [
    ['a line feed', (text) => `${text}\n`],
    ['a carriage return', (text) => `${text}\r`],
    ['spaces', (text) => ` ${text} `],
    ['a byte order mark', (text) => `\ufeff${text}`],
  ]) {
    test(`ignores ${what} around a value`, async (t) => {
      const variables = {
        ...required,
        CLOCK_TOLERANCE: '0',
        GROUPS_MATCH_ALL: 'True',
        GROUPS_CLAIM: 'roles',
        VALIDATE_CERTIFICATE_BINDING: 'dangerously_ignore',
      };
      environment(t, Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, around(value)])));
      const api = client();
      await assert.rejects(api.validateAccessToken(signed({ exp: now - 10 })), { reason: 'expired' });
      await assert.rejects(api.validateAccessToken(signed({ roles: ['a'] }), { groups: ['a', 'b'] }), {
        reason: 'group_missing',
      });
      assert.equal((await api.validateAccessToken(signed({ cnf: { 'x5t#S256': 'x' } }))).iss, ISSUER);
    });
  }

  for (const { name, variable, kind } of native
    .options()
    .filter((option) => ['boolean', 'number'].includes(option.kind))) {
    test(`that has no ${kind} for ${name} throws from the constructor, naming the variable and no value`, (t) => {
      for (const text of kind === 'boolean' ? NO_FLAGS : NO_NUMBERS) {
        environment(t, { ...required, [variable.slice(PREFIX.length)]: text });
        assert.throws(() => client(), bad(name, variable.slice(PREFIX.length)), text);
      }
    });
  }

  test('that is invalid does not matter if the constructor gives the value', async (t) => {
    environment(t, { ...required, GROUPS_MATCH_ALL: 'yes', CLOCK_TOLERANCE: '5m' });
    const api = client({ groupOptions: { matchAll: true }, clockTolerance: 0 });
    await assert.rejects(api.validateAccessToken(signed({ groups: ['a'] }), { groups: ['a', 'b'] }), {
      reason: 'group_missing',
    });
  });

  test('is read from own members only, and a value that is not text is converted to text', (t) => {
    const real = process.env;
    t.after(() => {
      process.env = real;
      delete Object.prototype.MONOCLOUD_BACKEND_CLOCK_SKEW;
      delete Object.prototype.HTTPS_PROXY;
    });
    Object.prototype.MONOCLOUD_BACKEND_CLOCK_SKEW = 'polluted'; // oxlint-disable-line no-extend-native
    Object.prototype.HTTPS_PROXY = 'http://polluted.invalid'; // oxlint-disable-line no-extend-native
    process.env = {
      [`${PREFIX}TENANT_DOMAIN`]: ISSUER,
      [`${PREFIX}AUDIENCE`]: AUDIENCE,
      [`${PREFIX}GROUPS_MATCH_ALL`]: true,
    };
    assert.ok(client());
    process.env[`${PREFIX}GROUPS_MATCH_ALL`] = 1;
    assert.throws(() => client(), bad('groupOptions.matchAll', 'GROUPS_MATCH_ALL'));
  });
});

describe('MonoCloudOidcBackendClient', () => {
  const refusing = () => {
    throw new Error('nobody is asked');
  };

  test('takes its two required options by position, and reads no environment', async (t) => {
    environment(t, {
      TENANT_DOMAIN: 'https://other.example',
      AUDIENCE: 'urn:other',
      CLOCK_TOLERANCE: '100000',
      INTROSPECT_JWT_TOKENS: 'true',
    });
    const api = new MonoCloudOidcBackendClient(ISSUER, AUDIENCE, { jwksResolver: () => JWKS });
    const now = Math.floor(Date.now() / 1000);
    assert.equal((await api.validateAccessToken(signed())).sub, 'user-1');
    await assert.rejects(api.validateAccessToken(signed({ exp: now - 400 })), { reason: 'expired' });
    assert.throws(() => new MonoCloudOidcBackendClient(undefined, AUDIENCE), bad('tenantDomain', 'TENANT_DOMAIN'));
    assert.throws(() => new MonoCloudOidcBackendClient(ISSUER), bad('audience', 'AUDIENCE'));
  });

  test('refuses an option that contradicts the argument of the same name', async () => {
    const same = { tenantDomain: ISSUER, audience: AUDIENCE };
    const api = new MonoCloudOidcBackendClient(ISSUER, AUDIENCE, { ...same, jwksResolver: () => JWKS });
    assert.equal((await api.validateAccessToken(signed())).iss, ISSUER);
    const several = [AUDIENCE, 'api'];
    assert.ok(new MonoCloudOidcBackendClient(ISSUER, several, { ...same, audience: [...several] }));
    for (const other of [{ tenantDomain: 'https://x.example' }, { audience: 'urn:x' }, { audience: several }]) {
      assert.throws(() => new MonoCloudOidcBackendClient(ISSUER, AUDIENCE, { ...same, ...other }), {
        reason: 'option_invalid',
      });
    }
  });

  test('adds https to a bare host, which the other client refuses', async () => {
    const asked = [];
    const fetcher = async (url) => {
      asked.push(url);
      return Response.json({}, { status: 404 });
    };
    for (const domain of ['acme.us.monocloud.com', 'acme.us.monocloud.com/']) {
      await assert.rejects(new MonoCloudOidcBackendClient(domain, AUDIENCE, { fetcher }).getMetadata(), {
        status: 404,
      });
      assert.equal(asked.splice(0)[0], 'https://acme.us.monocloud.com/.well-known/openid-configuration');
      assert.throws(() => offline({ tenantDomain: domain }), bad('tenantDomain', 'TENANT_DOMAIN'));
    }
  });

  test('has no cache, and says so', () => {
    const cache = { get: refusing, set: refusing, delete: refusing };
    assert.throws(() => new MonoCloudOidcBackendClient(ISSUER, AUDIENCE, { cache }), {
      reason: 'option_invalid',
      message: /"cache"/,
    });
  });

  test('is the parent of MonoCloudBackendNodeClient', () => {
    assert.equal(Object.getPrototypeOf(MonoCloudBackendNodeClient), MonoCloudOidcBackendClient);
    assert.ok(offline() instanceof MonoCloudOidcBackendClient);
  });

  for (const [flavour, make, usual] of [
    ['MonoCloudOidcBackendClient', (options) => new MonoCloudOidcBackendClient(ISSUER, AUDIENCE, options), 'Basic'],
    ['MonoCloudBackendNodeClient', (options) => new MonoCloudBackendNodeClient({ ...GOOD, ...options }), 'post'],
  ]) {
    test(`${flavour} authenticates by ${usual} unless told otherwise`, async () => {
      let sent;
      const fetcher = async (url, { headers, body }) => {
        if (url.endsWith('/introspect')) {
          sent = { scheme: new Headers(headers).get('authorization')?.split(' ')[0], form: new URLSearchParams(body) };
          return Response.json({ active: false });
        }
        return Response.json({ issuer: ISSUER, introspection_endpoint: `${ISSUER}/introspect` });
      };
      const api = make({ clientId: 'me', clientSecret: 'secret', fetcher });
      await assert.rejects(api.validateAccessToken('opaque'), { reason: 'inactive' });
      const isBasic = usual === 'Basic';
      assert.equal(sent.scheme, isBasic ? 'Basic' : undefined);
      assert.equal(sent.form.get('client_secret'), isBasic ? null : 'secret');
    });
  }
});
