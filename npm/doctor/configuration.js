'use strict';

/**
 * Is every option present and valid?
 *
 * The engine decides. It names one invalid option at a time, so the check removes that option and tries again until the
 * engine accepts the rest.
 */

/**
 * @import { ReportType } from './report.js'
 * @import { Configuration, OptionRow, OptionValues } from './facts.js'
 */

const { MonoCloudBackendNodeClient } = require('../client/client.js');
const { OPTIONS, PREFIX, defaultOf } = require('./options.js');
const { fixOfOption } = require('./fixes.js');
const { outOfRange } = require('./ranges.js');
const { thrown } = require('./thrown.js');

/** Values that are never shown. */
const SECRETS = new Set(['clientSecret', 'clientCertificateKey', 'dpop.nonceSecret']);
/** @type {Record<string, string>} */
const REQUIRED = { tenantDomain: 'https://tenant.invalid', audience: 'https://audience.invalid' };
const CERTIFICATE = ['clientCertificate', 'clientCertificateKey'];

/**
 * Returns the client and its option values, or `undefined` if the configuration is invalid.
 *
 * @param {ReportType} report
 * @returns {Configuration | undefined}
 */
function checkConfiguration(report) {
  report.section('Configuration');
  const values = new Map(OPTIONS.map(({ name, variable }) => [name, valueOf(variable)]));
  const problems = invalidOptions();
  for (const option of OPTIONS) checkOption(report, option, values.get(option.name), problems.get(option.name));
  checkUnknown(report);
  checkTogether(report, values);
  if (problems.size > 0) return undefined;
  checkDpop(report, values);
  /** @param {string} tenantDomain */
  const clientAt = (tenantDomain) => new MonoCloudBackendNodeClient({ tenantDomain });
  return { client: new MonoCloudBackendNodeClient(), values, clientAt };
}

/** The problems that the engine finds, by the name of the option. */
function invalidOptions() {
  const problems = new Map();
  const saved = { ...process.env };
  try {
    // Each round removes at least one option.
    for (const _ of OPTIONS) {
      const invalid = firstInvalidOption();
      if (!invalid) return problems;
      problems.set(invalid.name, invalid.problem);
      const names = CERTIFICATE.includes(invalid.name) ? CERTIFICATE : [invalid.name];
      for (const { name, variable } of OPTIONS.filter((option) => names.includes(option.name))) {
        if (REQUIRED[name]) process.env[variable] = REQUIRED[name];
        else delete process.env[variable];
      }
    }
    return problems;
  } finally {
    Object.assign(process.env, saved);
  }
}

function firstInvalidOption() {
  try {
    return void new MonoCloudBackendNodeClient();
  } catch (error) {
    const [, problem, name] = /^(?:\S+ )?(.*) \(option ([\w.]+),[^)]*\)$/.exec(thrown(error).message) ?? [];
    if (name === undefined) throw error;
    return { name, problem };
  }
}

/**
 * @param {ReportType} report
 * @param {OptionRow} option
 * @param {string | undefined} value
 * @param {string | undefined} problem
 */
function checkOption(report, { name, variable, kind }, value, problem) {
  const id = `configuration.${name}`;
  if (problem !== undefined) {
    const facts = {
      message: `${variable} ${problem}`,
      reason: 'option_invalid',
      fix: fixOfOption(name, variable, value, kind),
    };
    report.problem(id, name, facts);
  } else if (value === undefined) {
    return;
  } else {
    const unusual = kind === 'number' ? outOfRange(name, value) : undefined;
    if (name === 'audience' && /["']/.test(value)) {
      const message = 'the quotation marks are part of the audience';
      report.warning(id, name, { message, fix: fixOfOption(name, variable, value, kind) });
    } else if (unusual) report.warning(id, name, { message: unusual.message, fix: `${variable}: ${unusual.fix}` });
    else report.ok(id, name, SECRETS.has(name) ? 'set, not shown' : shown(value));
  }
}

/** @param {string} value */
function shown(value) {
  return value.includes('-----BEGIN') ? 'PEM text' : value;
}

/** @param {ReportType} report */
function checkUnknown(report) {
  const known = OPTIONS.map(({ variable }) => variable);
  const names = Object.keys(process.env).filter((name) => name.startsWith(PREFIX) && !known.includes(name));
  for (const name of names.sort()) {
    const near = known.map((other) => ({ other, far: distance(name, other) })).sort((a, b) => a.far - b.far)[0];
    report.warning('configuration.unknown', name, {
      message: 'unknown variable, it has no effect',
      fix: near.far <= 4 ? `Did you mean ${near.other}?` : `Unset ${name}.`,
    });
  }
}

/**
 * @param {ReportType} report
 * @param {OptionValues} values
 */
function checkTogether(report, values) {
  /** @param {string} name */
  const isSet = (name) => values.get(name) !== undefined;
  if (isSet('clientSecret') && !isSet('clientId')) {
    report.warning('configuration.clientId', 'clientId', {
      message: 'clientSecret is set and clientId is not: tokens cannot be introspected',
      fix: `Set ${PREFIX}CLIENT_ID as well.`,
    });
  }
  checkResource(report, values.get('publicUrl')?.split(/\s+/)[0], values.get('audience'));
}

/**
 * A resource names its URL (RFC 9728 §2), clients send it to the issuer (RFC 8707 §2), and it comes back as `aud`.
 *
 * @param {ReportType} report
 * @param {string | undefined} publicUrl
 * @param {string | undefined} audience
 */
function checkResource(report, publicUrl, audience) {
  const [origin, audiences] = [originOf(publicUrl), audience?.split(/\s+/) ?? []];
  const near = audiences.find((one) => originOf(one) === origin);
  if (origin === undefined || near === undefined || audiences.includes(String(publicUrl))) return;
  report.warning('configuration.resource', 'resource', {
    message: `publicUrl is ${publicUrl} and audience is ${near}: the metadata of protectedResource() names the first, and tokens for it are rejected`,
    fix: 'If this API is an MCP server, set the option resource of protectedResource() to the audience. Otherwise, this is no problem.',
  });
}

/** @param {string | undefined} text */
function originOf(text) {
  try {
    return new URL(String(text)).origin;
  } catch {
    return undefined;
  }
}

/** @type {Record<string, string>} */
const DPOP_MODES = {
  when_present: 'tokens that are bound to a key need a proof',
  required: 'every token must be bound to a key and needs a proof',
  dangerously_ignore: 'proofs are not checked, and bound tokens are accepted as bearer tokens',
};

/**
 * Which mode of DPoP applies, and what an API with several processes or a proxy needs beside it.
 *
 * @param {ReportType} report
 * @param {OptionValues} values
 */
function checkDpop(report, values) {
  const mode = values.get('validateDPoPBinding') ?? String(defaultOf('validateDPoPBinding')).replaceAll('`', '');
  const isIgnored = mode === 'dangerously_ignore';
  const url =
    values.get('publicUrl') === undefined ? 'publicUrl is not set, so the framework names the URL' : 'publicUrl is set';
  const replay = 'without dpop.replayStore, each process accepts a proof once';
  report.ok(
    'configuration.dpop',
    'DPoP',
    [`${mode}: ${DPOP_MODES[mode]}`, ...(isIgnored ? [] : [url, replay])].join('; '),
  );
  const nonce = values.get('dpop.nonce') ?? 'off';
  if (isIgnored || nonce === 'off' || values.get('dpop.nonceSecret') !== undefined) return;
  report.warning('configuration.dpop.nonceSecret', 'dpop.nonceSecret', {
    message: `dpop.nonce is ${nonce} and dpop.nonceSecret is not set: each process rejects the nonces of the others`,
    fix: `Set ${PREFIX}DPOP_NONCE_SECRET to the same secret in every process. \`openssl rand -hex 32\` makes one.`,
  });
}

/**
 * The value of a variable, without white space around it. An empty value counts as not set.
 *
 * @param {string} variable
 */
function valueOf(variable) {
  return process.env[variable]?.trim() || undefined;
}

/**
 * The Levenshtein distance of two texts.
 *
 * @param {string} a
 * @param {string} b
 */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

module.exports = { checkConfiguration };
