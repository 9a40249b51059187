'use strict';

/**
 * Gathers what the engine proves: the options, the environment, and what surrounds the process. Nothing is judged
 * here but what JavaScript alone can see: that a function is one.
 */

const { readFileSync } = require('node:fs');

const native = require('../native/panic-guard.js');
const { checkedOptions, invalid, memberOf, own } = require('./arguments.js');
const { textOf } = require('./json.js');
const { exists } = require('../native/platform.js');

const PREFIX = 'MONOCLOUD_BACKEND_';
const FUNCTIONS = ['fetcher', 'metadataResolver', 'jwksResolver'];
/** The options that are values, as the engine's table has them: `groupOptions.matchAll` is in `groupOptions`. */
const VALUES = new Set(native.options().map(({ name }) => name.split('.')[0]));
/** Every option of a client. */
const OPTIONS = [...VALUES, ...FUNCTIONS, 'cache'];
/** What `groupOptions` may hold. */
const GROUP_OPTIONS = native.options().map(({ name }) => name.split('.')[1]).filter((name) => name !== undefined);

/**
 * @param flavour `backend` reads the environment, `oidc` does not.
 * @returns the engine's settings as JSON, and the user's functions if there are any.
 */
function settingsOf(flavour, options) {
  for (const name of FUNCTIONS) checkKind(name, options[name], 'function');
  checkKind('cache', options.cache, 'object');
  const { cache } = options;
  for (const name of ['get', 'set', 'delete']) checkKind(`cache.${name}`, memberOf(cache, name), 'function', cache);

  const { fetcher, metadataResolver, jwksResolver } = options;
  const hasFunctions = Boolean(fetcher || metadataResolver || jwksResolver);
  const environment = flavour === 'backend' ? ownEnvironment() : null;
  return {
    settings: textOf({ options: valuesOf(options), environment, flavour, surroundings: surroundings(options) }),
    functions: hasFunctions ? { fetcher, metadataResolver, jwksResolver } : undefined,
  };
}

/** What the engine proves, each by itself, so that one that cannot be said is named. */
function valuesOf(options) {
  const groupOptions = checkedOptions('groupOptions', options.groupOptions, GROUP_OPTIONS, 'option_invalid');
  const values = { __proto__: null };
  for (const name of VALUES) {
    try {
      const text = textOf(name === 'groupOptions' ? groupOptions : options[name], exact);
      if (text !== undefined) values[name] = JSON.parse(text);
    } catch {
      throw invalid(`${name} cannot be read (option ${name})`, 'option_invalid');
    }
  }
  return values;
}

function checkKind(name, value, kind, isAsked = value) {
  if (isAsked === undefined || isAsked === null || typeof value === kind) return;
  throw invalid(`${name} must be ${kind === 'object' ? 'an object' : 'a function'} (option ${name})`, 'option_invalid');
}

/** JSON drops what it cannot say; a number that is none must not pass for an option that was left out. */
function exact(_, value) {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return [];
  return value;
}

/** `process.env` may be a test's own object, whose values need not be texts. */
function ownEnvironment() {
  const own = Object.entries(process.env).filter(([name, value]) => name.startsWith(PREFIX) && value !== undefined);
  return Object.fromEntries(own.map(([name, value]) => [name, String(value)]));
}

/** A variable itself, never what `Object.prototype` has under its name. Blank is none. */
function variable(name) {
  const value = Object.hasOwn(process.env, name) ? String(process.env[name] ?? '').trim() : '';
  return value === '' ? undefined : value;
}

function variable(name) {
  return own(process.env, name);
}

function surroundings({ fetcher, metadataResolver, jwksResolver }) {
  return {
    hasFetcher: Boolean(fetcher),
    resolvesMetadata: Boolean(metadataResolver),
    resolvesJwks: Boolean(jwksResolver),
    extraAuthorities: extraAuthorities(),
    // Loaded only then: it takes milliseconds.
    fallbackAuthorities: hasSystemAuthorities() ? undefined : require('node:tls').rootCertificates.join('\n'),
    httpsProxy: variable('HTTPS_PROXY') ?? variable('https_proxy'),
    // In CGI, HTTP_PROXY may be a client's `Proxy:` header (CVE-2016-5385).
    httpProxy: (variable('REQUEST_METHOD') ? undefined : variable('HTTP_PROXY')) ?? variable('http_proxy'),
    noProxy: variable('NO_PROXY') ?? variable('no_proxy'),
  };
}

/** As Node has it: a file that cannot be read is passed over. */
function extraAuthorities() {
  const path = variable('NODE_EXTRA_CA_CERTS');
  if (!path) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Minimal images have no certificate store; then Node's own list, which is long, is handed over. The engine uses it
 * only where it finds no certificate itself. A path that may not be looked at counts as absent.
 */
function hasSystemAuthorities() {
  if (process.platform !== 'linux' || variable('SSL_CERT_FILE') || variable('SSL_CERT_DIR')) return true;
  return [
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/ssl/ca-bundle.pem',
    '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
    '/etc/ssl/cert.pem',
  ].some((path) => exists(path));
}

module.exports = { OPTIONS, settingsOf };
