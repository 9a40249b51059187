'use strict';

/** What does the inspector's page show for a token? The client's explanation, and what stands beside it. */

/**
 * @import { Configuration } from './facts.js'
 * @import { Explanation } from '../types/explain.js'
 */
/**
 * What the page sends.
 *
 * @typedef {object} Question
 * @property {string} token
 * @property {string[]} scopes
 * @property {string | undefined} certificate
 * @property {{ proof: string, method: string, url: string } | undefined} dpop
 * @property {boolean} mayIntrospect Whether the user agreed to send the token to the authorization server.
 */

const { anyValidatorOf } = require('../client/client.js');
const { NOWHERE } = require('./server.js');
const { thrown } = require('./thrown.js');
const { protectApi } = require('../web.js');

/** How long the issuer's clock is not asked for again, in milliseconds. */
const CLOCK_MS = 60_000;

/**
 * Returns the function that answers the page.
 *
 * @param {Configuration} configuration
 */
function inspection(configuration) {
  const { client } = configuration;
  const clock = clockOf(configuration);
  /** @param {unknown} body */
  return async function inspect(body) {
    const question = questionOf(body);
    const { token, scopes, certificate, dpop, mayIntrospect } = question;
    const validator = anyValidatorOf(client);
    if (validator === undefined || token === '') return { ask: undefined, error: 'Paste a token.' };
    // Nothing is sent to the authorization server before the user has read where it goes.
    if (!validator.isLocal(token) && !mayIntrospect) return { ask: { issuer: validator.issuer } };
    const options = {
      scopes,
      clientCertificate: certificate,
      ...(dpop && { scheme: /** @type {const} */ ('dpop'), dpop }),
    };
    const explanation = await client.explain(token, options);
    const [response, skew] = await Promise.all([responseOf(client, question, explanation), clock()]);
    return {
      explanation,
      issuer: validator.issuer,
      audiences: validator.audiences,
      parts: validator.isLocal(token) ? partsOf(token) : undefined,
      proof: dpop && partsOf(dpop.proof),
      now: Math.floor(Date.now() / 1000),
      skew,
      keys: await keysOf(client),
      response,
    };
  };
}

/**
 * @param {unknown} body
 * @returns {Question}
 */
function questionOf(body) {
  const given = Object(body);
  /** @param {string} name */
  const text = (name) => (typeof given[name] === 'string' ? given[name].trim() : '');
  const proof = text('proof').replace(/^DPoP: */i, '');
  return {
    token: text('token').replace(/^(?:Authorization: *)?(?:Bearer|DPoP) +/i, ''),
    scopes: text('scopes').split(/\s+/).filter(Boolean).slice(0, 100),
    certificate: text('certificate') || undefined,
    dpop:
      proof === ''
        ? undefined
        : { proof, method: text('method') || 'GET', url: text('url') || 'https://unknown.invalid' },
    mayIntrospect: given.mayIntrospect === true,
  };
}

/**
 * The response of a route with these requirements, if it would be a rejection. A proof that is accepted would be used up.
 *
 * @param {Configuration['client']} client
 * @param {Question} question
 * @param {Explanation} explanation
 */
async function responseOf(client, { token, scopes, certificate, dpop }, { decision }) {
  if (decision === 'accepted') return undefined;
  try {
    const resolver = certificate === undefined ? {} : { certificateResolver: () => certificate };
    const guard = protectApi(client, resolver)({ scopes });
    const headers = { authorization: `${dpop ? 'DPoP' : 'Bearer'} ${token}`, ...(dpop && { dpop: dpop.proof }) };
    const request = new Request(dpop?.url ?? 'https://api.invalid', { method: dpop?.method ?? 'GET', headers });
    const answer = await guard(request);
    if (!(answer instanceof Response)) return undefined;
    return {
      status: answer.status,
      challenge: answer.headers.get('www-authenticate') ?? undefined,
      retryAfter: answer.headers.get('retry-after') ?? undefined,
      body: await answer.text(),
    };
  } catch {
    // Such a request cannot be sent at all: its method, URL or a header is invalid.
    return undefined;
  }
}

/**
 * The header and the claims as text, and the length of the signature, which is not repeated.
 *
 * @param {string} jwt
 */
function partsOf(jwt) {
  const [header, claims, signature = ''] = jwt.split('.');
  return {
    header: decoded(header),
    claims: decoded(claims),
    signatureBytes: Buffer.from(signature, 'base64url').length,
  };
}

/** @param {string | undefined} part */
function decoded(part) {
  try {
    return JSON.parse(Buffer.from(part ?? '', 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** @param {Configuration['client']} client */
async function keysOf(client) {
  try {
    const { keys } = await client.getJwks();
    const { age, nextRefresh, count } = client.health().keys;
    /** @param {unknown} value */
    const text = (value) => (value === undefined ? undefined : String(value).slice(0, 200));
    const list = keys.slice(0, 100).map((jwk) => ({
      kid: text(jwk?.kid),
      kty: text(jwk?.kty),
      alg: text(jwk?.alg),
      crv: text(jwk?.crv),
      use: text(jwk?.use),
    }));
    return { list, age, nextRefresh, count };
  } catch (error) {
    const { message, reason } = thrown(error);
    return { error: message, reason };
  }
}

/**
 * Returns a function that returns how many seconds this machine's clock is ahead of the issuer's, by its `Date` header.
 *
 * @param {Configuration} configuration
 */
function clockOf({ clientAt, values }) {
  const domain = (values.get('tenantDomain') ?? '').replace(/\/$/, '');
  /** @type {{ at: number, skew: number | undefined }} */
  let known = { at: -Infinity, skew: undefined };
  return async () => {
    if (performance.now() - known.at < CLOCK_MS) return known.skew;
    const before = Date.now();
    const date = await clientAt(domain + NOWHERE)
      .getMetadata(true)
      .then(
        () => NaN,
        (error) => Date.parse(thrown(error).raw?.headers.date ?? ''),
      );
    const skew = date > 0 ? Math.round(((before + Date.now()) / 2 - date - 500) / 1000) : undefined;
    known = { at: performance.now(), skew };
    return skew;
  };
}

module.exports = { inspection };
