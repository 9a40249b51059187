'use strict';

/** The subpath `./utils`: creates, stores and reads the parts of an authorization request. */

const { createHash, randomBytes } = require('node:crypto');

const sealed = require('./client/sealed.js');
const { MonoCloudValidationError } = require('./errors/errors.js');
const { textOf } = require('./client/json.js');
const { getNumber } = require('./internal.js');

const RANDOM_BYTES = 32;

/** The members of `CallbackParams` and their parameter names (RFC 6749 §4.1.2, §4.2.2, OpenID Connect). */
const CALLBACK_PARAMETERS = {
  accessToken: 'access_token',
  code: 'code',
  error: 'error',
  errorDescription: 'error_description',
  expiresIn: 'expires_in',
  idToken: 'id_token',
  refreshToken: 'refresh_token',
  sessionState: 'session_state',
  state: 'state',
};

/** @type {typeof import('./utils.js').isUserInGroup} */
function isUserInGroup(user, groups, groupsClaim, matchAll) {
  if (!Array.isArray(groups) || groups.some((group) => typeof group !== 'string')) {
    throw new MonoCloudValidationError('groups must be an array of strings', undefined, 'argument_invalid');
  }
  const claim = memberAt(user, groupsClaim || 'groups');
  // The engine applies the same rule as for `validateAccessToken`. Loaded here, so that the rest of this module works
  // without the add-on.
  const native = require('./native/panic-guard.js');
  return native.isUserInGroup(textOf(claim), groups, Boolean(matchAll));
}

/**
 * The member that a name or a path of names leads to. Own members only: a claim named `constructor` is absent unless the
 * token contains it. Only objects have members, as in the engine.
 *
 * @param {any} user
 * @param {string | readonly string[]} path
 * @returns {unknown}
 */
function memberAt(user, path) {
  const names = Array.isArray(path) ? [...path] : [path];
  if (names.length === 0 || names.some((name) => typeof name !== 'string')) {
    const message = 'groupsClaim must be a string or an array of strings';
    throw new MonoCloudValidationError(message, undefined, 'argument_invalid');
  }
  let at = user;
  for (const name of names) {
    const isObject = typeof at === 'object' && at !== null && !Array.isArray(at);
    if (!isObject || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

/** @type {typeof import('./utils.js').parseCallbackParams} */
function parseCallbackParams(callback) {
  const parameters = callbackParameters(callback);
  /** @type {Record<string, string | number>} */
  const result = {};
  for (const [member, name] of Object.entries(CALLBACK_PARAMETERS)) {
    const values = parameters.getAll(name);
    // RFC 6749 §3.1: a parameter must not occur twice. With two `state`s it is unclear which one was checked.
    if (values.length > 1) throw invalidCallback(`${name} appears more than once`);
    // RFC 6749 §3.1: a parameter without a value counts as omitted.
    const sent = values.length === 1 ? values[0] : undefined;
    const value = member === 'expiresIn' ? getNumber(sent) : sent || undefined;
    if (value !== undefined) result[member] = value;
  }
  return result;
}

/** @type {typeof import('./utils.js').generateState} */
function generateState() {
  return randomText();
}

/** @type {typeof import('./utils.js').generateNonce} */
function generateNonce() {
  return randomText();
}

/** @type {typeof import('./utils.js').generatePKCE} */
async function generatePKCE() {
  const codeVerifier = randomText();
  // RFC 7636 §4.2: BASE64URL(SHA256(ASCII(code_verifier))).
  const codeChallenge = createHash('sha256').update(codeVerifier, 'ascii').digest('base64url');
  return { codeVerifier, codeChallenge };
}

/** @param {URL | URLSearchParams | string} callback */
function callbackParameters(callback) {
  if (isKind(callback, 'URLSearchParams')) return new URLSearchParams(String(callback));
  const { searchParams, hash } = isKind(callback, 'URL') ? new URL(String(callback)) : parseReference(callback);
  // Uses the query or the fragment, never both. The query comes first. If the response is in the fragment, the query
  // belongs to the registered redirect URI.
  const isInQuery = Object.values(CALLBACK_PARAMETERS).some((name) => searchParams.has(name));
  return isInQuery ? searchParams : new URLSearchParams(hash.slice(1));
}

/**
 * Checks the tag instead of `instanceof`, because another realm (Jest, jsdom) has its own classes.
 *
 * @template {'URL' | 'URLSearchParams'} K
 * @param {unknown} value
 * @param {K} kind
 * @returns {value is { URL: URL, URLSearchParams: URLSearchParams }[K]}
 */
function isKind(value, kind) {
  return Object.prototype.toString.call(value) === `[object ${kind}]`;
}

/** @param {unknown} text */
function parseReference(text) {
  if (typeof text !== 'string') {
    throw invalidCallback('expected a URL, URLSearchParams or a string');
  }
  // The URL parser reads whole URLs, `req.url`, `?…` and `#…`. A plain list of parameters needs a `?` first.
  const isReference = /^(?:[/?#]|[a-z][a-z\d+.-]*:\/\/)/i.test(text);
  try {
    return new URL(isReference ? text : `?${text}`, 'http://localhost');
  } catch {
    throw invalidCallback('not a URL');
  }
}

/** @param {string} detail */
function invalidCallback(detail) {
  return new MonoCloudValidationError(`Invalid callback parameters: ${detail}`, undefined, 'callback_invalid');
}

/** 43 URL-safe characters, the minimum length of a code verifier (RFC 7636 §4.1). */
function randomText() {
  return randomBytes(RANDOM_BYTES).toString('base64url');
}

module.exports = {
  decrypt: sealed.decrypt,
  decryptAuthState: sealed.decryptAuthState,
  decryptSession: sealed.decryptSession,
  encrypt: sealed.encrypt,
  encryptAuthState: sealed.encryptAuthState,
  encryptSession: sealed.encryptSession,
  generateNonce,
  generatePKCE,
  generateState,
  isUserInGroup,
  parseCallbackParams,
};
