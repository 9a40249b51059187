'use strict';

/**
 * Collects what a new client needs: the options, the environment variables, and the network settings of the process.
 * The engine validates them. This module only checks what JSON cannot carry: functions and the cache.
 */

/**
 * @import { DPoPOptions, IReplayStore } from '../types/dpop.js'
 * @import { MonoCloudBackendNodeClientOptions } from '../types/options.js'
 */
/**
 * The options as the caller wrote them. Their names are checked, and their values are not.
 *
 * @typedef {{ [Name in keyof MonoCloudBackendNodeClientOptions]?: MonoCloudBackendNodeClientOptions[Name] | null }
 *   & Record<string, unknown>} GivenOptions
 */
/** @typedef {{ store: IReplayStore, failure: 'local' | 'refuse' }} Replay The user's replay store. */
/** @typedef {Required<Pick<MonoCloudBackendNodeClientOptions, 'fetcher' | 'metadataResolver' | 'jwksResolver'>>} Functions */

const { readFileSync } = require('node:fs');
const { isMap, isSet } = require('node:util').types;

const { NAMES } = require('../native/constants.js');
const native = require('../native/panic-guard.js');
const { checkedOptions, invalid, memberOf, own } = require('./arguments.js');
const { textOf } = require('./json.js');
const { exists } = require('../native/platform.js');

const FUNCTIONS = ['fetcher', 'metadataResolver', 'jwksResolver'];
/** The options that are plain values, from the engine's table. `groupOptions.matchAll` counts as `groupOptions`. */
const VALUES = new Set(native.options().map(({ name }) => name.split('.')[0]));
/** The members of `dpop` that the engine does not know. */
const REPLAY_OPTIONS = ['replayStore', 'replayStoreFailure'];
const REPLAY_STORE_FAILURES = ['local', 'refuse'];
/**
 * All options of a client.
 *
 * @type {readonly string[]}
 */
const OPTIONS = [...VALUES, ...FUNCTIONS, 'cache', 'revocation'];
/** The members of the options that are objects. */
const MEMBERS = {
  groupOptions: membersOf('groupOptions'),
  scopeOptions: membersOf('scopeOptions'),
  dpop: [...membersOf('dpop'), ...REPLAY_OPTIONS],
};

/**
 * Returns the settings for the engine as JSON, the user's functions if there are any, the user's replay store as
 * `{ store, failure }` if there is one, and the first public URL as it was written.
 *
 * @param {'backend' | 'oidc'} clientKind `backend` reads environment variables, `oidc` does not.
 * @param {GivenOptions} options
 * @returns {{
 *   settings: string,
 *   functions: Functions | undefined,
 *   replay: Replay | undefined,
 *   publicUrl: string | undefined,
 * }}
 */
function settingsOf(clientKind, options) {
  for (const name of FUNCTIONS) checkKind(name, options[name], 'function');
  checkKind('cache', options.cache, 'object');
  const { cache } = options;
  for (const name of ['get', 'set', 'delete']) checkKind(`cache.${name}`, memberOf(cache, name), 'function', cache);

  const { groupOptions, scopeOptions, dpop } = objectsIn(options);
  const { replayStore, replayStoreFailure, ...proofs } = dpop;
  checkReplay(replayStore, replayStoreFailure);

  const { fetcher, metadataResolver, jwksResolver } = options;
  const hasFunctions = Boolean(fetcher || metadataResolver || jwksResolver);
  // The engine knows which functions exist, and requests no others.
  const functions = /** @type {Functions} */ ({ fetcher, metadataResolver, jwksResolver });
  const environment = clientKind === 'backend' ? clientEnvironment() : null;
  /** @type {Record<string, any>} */
  const all = { __proto__: null, ...options, groupOptions, scopeOptions, dpop: { __proto__: null, ...proofs } };
  const values = valuesOf(all);
  return {
    settings: textOf({
      options: values,
      environment,
      clientKind,
      hostEnvironment: hostEnvironment(options),
    }),
    functions: hasFunctions ? functions : undefined,
    replay: replayStore ? { store: replayStore, failure: replayStoreFailure ?? 'local' } : undefined,
    publicUrl: firstPublicUrl(values, environment),
  };
}

/**
 * The engine normalizes the URLs. Metadata must repeat what was written (RFC 9728 §3.3).
 *
 * @param {Record<string, any>} values
 * @param {Record<string, string> | null} environment
 * @returns {string | undefined}
 */
function firstPublicUrl({ publicUrl }, environment) {
  const fromEnvironment = environment === null ? undefined : own(environment, `${NAMES.variablePrefix}PUBLIC_URL`);
  const [first] = [publicUrl ?? fromEnvironment].flat();
  return typeof first === 'string' ? first.trim().split(/\s+/)[0] : undefined;
}

/**
 * The names of an object's members in the engine's table.
 *
 * @param {string} object
 */
function membersOf(object) {
  const names = native.options().map(({ name }) => name.split('.'));
  return names.filter(([outer, inner]) => outer === object && inner !== undefined).map(([, inner]) => inner);
}

/**
 * Reads the options that are objects. Their members are checked like options.
 *
 * @param {GivenOptions} options
 * @returns {{ groupOptions: Record<string, unknown>, scopeOptions: Record<string, unknown>, dpop: DPoPOptions }}
 */
function objectsIn(options) {
  /** @param {keyof typeof MEMBERS} name */
  const read = (name) => checkedOptions(name, options[name], MEMBERS[name], 'option_invalid');
  return { groupOptions: read('groupOptions'), scopeOptions: read('scopeOptions'), dpop: read('dpop') };
}

/**
 * @param {unknown} store
 * @param {any} failure
 */
function checkReplay(store, failure) {
  checkKind('dpop.replayStore', store, 'object');
  checkKind('dpop.replayStore.add', memberOf(store, 'add'), 'function', store);
  if (failure === undefined || failure === null || REPLAY_STORE_FAILURES.includes(failure)) return;
  const message = 'dpop.replayStoreFailure must be local or refuse (option dpop.replayStoreFailure)';
  throw invalid(message, 'option_invalid');
}

/**
 * Returns the options that the engine validates. Each is serialized alone, so that an error can name it.
 *
 * @param {GivenOptions} options
 */
function valuesOf(options) {
  /** @type {Record<string, unknown>} */
  const values = Object.create(null);
  for (const name of VALUES) {
    try {
      const text = textOf(options[name], keepInvalid);
      if (text !== undefined) values[name] = JSON.parse(text);
    } catch {
      throw invalid(`${name} cannot be read (option ${name})`, 'option_invalid');
    }
  }
  return values;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {'function' | 'object'} kind
 * @param {unknown} holder The option that `value` is a member of. An absent option has no members to check.
 */
function checkKind(name, value, kind, holder = value) {
  if (holder === undefined || holder === null || typeof value === kind) return;
  throw invalid(`${name} must be ${kind === 'object' ? 'an object' : 'a function'} (option ${name})`, 'option_invalid');
}

/**
 * JSON drops, nulls or empties some values. They must not count as absent options, so they become values that are invalid.
 *
 * @param {string} _
 * @param {unknown} value
 */
function keepInvalid(_, value) {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (isMap(value) || isSet(value)) return [];
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return [];
  return value;
}

/** Returns this package's environment variables. Tests replace `process.env`, so a value may not be a string. */
function clientEnvironment() {
  const entries = Object.entries(process.env).filter(
    ([name, value]) => name.startsWith(NAMES.variablePrefix) && value !== undefined,
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

/**
 * A variable without white space around it. A blank variable counts as unset.
 *
 * @param {string} name
 */
function variable(name) {
  return own(process.env, name)?.trim() || undefined;
}

/**
 * The machine's network settings, and which of the user's functions exist.
 *
 * @param {GivenOptions} options
 */
function hostEnvironment({ fetcher, metadataResolver, jwksResolver }) {
  return {
    hasFetcher: Boolean(fetcher),
    resolvesMetadata: Boolean(metadataResolver),
    resolvesJwks: Boolean(jwksResolver),
    extraAuthorities: extraAuthorities(),
    // Loading `node:tls` takes milliseconds, so it is loaded only if it is needed.
    fallbackAuthorities: hasSystemAuthorities() ? undefined : require('node:tls').rootCertificates.join('\n'),
    httpsProxy: variable('HTTPS_PROXY') ?? variable('https_proxy'),
    // Under CGI, HTTP_PROXY may hold the `Proxy` header of a request (CVE-2016-5385).
    httpProxy: (variable('REQUEST_METHOD') ? undefined : variable('HTTP_PROXY')) ?? variable('http_proxy'),
    noProxy: variable('NO_PROXY') ?? variable('no_proxy'),
  };
}

/** As in Node, a file that cannot be read is ignored. */
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
 * Whether the system has a certificate store. Minimal container images have none. Then the engine receives Node's own
 * list, which it uses if it finds no certificate itself. A path that may not be read counts as absent.
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

/**
 * The error of the constructor. The engine's message names the option.
 *
 * @param {any} error
 */
function ofOption(error) {
  return error?.name === 'MonoCloudHttpError' ? error : invalid(error.message, 'option_invalid');
}

module.exports = { OPTIONS, ofOption, settingsOf };
