// Does the client decide on scopes, groups, permissions, roles and claims as an oracle does?
//
// The oracle below states the rules over again, in another way than the engine: with sets and a fixed point. 300 pairs of
// claims and a policy go through every path: a new JWT, a remembered one, the caller's keys, an introspected token, both
// kinds of cache, and the claims of an overridden method. Each token meets five policies, which is more than the engine
// remembers answers for.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { mapCache } from '../support/caches.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { ISSUER, JWKS, offline, signed } from '../support/offline.mjs';

const TOKENS = 60;
const POLICIES = 5;

/** The settings of a client, with which the oracle decides too. */
const SETTINGS = [
  {},
  {
    scopeOptions: { scopesClaim: ['scp', 'scope'], implies: { admin: ['write'], write: ['read'], read: ['write'] } },
    permissionsClaim: 'roles',
  },
  {
    scopeOptions: { scopesClaim: [['ctx', 'list'], 'scope'] },
    groupOptions: { groupsClaim: ['ctx', 'list'], matchAll: true },
    rolesClaim: ['ctx', 'roles'],
  },
];

// --- The oracle -----------------------------------------------------------------------------------------------------

/** The reason to refuse, or `ok`. */
function oracle(claims, policy, settings) {
  const granted = grantedBy(claims, settings.scopeOptions ?? {});
  const held = (option, usual, read) => new Set(read(valueAt(claims, option ?? usual)));
  const groups = held(settings.groupOptions?.groupsClaim, 'groups', groupsIn);
  const permissions = held(settings.permissionsClaim, 'permissions', textsIn);
  const roles = held(settings.rolesClaim, 'roles', textsIn);
  const count = settings.groupOptions?.matchAll ? 'every' : 'some';
  const failures = [
    ['scope_missing', (policy.scopes ?? []).some((scope) => !granted.has(scope))],
    ['scope_missing', policy.anyScopes !== undefined && !policy.anyScopes.some((scope) => granted.has(scope))],
    ['group_missing', policy.groups?.length > 0 && !policy.groups[count]((group) => groups.has(group))],
    ['permission_missing', (policy.permissions ?? []).some((permission) => !permissions.has(permission))],
    ['role_missing', (policy.roles ?? []).some((role) => !roles.has(role))],
    ['claim_mismatch', !Object.entries(policy.claims ?? {}).every(([name, rule]) => meets(claims, name, rule))],
  ];
  return failures.find(([, fails]) => fails)?.[0] ?? 'ok';
}

function withoutNulls(claims) {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null));
}

function grantedBy(claims, { scopesClaim = 'scope', implies = {} }) {
  const found = [scopesClaim].flat().map((path) => valueAt(claims, path));
  const value = found.find((candidate) => candidate !== undefined);
  const words =
    typeof value === 'string' ? value.match(/[^ ]+/g) : textsIn(value ?? []).filter((word) => /^[^ ]+$/.test(word));
  const granted = new Set(words);
  for (let size = -1; size !== granted.size;) {
    size = granted.size;
    for (const scope of granted) for (const implied of implies[scope] ?? []) granted.add(implied);
  }
  return granted;
}

function valueAt(claims, path) {
  const step = (value, name) => Object.entries(isRecord(value) ? value : {}).find(([own]) => own === name)?.[1];
  return [path].flat().reduce(step, claims);
}

const isRecord = (value) => Object.prototype.toString.call(value) === '[object Object]';
const textsIn = (value) => [value].flat().filter((item) => typeof item === 'string');
const groupsIn = (value) =>
  Array.isArray(value)
    ? value.flatMap((item) => textsIn(isRecord(item) ? [item.id, item.name] : [item]))
    : textsIn(value);

function meets(claims, name, rule) {
  const value = Object.hasOwn(claims, name) ? claims[name] : Symbol('absent');
  if (!isRecord(rule)) return value === rule;
  if ('in' in rule) return rule.in.some((one) => one === value);
  const wanted = [rule.contains].flat();
  return Array.isArray(value) && wanted.filter((text) => !value.includes(text)).length === 0;
}

// --- The pairs ------------------------------------------------------------------------------------------------------

/** Numbers that are the same in every run (Numerical Recipes, "quick and dirty" generator). */
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const next = generator(20261126);
const oneOf = (list) => list[next(list.length)];
const someOf = (list) => list.filter(() => next(2) === 0);
const atTimes = (value) => (next(4) === 0 ? value() : undefined);

const WORDS = ['read', 'write', 'admin', 'x'];
const VALUES = [
  'a',
  'ab',
  'a b',
  '1',
  1,
  0,
  1.5,
  -2e9,
  true,
  false,
  null,
  ['a', 'b'],
  ['ab'],
  [1, 'a'],
  { a: 'a' },
  [],
];
const scopeValue = () =>
  oneOf([someOf(WORDS).join(' '), someOf(WORDS), 'read  write', ['read write', 'x'], null, 7, [['read']]]);
const listValue = () =>
  oneOf([
    someOf(WORDS),
    someOf(WORDS),
    'write',
    'read write',
    [{ id: 'read', name: 'x' }, 'admin'],
    [['read']],
    { id: 'x' },
    null,
  ]);

function randomClaims() {
  return present({
    scope: oneOf([undefined, scopeValue(), scopeValue()]),
    scp: oneOf([undefined, undefined, scopeValue()]),
    ctx: oneOf([
      undefined,
      'list',
      [{ list: WORDS }],
      present({ list: listValue(), roles: listValue() }),
      { roles: WORDS },
    ]),
    groups: oneOf([undefined, listValue()]),
    permissions: oneOf([undefined, listValue(), WORDS]),
    roles: oneOf([undefined, listValue(), WORDS]),
    tenant: oneOf([undefined, ...VALUES]),
    'https://acme/a.b': oneOf([undefined, ...VALUES]),
  });
}

function randomPolicy() {
  const scalars = VALUES.filter((value) => !Array.isArray(value) && !isRecord(value));
  const rule = () =>
    oneOf([
      oneOf(scalars),
      { in: [oneOf(scalars), oneOf(scalars), oneOf(scalars)] },
      { contains: oneOf(['a', 'b']) },
      { contains: ['a', 'b'] },
    ]);
  const list = () => someOf(WORDS).slice(0, 2);
  return present({
    scopes: atTimes(list),
    anyScopes: atTimes(() => [oneOf(WORDS), oneOf(WORDS)]),
    groups: atTimes(list),
    permissions: atTimes(list),
    roles: atTimes(list),
    claims: atTimes(() => present({ tenant: rule(), 'https://acme/a.b': oneOf([undefined, rule()]) })),
  });
}

const present = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** `{ settings, claims, policies: [{ policy, expected }] }`, one per token. */
const TABLE = Array.from({ length: TOKENS }, (_, i) => {
  const [settings, claims] = [SETTINGS[i % SETTINGS.length], randomClaims()];
  const policies = Array.from({ length: POLICIES }, () => randomPolicy());
  return {
    settings,
    claims,
    policies: policies.map((policy) => ({
      policy,
      expected: oracle(claims, policy, settings),
      // A member of a response that is null counts as absent.
      ofResponse: oracle(withoutNulls(claims), policy, settings),
    })),
  };
});

// --- The paths ------------------------------------------------------------------------------------------------------

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

class Own extends MonoCloudBackendNodeClient {
  validateJwtAccessToken(token) {
    return MonoCloudBackendNodeClient.decodeJwt(token);
  }
}

const opaque = (claims) => issuer.opaque({ scope: undefined, ...claims });

/** For each path: a client of some settings, how it validates, and how a token of some claims is made. */
const PATHS = {
  'a JWT, new and remembered': { start: (settings) => offline(settings), make: signed },
  'a JWT that is never remembered': {
    start: (settings) => offline({ ...settings, verifiedTokenCacheSize: 0 }),
    make: signed,
  },
  "a JWT with the caller's keys": {
    start: (settings) => offline(settings),
    make: signed,
    validate: (client, token, policy) => client.validateJwtAccessToken(token, { ...policy, jwks: JWKS }),
  },
  'an introspected token': { start: (settings) => backend(issuer, { ...ANY_CLIENT, ...settings }), make: opaque },
  'an introspected token in memoryCache()': {
    start: (settings) => backend(issuer, { ...ANY_CLIENT, ...settings, cache: memoryCache() }),
    make: opaque,
  },
  "an introspected token in a user's cache": {
    start: (settings) => backend(issuer, { ...ANY_CLIENT, ...settings, cache: mapCache() }),
    make: opaque,
  },
  "a JWT in a user's cache": { start: (settings) => offline({ ...settings, cache: mapCache() }), make: signed },
  'the claims of an overridden method': {
    start: (settings) => new Own({ tenantDomain: ISSUER, audience: AUDIENCE, jwksResolver: () => JWKS, ...settings }),
    make: signed,
  },
};

const validated = async (validate) =>
  validate().then(
    () => 'ok',
    ({ reason }) => reason,
  );

describe('300 pairs of claims and a policy', () => {
  test('every reason occurs, and enough pairs are accepted', () => {
    const expected = TABLE.flatMap(({ policies }) => policies.map((one) => one.expected));
    assert.equal(expected.length, 300);
    const count = (reason) => expected.filter((one) => one === reason).length;
    for (const reason of ['scope_missing', 'group_missing', 'permission_missing', 'role_missing', 'claim_mismatch']) {
      assert.ok(count(reason) >= 10, `${reason}: ${count(reason)}`);
    }
    assert.ok(count('ok') >= 60, `ok: ${count('ok')}`);
  });

  for (const [path, { start, make, validate }] of Object.entries(PATHS)) {
    test(`are decided as the oracle says: ${path}`, async () => {
      const clients = new Map(SETTINGS.map((settings) => [settings, start(settings)]));
      for (const { settings, claims, policies } of TABLE) {
        const client = clients.get(settings);
        const token = make(claims);
        for (let round = 1; round <= 3; round += 1) {
          for (const { policy, expected, ofResponse } of policies) {
            const call = validate ?? ((api, text, required) => api.validateAccessToken(text, required));
            const reason = await validated(async () => call(client, token, policy));
            assert.equal(
              reason,
              make === opaque ? ofResponse : expected,
              `round ${round}: ${JSON.stringify({ settings, claims, policy })}`,
            );
          }
        }
      }
    });
  }
});
