'use strict';

/**
 * The subpath `./utils`: the parts of an authorization request that a server makes, keeps and reads back.
 */

const { createHash, randomBytes } = require('node:crypto');

const sealed = require('./client/sealed.js');
const { MonoCloudValidationError } = require('./errors/errors.js');
const { textOf } = require('./client/json.js');
const { getNumber } = require('./internal.js');

const RANDOM_BYTES = 32;

/** The members of `CallbackParams` and their names on the wire: RFC 6749 §4.1.2, §4.2.2 and OpenID Connect. */
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

function isUserInGroup(user, groups, groupsClaim, matchAll) {
  if (!Array.isArray(groups) || groups.some((group) => typeof group !== 'string')) {
    throw new MonoCloudValidationError('groups must be an array of strings', undefined, 'argument_invalid');
  }
  const name = groupsClaim || 'groups';
  // An own member only: a claim named `constructor` is absent unless the token carries it.
  const claim = user != null && Object.hasOwn(user, name) ? user[name] : undefined;
  // The rule is the engine's, the same one that guards `validateAccessToken`. Loaded here, so that the rest of
  // this module works where no add-on is built.
  const native = require('./native/panic-guard.js');
  return native.isUserInGroup(textOf(claim), groups, Boolean(matchAll));
}

function parseCallbackParams(callback) {
  const parameters = callbackParameters(callback);
  const result = {};
  for (const [member, name] of Object.entries(CALLBACK_PARAMETERS)) {
    const values = parameters.getAll(name);
    // RFC 6749 §3.1: a parameter appears at most once; with two `state`s, which one was checked?
    if (values.length > 1) throw invalidCallback(`${name} appears more than once`);
    // RFC 6749 §3.1: a parameter without a value is one that was not sent.
    const sent = values.length === 1 ? values[0] : undefined;
    const value = member === 'expiresIn' ? getNumber(sent) : sent || undefined;
    if (value !== undefined) result[member] = value;
  }
  return result;
}

function generateState() {
  return randomText();
}

function generateNonce() {
  return randomText();
}

async function generatePKCE() {
  const codeVerifier = randomText();
  // RFC 7636 §4.2: BASE64URL(SHA256(ASCII(code_verifier))).
  const codeChallenge = createHash('sha256').update(codeVerifier, 'ascii').digest('base64url');
  return { codeVerifier, codeChallenge };
}

function callbackParameters(callback) {
  if (isKind(callback, 'URLSearchParams')) return new URLSearchParams(String(callback));
  const { searchParams, hash } = isKind(callback, 'URL') ? new URL(String(callback)) : parseReference(callback);
  // One part or the other, never a mixture. The query comes first, but a registered redirect URI may have a query
  // of its own while the response is in the fragment.
  const answersInQuery = Object.values(CALLBACK_PARAMETERS).some((name) => searchParams.has(name));
  return answersInQuery ? searchParams : new URLSearchParams(hash.slice(1));
}

/** By its tag, never by `instanceof`: another realm (Jest, jsdom) has classes of its own. */
function isKind(value, kind) {
  return Object.prototype.toString.call(value) === `[object ${kind}]`;
}

function parseReference(text) {
  if (typeof text !== 'string') {
    throw invalidCallback('expected a URL, URLSearchParams or a string');
  }
  // Whole URLs, `req.url`, `?…` and `#…` are references the URL parser knows; a bare list of parameters is not.
  const isReference = /^(?:[/?#]|[a-z][a-z\d+.-]*:\/\/)/i.test(text);
  try {
    return new URL(isReference ? text : `?${text}`, 'http://localhost');
  } catch {
    throw invalidCallback('not a URL');
  }
}

function invalidCallback(detail) {
  return new MonoCloudValidationError(`Invalid callback parameters: ${detail}`, undefined, 'callback_invalid');
}

/** 43 characters of the URL-safe alphabet, which is also the least RFC 7636 §4.1 asks of a code verifier. */
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
