// What is checked with each server?
//
// Every check calls the package as a user does: a client, and a guard of `protectApi`. `checksOf` returns
// `{ column, name, run }` in their order. `run` throws if the check fails. `server` is what a file of `servers/` returns
// from `start()`.

import assert from 'node:assert/strict';

import { doctor } from '../../__test__/doctor/run.mjs';
import { MonoCloudBackendNodeClient, MonoCloudTokenError, protectApi } from '../../npm/web.mjs';
import { privateJwk } from './secrets.mjs';

const YEAR_SECONDS = 366 * 24 * 3600;
const GARBAGE = 'never-issued-by-any-server';

export function checksOf(server) {
  return [
    discovery(server),
    ...server.tokens.filter(({ format }) => format === 'jwt').flatMap((token) => jwtChecks(server, token)),
    ...server.tokens.filter(({ format }) => format === 'opaque').flatMap((token) => opaqueChecks(server, token)),
    ...(server.clients ?? []).flatMap((client) => clientChecks(server, client)),
    ...(server.idToken ? [idToken(server)] : []),
    ...server.tokens.map((token) => doctorCheck(server, token)),
    ...(server.revoke && server.clients?.length > 0 ? [revocation(server)] : []),
    ...(server.rotate ? [rotation(server)] : []),
    ...(server.checks ?? []),
  ];
}

function discovery(server) {
  return {
    column: 'discovery',
    name: 'discovery finds the metadata and the keys',
    async run() {
      const client = clientFor(server);
      const metadata = await client.getMetadata();
      assert.equal(trimmed(metadata.issuer), trimmed(server.issuer));
      if (server.tokens.some(({ format }) => format === 'jwt')) assert.ok((await client.getJwks()).keys.length > 0);
    },
  };
}

function jwtChecks(server, token) {
  const check = (name, run) => ({ column: 'jwt', name: `JWT, ${token.grant}: ${name}`, run });
  return [
    check('accepted', async () => {
      const text = await token.obtain();
      const claims = await clientFor(server, token).validateAccessToken(text, { scopes: scopesOf(server, token) });
      assert.equal(claims.iss, payloadOf(text).iss);
      assert.equal(await statusOf(clientFor(server, token), text, { scopes: scopesOf(server, token) }), 200);
    }),
    check('a scope that it lacks is refused with 403', async () => {
      await assertRefused(clientFor(server, token), await token.obtain(), 403, { scopes: ['never:granted'] });
    }),
    check('another audience is refused with 401', async () => {
      const client = clientFor(server, token, { audience: 'https://another-api.example.com' });
      await assertRefused(client, await token.obtain(), 401, { reason: 'audience_mismatch' });
    }),
    check('a changed payload is refused with 401', async () => {
      const [header, payload, signature] = (await token.obtain()).split('.');
      const claims = { ...JSON.parse(Buffer.from(payload, 'base64url')), sub: 'administrator' };
      const changed = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
      await assertRefused(clientFor(server, token), changed, 401, { reason: 'signature_invalid' });
    }),
    check('an expired token is refused with 401', async () => {
      const client = clientFor(server, token, { clockSkew: YEAR_SECONDS });
      await assertRefused(client, await token.obtain(), 401, { reason: 'expired' });
    }),
  ];
}

/** Some servers put the API into the `aud` of an ID token too. Such a token has no scopes. */
function idToken(server) {
  return {
    column: 'jwt',
    name: 'an ID token is refused where a scope is required',
    async run() {
      const text = await server.idToken();
      await assertRefused(clientFor(server), text, undefined, { scopes: server.scopes });
      if ((await statusOf(clientFor(server), text)) !== 200) return [];
      return ['its ID tokens have the API in aud, and pass where no scope is required'];
    },
  };
}

function opaqueChecks(server, token) {
  const check = (name, run) => ({ column: 'opaque', name: `opaque, ${token.grant}: ${name}`, run });
  const introspecting = (more) => clientFor(server, token, { ...credentialsOf(firstClient(server)), ...more });
  return [
    check('accepted', async () => {
      const text = await token.obtain();
      assert.equal(text.split('.').length === 3, false, 'an opaque token has not three parts');
      await introspecting().validateAccessToken(text, { scopes: scopesOf(server, token) });
      assert.equal(await statusOf(introspecting(), text, { scopes: scopesOf(server, token) }), 200);
    }),
    check('a scope that it lacks is refused with 403', async () => {
      await assertRefused(introspecting(), await token.obtain(), 403, { scopes: ['never:granted'] });
    }),
    check('garbage is refused with 401', () => assertRefused(introspecting(), GARBAGE, 401)),
    ...(token.hasNoAudience
      ? [
          check('without aud, it is refused with 401 by default', async () => {
            const client = introspecting({ introspectionAudience: 'required' });
            await assertRefused(client, await token.obtain(), 401, { reason: 'audience_mismatch' });
          }),
        ]
      : [
          check('another audience is refused with 401', async () => {
            const client = introspecting({ audience: 'https://another-api.example.com' });
            await assertRefused(client, await token.obtain(), 401, { reason: 'audience_mismatch' });
          }),
        ]),
  ];
}

function clientChecks(server, client) {
  const token = client.token ?? introspected(server);
  const special = client.isSpecial && 'special characters in the secret';
  const title = [client.method, client.label, special].filter(Boolean).join(', ');
  const check = (name, run) => ({ column: 'clients', method: client, name: `${title}: ${name}`, run });
  const using = (more) => clientFor(server, token, { introspectJwtTokens: true, ...credentialsOf(client), ...more });
  if (client.isRefused) {
    return [
      check('the server refuses it, and nobody gets 401', async () => {
        const status = await statusOf(using(), await token.obtain());
        // Another version of the server may accept it.
        if (status === 200) return [`this version accepts ${title}`];
        return assertOutage(using(), await token.obtain());
      }),
    ];
  }
  return [
    check('a good token is accepted', async () => {
      assert.equal(await statusOf(using(), await token.obtain(), { scopes: scopesOf(server, token) }), 200);
    }),
    check('a token that was never issued is refused with 401', () => assertRefused(using(), GARBAGE, 401)),
    ...(client.clientSecret === undefined
      ? []
      : [
          check('with a wrong secret, nobody gets 401', async () => {
            await assertOutage(using({ clientSecret: await wrongSecret(client) }), await token.obtain());
          }),
        ]),
  ];
}

function revocation(server) {
  return {
    column: 'revocation',
    name: 'a revoked token is refused with 401',
    async run() {
      const token = introspected(server);
      const client = clientFor(server, token, { introspectJwtTokens: true, ...credentialsOf(firstClient(server)) });
      const text = await token.obtain();
      assert.equal(await statusOf(client, text), 200, 'before it was revoked');
      await server.revoke(text);
      await assertRefused(client, text, 401);
    },
  };
}

function rotation(server) {
  return {
    column: 'rotation',
    name: 'a token of a new key is accepted without a restart',
    async run() {
      const token = server.tokens.find(({ format }) => format === 'jwt');
      const client = clientFor(server, token);
      const old = await token.obtain();
      assert.equal(await statusOf(client, old), 200, 'before the rotation');
      const { isOldKeyPublished } = (await server.rotate()) ?? {};
      const fresh = await token.obtain();
      assert.notEqual(headerOf(fresh).kid, headerOf(old).kid, 'the server signs with another key');
      assert.equal(await statusOf(client, fresh), 200, 'a token of the new key, at once');
      if (isOldKeyPublished !== undefined) {
        assert.equal(await statusOf(client, old), isOldKeyPublished ? 200 : 401, 'a token of the old key');
      }
    },
  };
}

function doctorCheck(server, token) {
  return {
    column: 'doctor',
    name: `the doctor finds no problem, ${token.format}, ${token.grant}`,
    async run() {
      const client = server.clients?.length > 0 ? credentialsOf(firstClient(server)) : {};
      const variables = variablesOf({ ...optionsOf(server, token), ...client });
      const flags = [
        '--json',
        '--token',
        '-',
        ...(scopesOf(server, token) ?? []).flatMap((scope) => ['--scope', scope]),
      ];
      const { code, report, stderr } = await doctor({ variables, flags, input: await token.obtain() });
      assert.ok(report, stderr);
      const shown = (wanted) => report.checks.filter(({ status }) => status === wanted).map(lineOf);
      assert.deepEqual(shown('problem'), []);
      assert.equal(code, 0);
      return shown('warning').map((line) => `doctor: ${line}`);
    },
  };
}

function optionsOf(server, token) {
  const introspection = token?.hasNoAudience ? { introspectionAudience: 'when_present' } : {};
  return {
    tenantDomain: server.issuer,
    audience: server.audience,
    ...introspection,
    ...server.options,
    ...token?.options,
  };
}

function clientFor(server, token, more) {
  return new MonoCloudBackendNodeClient({ ...optionsOf(server, token), ...more });
}

function firstClient(server) {
  return server.clients.find(({ isRefused }) => !isRefused);
}

/** The scopes that a token has. Some servers put them into some kinds of tokens only. */
function scopesOf(server, token) {
  return token.scopes ?? server.scopes;
}

/** The token that the clients introspect: an opaque one, if the server has any. */
function introspected({ tokens }) {
  return tokens.find(({ format }) => format === 'opaque') ?? tokens[0];
}

function credentialsOf({ method, clientId, clientSecret, options }) {
  return { clientAuthMethod: method, clientId, ...(clientSecret !== undefined && { clientSecret }), ...options };
}

/** The options as environment variables, as the doctor reads them. */
function variablesOf(options) {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]),
  );
}

async function wrongSecret({ clientSecret }) {
  if (typeof clientSecret === 'string') return `${clientSecret}-wrong`;
  return privateJwk(clientSecret.alg, clientSecret.kid);
}

/** What the caller of an API gets: 200, or the status of the response. */
async function statusOf(client, token, options = {}) {
  const guard = protectApi(client)(options);
  const request = new Request('https://api.example.com/', { headers: { authorization: `Bearer ${token}` } });
  const answer = await guard(request);
  return answer instanceof Response ? answer.status : 200;
}

/** `status`: 401 or 403; either, if it is undefined. */
async function assertRefused(client, token, status, { reason, ...options } = {}) {
  const error = await errorOf(client, token, options);
  assert.ok(error instanceof MonoCloudTokenError, `${error.name} ${error.reason}: ${error.message}`);
  if (reason) assert.equal(error.reason, reason);
  const answer = await statusOf(client, token, options);
  if (status === undefined) assert.ok([401, 403].includes(answer), `${answer}`);
  else assert.equal(answer, status);
}

/** The token is good, and this API's own request fails. */
async function assertOutage(client, token) {
  const error = await errorOf(client, token);
  assert.ok(!(error instanceof MonoCloudTokenError), `${error.name} ${error.reason}: ${error.message}`);
  const status = await statusOf(client, token);
  assert.ok(status >= 500, `${status}, ${error.reason}`);
}

async function errorOf(client, token, options) {
  try {
    await client.validateAccessToken(token, options);
  } catch (error) {
    return error;
  }
  return assert.fail('the token was accepted');
}

function headerOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
}

function payloadOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

function trimmed(issuer) {
  return issuer.replace(/\/$/, '');
}

function lineOf({ id, message }) {
  return `${id}: ${message}`;
}
