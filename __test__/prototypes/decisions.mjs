// Every kind of decision, as one text: it must not change while a prototype is polluted.

import { createHash } from 'node:crypto';

import {
  MonoCloudBackendNodeClient,
  MonoCloudMultiIssuerClient,
  MonoCloudOidcBackendClient,
} from '@monocloud/backend-node';
import { memoryCache, redisCache } from '@monocloud/backend-node/cache';
import { fromClientCert, fromHeader, fromSocket } from '@monocloud/backend-node/certificates';
import { protectApi as expressApi } from '@monocloud/backend-node/express';
import { protectApi as fastifyApi } from '@monocloud/backend-node/fastify';
import { findToken, getPublicSigKeyFromIssuerJwks } from '@monocloud/backend-node/internal';
import { isUserInGroup, parseCallbackParams } from '@monocloud/backend-node/utils';

import { mapCache } from '../support/caches.mjs';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from '../support/offline.mjs';

const der = Buffer.from([0x30, 3, 1, 2, 3]);
const CERTIFICATE = der.toString('base64');
const cnf = { 'x5t#S256': createHash('sha256').update(der).digest('base64url') };
const past = { exp: 1000 };

export const TOKENS = {
  good: signed({ scope: 'a b', groups: ['g'], aud: [AUDIENCE, 'urn:x'] }),
  bare: signed({ scope: undefined, groups: undefined, iat: undefined, sub: undefined }),
  expired: signed(past),
  foreign: signed({ aud: 'urn:x' }),
  bound: signed({ cnf }),
  forged: `${signed().slice(0, -8)}AAAAAAAA`,
  unknown: signed({}, { header: { kid: 'unknown' } }),
  slow: signed({ scope: 'a' }, { alg: 'ES512' }),
};
const ANSWERS = {
  opaque: { active: true, iss: ISSUER, aud: AUDIENCE, sub: 'me', scope: 'a' },
  plain: { active: true, aud: AUDIENCE },
  late: { active: true, aud: AUDIENCE, ...past },
  tied: { active: true, aud: AUDIENCE, cnf },
  gone: { active: false },
};
const CALLS = {
  nothing: undefined,
  scope: { scopes: ['a'] },
  'another scope': { scopes: ['admin'] },
  group: { groups: ['g'] },
  'another group': { groups: ['h'] },
  acr: { acr: ['gold'], scopes: ['admin'] },
  'recent sign-in': { maxAge: 60 },
  'no binding': { validateCertificateBinding: false },
  binding: { validateCertificateBinding: true },
  certificate: { clientCertificate: CERTIFICATE },
};

const METADATA = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: `${ISSUER}/introspect` };
const EMPTY = {};
/** Serialized before anything is polluted. */
const TEXTS = new Map(
  [METADATA, EMPTY, ...Object.values(ANSWERS)].map((document) => [document, JSON.stringify(document)]),
);

/** A response of an issuer, without a class that a polluted prototype might break. */
const responseOf = (document, status = 200, headers = []) => ({
  status,
  statusText: '',
  headers,
  body: null,
  text: async () => TEXTS.get(document),
});
async function fetcher(url, init) {
  if (!url.endsWith('/introspect')) return responseOf(METADATA);
  const token = new Map(init.body.split('&').map((pair) => pair.split('='))).get('token');
  return responseOf(ANSWERS[token]);
}

const redis = () => {
  const entries = new Map();
  return {
    get: async (key) => entries.get(key) ?? null,
    set: async (key, value) => {
      entries.set(key, value);
    },
    del: async (key) => {
      entries.delete(key);
    },
  };
};
const caches = { none: () => undefined, map: mapCache, memory: () => memoryCache(), redis: () => redisCache(redis()) };

const introspecting = (options) => offline({ clientId: 'me', clientSecret: 'secret', fetcher, ...options });
const down = () =>
  offline({ jwksResolver: undefined, fetcher: async () => responseOf(EMPTY, 503, [['retry-after', '7']]) });

const own = Object.create(null);
for (const [name, make] of Object.entries(caches)) own[name] = introspecting({ cache: make() });

const overridden = introspecting();
overridden.introspectAccessToken = async () => ({ aud: AUDIENCE, sub: 'own' });
const result = introspecting();
result.validateAccessToken = async () => ({ sub: 'own' });

/** A client of several issuers, each of which is resolved anew. */
const several = () =>
  new MonoCloudMultiIssuerClient({
    clients: [offline({ tenantDomain: 'https://other.example' })],
    resolve: (tenantDomain) =>
      tenantDomain === ISSUER ? { tenantDomain, audience: AUDIENCE, jwksResolver: () => JWKS } : null,
    opaque: introspecting(),
  });
const known = several();
const FOREIGN = `e30.${Buffer.from('{"iss":"https://nobody.example"}').toString('base64url')}.c2ln`;

/** The outcome of any call, as a text of own members. */
async function outcome(work) {
  try {
    return text(await work());
  } catch (error) {
    const told = ['code', 'reason', 'status', 'retryAfter'].map((name) =>
      Object.hasOwn(error, name) ? error[name] : '-',
    );
    return text([
      error.name,
      ...told,
      Object.hasOwn(error, 'raw') && error.raw?.status,
      Object.hasOwn(error, 'reason') ? '' : error.stack,
    ]);
  }
}

function text(value) {
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) {
    let items = '';
    for (let i = 0; i < value.length; i += 1) items += `${text(value[i])},`;
    return `[${items}]`;
  }
  let members = '';
  for (const name of Object.keys(value)) members += `${name}:${text(value[name])},`;
  return `{${members}}`;
}

/** A request as `node:http` provides it: its headers are an ordinary object. */
const requestOf = (token) => ({
  headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  rawHeaders: token === undefined ? [] : ['Authorization', `Bearer ${token}`],
});

function throughExpress(client, route, token, options) {
  return outcome(async () => {
    const seen = [];
    const request = requestOf(token);
    const response = {
      headersSent: false,
      setHeader: (name, value) => seen.push(name, value),
      end: (body) => seen.push('end', body),
      set statusCode(status) {
        seen.push('status', status);
      },
    };
    await expressApi(client, options)(route)(request, response, () => seen.push('next', text(request.claims)));
    return seen;
  });
}

function throughFastify(client, route, token, options) {
  return outcome(async () => {
    const seen = [];
    const request = requestOf(token);
    const wrapped = { raw: request, headers: request.headers };
    const reply = { sent: false };
    for (const name of [
      'status',
      'code',
      'header',
      'headers',
      'type',
      'serializer',
      'send',
      'hijack',
      'removeHeader',
    ]) {
      reply[name] = (...words) => {
        seen.push(name, text(words));
        return reply;
      };
    }
    await fastifyApi(client, options)(route)(wrapped, reply);
    return [...seen, text(Object.hasOwn(wrapped, 'claims') ? wrapped.claims : 'no claims')];
  });
}

/** All decisions: pairs of a name and an outcome. */
export async function* decisions() {
  for (const [kind, client] of Object.entries({ ...own, fresh: introspecting() })) {
    for (const [what, token] of Object.entries(TOKENS)) {
      const isUsual = what === 'good' || what === 'bound';
      if (kind !== 'none' && what !== 'good' && what !== 'expired') continue;
      for (const [asked, options] of Object.entries(CALLS)) {
        if (kind === 'fresh' || !isUsual ? asked !== 'another scope' : what === 'bound' && !/binding|cert/.test(asked))
          continue;
        yield [`${kind}: ${what}, ${asked}`, await outcome(() => client.validateAccessToken(token, options))];
      }
    }
    for (const token of Object.keys(ANSWERS)) {
      for (const [asked, options] of Object.entries(CALLS)) {
        if (asked !== 'nothing' && (token !== 'opaque' || kind === 'fresh')) continue;
        yield [`${kind}: ${token}, ${asked}`, await outcome(() => client.validateAccessToken(token, options))];
      }
    }
  }
  const client = own.none;
  yield ['jwks', await outcome(() => client.validateJwtAccessToken(TOKENS.good, { jwks: { keys: [] } }))];
  yield ['no jwks', await outcome(() => client.validateJwtAccessToken(TOKENS.good, {}))];
  yield ['no client', await outcome(() => expressApi({ tokenResolver: () => 'x' }))];
  yield ['introspected', await outcome(() => client.introspectAccessToken('plain', { scopes: ['a'] }))];
  yield ['overridden', await outcome(() => overridden.validateAccessToken('opaque', { scopes: ['a'] }))];
  yield ['issuer down', await outcome(() => down().validateAccessToken(TOKENS.good))];
  yield [
    'parent',
    await outcome(() =>
      new MonoCloudOidcBackendClient(ISSUER, AUDIENCE, { jwksResolver: () => JWKS }).validateAccessToken(
        TOKENS.expired,
      ),
    ),
  ];
  yield ['no options', await outcome(() => new MonoCloudBackendNodeClient())];
  yield ['no audience', await outcome(() => new MonoCloudBackendNodeClient({ tenantDomain: ISSUER }))];
  yield [
    'a group option',
    await outcome(() => offline({ groupOptions: {} }).validateAccessToken(TOKENS.good, { groups: ['g', 'h'] })),
  ];
  for (const [made, client] of Object.entries({ known, fresh: several() })) {
    for (const token of [TOKENS.good, TOKENS.expired, TOKENS.forged, FOREIGN, 'opaque', 'plain']) {
      for (const options of [undefined, { issuers: [ISSUER] }, { issuers: [] }, { scopes: ['admin'] }]) {
        yield [`several, ${made}: ${token}`, await outcome(() => client.validateAccessToken(token, options))];
      }
    }
  }
  yield ['several: no options', await outcome(() => new MonoCloudMultiIssuerClient({}))];
  for (const [name, through] of [
    ['express', throughExpress],
    ['fastify', throughFastify],
  ]) {
    for (const token of [undefined, TOKENS.good, TOKENS.expired, TOKENS.bound, 'opaque', 'gone']) {
      for (const route of [undefined, { scopes: ['admin'] }, { acr: ['gold'], scopes: ['admin'] }]) {
        yield [`${name}: ${token}`, await through(client, route, token)];
      }
    }
    yield [
      `${name}: certificate`,
      await through(client, undefined, TOKENS.bound, { certificateResolver: () => CERTIFICATE }),
    ];
    yield [
      `${name}: no certificate`,
      await through(client, undefined, TOKENS.bound, { certificateResolver: () => undefined }),
    ];
    yield [
      `${name}: token`,
      await through(client, { scopes: ['admin'] }, undefined, { tokenResolver: () => TOKENS.good }),
    ];
    yield [
      `${name}: failing`,
      await through(client, undefined, 'x', {
        tokenResolver: () => {
          // oxlint-disable-next-line no-throw-literal
          throw {};
        },
      }),
    ]; // oxlint-disable-line no-throw-literal
    for (const issuers of [undefined, () => undefined, () => [ISSUER], () => ['https://other.example'], () => ISSUER]) {
      for (const token of [TOKENS.good, FOREIGN, 'plain']) {
        yield [`${name}: several, ${issuers}`, await through(known, { scopes: ['a'] }, token, { issuers })];
      }
    }
    yield [`${name}: down`, await through(down(), undefined, TOKENS.good)];
    yield [`${name}: overridden`, await through(overridden, { scopes: ['a'] }, 'opaque')];
    yield [`${name}: own result`, await through(result, { scopes: ['a'] }, 'opaque')];
    yield [
      `${name}: another client`,
      await through(
        {
          validateAccessToken: async () => {
            throw new Error('x');
          },
        },
        undefined,
        'opaque',
      ),
    ];
    yield [`${name}: uncalled`, await outcome(() => (name === 'express' ? expressApi : fastifyApi)(client)(new Map()))];
  }
  yield ['group', await outcome(() => [isUserInGroup({}, ['x']), isUserInGroup({ groups: ['x'] }, ['x'])])];
  yield ['callback', await outcome(() => parseCallbackParams('?code=a'))];
  yield ['token', await outcome(() => findToken([{ resource: 'a' }], 'b'))];
  yield ['no key', await outcome(() => getPublicSigKeyFromIssuerJwks(JWKS, {}))];
  yield [
    'no header',
    await outcome(() => [fromHeader('x-cert')(requestOf()), fromClientCert()(requestOf()), fromSocket()(requestOf())]),
  ];
  yield [
    'header',
    await outcome(() =>
      fromHeader('x-cert')({ headers: { 'x-cert': CERTIFICATE }, rawHeaders: ['x-cert', CERTIFICATE] }),
    ),
  ];
  yield ['decoded', await outcome(() => MonoCloudBackendNodeClient.decodeJwt(TOKENS.bare))];
  yield ['health', await outcome(() => Object.keys(client.health().keys))];
  yield ['waits', String(client.setClockSkew(0))];
}
