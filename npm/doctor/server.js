'use strict';

/**
 * Is the authorization server reachable, is it the right issuer, can its keys be used, and does its clock agree with this
 * machine's clock?
 */

/**
 * @import { ReportType } from './report.js'
 * @import { Configuration, OptionValues, ServerDocuments } from './facts.js'
 * @import { Thrown } from './thrown.js'
 * @import { IssuerMetadata, Jwk } from '../types/issuer.js'
 */

const native = require('../native/load.js');
const { fixOf } = require('../explain/fixes.js');
const { reportUnusable } = require('./keys.js');
const { defaultOf } = require('./options.js');
const { look } = require('./probe.js');
const { thrown } = require('./thrown.js');

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const DISCOVERY = '/.well-known/openid-configuration';
/** A path where no server has metadata. The error response has a `Date` header. */
const NOWHERE = '/.well-known/monocloud-doctor';
/** Seconds. `Date` has whole seconds, and both sides round. */
const CLOCK_NOISE = 2;

/**
 * @param {ReportType} report
 * @param {Configuration} configuration
 * @returns {Promise<ServerDocuments>} `{ metadata, jwks }`, each only if it could be fetched.
 */
async function checkServer(report, { client, clientAt, values }) {
  report.section('Authorization server');
  const domain = (values.get('tenantDomain') ?? '').replace(/\/$/, '');
  const metadata = await checkMetadata(report, client, domain);
  if (!metadata) {
    report.skipped('rest', 'not checked', 'JWK Set, clock, introspection and token, because they need the metadata');
    return {};
  }
  const jwks = await checkJwks(report, client, metadata);
  await checkClock(report, () => clientAt(domain + NOWHERE).getMetadata(true), values);
  return { metadata, jwks };
}

/**
 * @param {ReportType} report
 * @param {Configuration['client']} client
 * @param {string} domain
 */
async function checkMetadata(report, client, domain) {
  const url = domain + DISCOVERY;
  const start = performance.now();
  try {
    const metadata = await client.getMetadata(true);
    report.ok('tenant', 'tenant', `${url} responded in ${Math.round(performance.now() - start)} ms`);
    if (domain.startsWith('https:')) report.ok('tls', 'TLS', 'the certificate is trusted and is for this host');
    report.ok('issuer', 'issuer', metadata.issuer);
    return metadata;
  } catch (error) {
    await explain(report, thrown(error), url);
    return undefined;
  }
}

/**
 * @param {ReportType} report
 * @param {Thrown} error
 * @param {string} url
 */
async function explain(report, error, url) {
  const { reason, status } = error;
  const facts = { message: error.message, reason, fix: fixOf(reason) };
  if (reason === 'metadata_issuer_mismatch') {
    const { body } = await look(url);
    report.ok('tenant', 'tenant', `${url} responded`);
    report.problem('issuer', 'issuer', {
      ...facts,
      message: `${error.message}. The metadata has ${JSON.stringify(body?.issuer)}`,
    });
  } else if (reason?.startsWith('tls_')) {
    const { certificate } = await look(url);
    report.problem('tls', 'TLS', {
      ...facts,
      message: certificate ? `${error.message}: ${certificate}` : error.message,
    });
  } else {
    const told = status === undefined ? '' : ` (status ${status})`;
    report.problem('tenant', 'tenant', { ...facts, message: `${url}: ${error.message}${told}` });
  }
}

/**
 * @param {ReportType} report
 * @param {Configuration['client']} client
 * @param {IssuerMetadata} metadata
 */
async function checkJwks(report, client, metadata) {
  let jwks;
  try {
    jwks = await client.getJwks(true);
  } catch (error) {
    const { message, reason } = thrown(error);
    report.problem('jwks', 'JWK Set', { message: `${metadata.jwks_uri}: ${message}`, reason, fix: fixOf(reason) });
    // The engine could use no key of the set. Each key has its own reason.
    if (reason === 'keys_empty' && metadata.jwks_uri) reportUnusable(report, (await look(metadata.jwks_uri)).body);
    return undefined;
  }
  const usable = jwks.keys.map((jwk) => algorithmsOf(jwk));
  const { count } = client.health().keys;
  const algorithms = ALGORITHMS.filter((algorithm) => usable.some((some) => some.includes(algorithm)));
  report.ok('jwks', 'JWK Set', `${count} usable of ${jwks.keys.length} published, for ${algorithms.join(', ')}`);
  reportUnusable(report, jwks);
  return jwks;
}

/**
 * The algorithms that the engine uses this key for.
 *
 * @param {Jwk} jwk
 */
function algorithmsOf(jwk) {
  const only = JSON.stringify({ keys: [jwk] });
  return ALGORITHMS.filter((alg) => native.publicSigningKey(only, JSON.stringify({ alg, kid: jwk?.kid })) !== null);
}

/**
 * @param {ReportType} report
 * @param {() => Promise<unknown>} ask Requests a document that the server does not have. The error has the response
 *   with its headers.
 * @param {OptionValues} values
 */
async function checkClock(report, ask, values) {
  const before = Date.now();
  const date = await ask().then(
    () => NaN,
    (error) => Date.parse(thrown(error).raw?.headers.date ?? ''),
  );
  const after = Date.now();
  if (!(date > 0)) {
    report.skipped('clock', 'clock', 'not checked: the server sent no Date');
    return;
  }
  const skew = numberOf(values, 'clockSkew', 0);
  const tolerance = numberOf(values, 'clockTolerance', Number(defaultOf('clockTolerance')));
  // The server cuts off fractions, which are half a second on average. Half of the round trip is noise.
  const ahead = ((before + after) / 2 - date - 500) / 1000 + skew;
  const noise = CLOCK_NOISE + (after - before) / 2000;
  const seconds = Math.round(Math.abs(ahead));
  const corrected = skew === 0 ? '' : ` with clockSkew ${skew}`;
  const told = `${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the server${corrected}`;
  if (Math.abs(ahead) <= noise) {
    report.ok('clock', 'clock', "same as the server's");
    return;
  }
  const fix = "Synchronize this machine's clock with NTP.";
  if (Math.abs(ahead) <= tolerance)
    report.warning('clock', 'clock', { message: `${told}, within clockTolerance ${tolerance}`, fix });
  else report.problem('clock', 'clock', { message: `${told}, more than clockTolerance ${tolerance}`, fix });
}

/**
 * @param {OptionValues} values
 * @param {string} name
 * @param {number} otherwise
 */
function numberOf(values, name, otherwise) {
  const value = Number.parseInt(values.get(name) ?? '', 10);
  return Number.isNaN(value) ? otherwise : value;
}

module.exports = { ALGORITHMS, NOWHERE, checkServer };
