'use strict';

/**
 * Encrypts data that leaves the process in a cookie or a redirect, so that nobody can read or change it.
 *
 * The cipher is AES-256-GCM (NIST SP 800-38D), with a key from PBKDF2-HMAC-SHA256 (RFC 8018 §5.2). The text is the
 * base64url (RFC 4648 §5, no padding) of salt || IV || ciphertext || tag.
 */

/**
 * @typedef {object} Envelope
 * @property {string} member
 * @property {readonly [message: string, reason: string]} invalid
 * @property {readonly [message: string, reason: string]} expired
 */

const { createCipheriv, createDecipheriv, pbkdf2, randomBytes } = require('node:crypto');
const { promisify } = require('node:util');

const { FAILURES, MonoCloudValidationError } = require('../errors/errors.js');
const { textOf } = require('./json.js');
const { now } = require('../internal.js');

/** Asynchronous, because a derivation takes 100 ms or more. It runs on libuv's thread pool. */
const pbkdf2Async = promisify(pbkdf2);

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const KEY_ITERATIONS = 310_000;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Concurrent derivations. libuv's pool has four threads by default, and `fs`, DNS and zlib need some of them. */
const MAX_DERIVING = 2;
/** Derivations that may wait. With more, the oldest one fails as `overloaded`. */
const MAX_WAITING = 64;

/**
 * The member of an envelope that holds the value, and the errors of this kind of envelope.
 *
 * @type {Envelope}
 */
const SESSION = {
  member: 'session',
  invalid: ['Invalid session data', 'session_invalid'],
  expired: ['Session Expired', 'session_expired'],
};
/** @type {Envelope} */
const AUTH_STATE = {
  member: 'authState',
  invalid: ['Invalid auth state', 'auth_state_invalid'],
  expired: ['Auth state expired', 'auth_state_expired'],
};

/** @type {typeof import('../utils.js').encryptSession} */
async function encryptSession(session, secret, ttl) {
  return seal(SESSION, session, secret, ttl);
}

/** @type {typeof import('../utils.js').decryptSession} */
async function decryptSession(encryptedSession, secret) {
  return open(SESSION, encryptedSession, secret);
}

/** @type {typeof import('../utils.js').encryptAuthState} */
async function encryptAuthState(authState, secret, ttl) {
  return seal(AUTH_STATE, authState, secret, ttl);
}

/** @type {typeof import('../utils.js').decryptAuthState} */
async function decryptAuthState(encryptedAuthState, secret) {
  return open(AUTH_STATE, encryptedAuthState, secret);
}

/** @type {typeof import('../utils.js').encrypt} */
async function encrypt(data, secret) {
  if (typeof data !== 'string') {
    throw new MonoCloudValidationError('data must be a string', undefined, 'argument_invalid');
  }
  if (!isSecret(secret)) {
    throw new MonoCloudValidationError('secret must be a non-empty string', undefined, 'argument_invalid');
  }
  const salt = randomBytes(SALT_BYTES);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, await deriveKey(secret, salt), iv, { authTagLength: TAG_BYTES });
  const ciphertext = Buffer.concat([cipher.update(data, 'utf8'), cipher.final()]);
  return Buffer.concat([salt, iv, ciphertext, cipher.getAuthTag()]).toString('base64url');
}

/** @type {typeof import('../utils.js').decrypt} */
async function decrypt(data, secret) {
  const bytes = decodeBase64Url(data);
  // Checked before the key derivation, so that malformed text costs no PBKDF2.
  if (bytes === undefined || bytes.length < SALT_BYTES + IV_BYTES + TAG_BYTES || !isSecret(secret)) {
    return undefined;
  }
  const salt = bytes.subarray(0, SALT_BYTES);
  const iv = bytes.subarray(SALT_BYTES, SALT_BYTES + IV_BYTES);
  const ciphertext = bytes.subarray(SALT_BYTES + IV_BYTES, -TAG_BYTES);
  const decipher = createDecipheriv(CIPHER, await deriveKey(secret, salt), iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8');
  } catch {
    // `final` throws only if the tag does not match the ciphertext, the IV and the key.
    return undefined;
  }
}

/**
 * @param {Envelope} kind
 * @param {object} value
 * @param {string} secret
 * @param {number | undefined} ttl
 */
async function seal(kind, value, secret, ttl) {
  // `open` would reject this value later.
  if (!isObject(value)) throw failure(kind.invalid);
  if (ttl !== undefined && !(Number.isFinite(ttl) && ttl > 0)) {
    throw new MonoCloudValidationError('ttl must be a positive number of seconds', undefined, 'argument_invalid');
  }
  const expiresAt = ttl === undefined ? undefined : now() + ttl;
  return encrypt(textOf({ [kind.member]: value, expiresAt }), secret);
}

/**
 * @param {Envelope} kind
 * @param {string} text
 * @param {string} secret
 * @returns {Promise<any>} The value as it was encrypted. The caller says its type.
 */
async function open(kind, text, secret) {
  const envelope = parseObject(await decrypt(text, secret));
  const value = envelope?.[kind.member];
  const expiresAt = envelope?.expiresAt;
  // One secret may encrypt both kinds. The member's name stops a session from being used as an auth state.
  if (!isObject(value)) throw failure(kind.invalid);
  if (expiresAt === undefined) return value;
  if (typeof expiresAt !== 'number' || !Number.isFinite(expiresAt)) throw failure(kind.invalid);
  // Expires at or after `expiresAt`, as `exp` does (RFC 7519 §4.1.4).
  if (now() >= expiresAt) throw failure(kind.expired);
  return value;
}

/**
 * @param {string} secret
 * @param {Buffer} salt
 */
async function deriveKey(secret, salt) {
  await derivationSlot();
  try {
    return await pbkdf2Async(secret, salt, KEY_ITERATIONS, KEY_BYTES, 'sha256');
  } finally {
    const next = waiting.pop();
    if (next) next.resolve();
    else deriving -= 1;
  }
}

let deriving = 0;
/**
 * Oldest first. The newest runs next, so that in a flood some requests are still fast.
 *
 * @type {Array<{ resolve: () => void, reject: (error: Error) => void }>}
 */
const waiting = [];

/**
 * Resolves when a derivation may start.
 *
 * @returns {Promise<void> | undefined}
 */
function derivationSlot() {
  if (deriving < MAX_DERIVING) {
    deriving += 1;
    return undefined;
  }
  return new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    if (waiting.length > MAX_WAITING) waiting.shift()?.reject(FAILURES.overloaded.toError());
  });
}

/**
 * `Buffer` skips invalid characters. So the text is accepted only if encoding the bytes gives the same text.
 *
 * @param {unknown} text
 */
function decodeBase64Url(text) {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/**
 * @param {string | undefined} json
 * @returns {Record<string, unknown> | undefined}
 */
function parseObject(json) {
  if (json === undefined) return undefined;
  try {
    const value = JSON.parse(json);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} secret
 * @returns {secret is string}
 */
function isSecret(secret) {
  return typeof secret === 'string' && secret !== '';
}

/** @param {readonly [message: string, reason: string]} kind */
function failure([message, reason]) {
  return new MonoCloudValidationError(message, undefined, reason);
}

module.exports = {
  decrypt,
  decryptAuthState,
  decryptSession,
  encrypt,
  encryptAuthState,
  encryptSession,
};
