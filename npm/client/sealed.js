'use strict';

/**
 * Sealed text: secrets that leave the process (a cookie, a redirect) and come back unread and unaltered.
 * AES-256-GCM (NIST SP 800-38D) under a key from PBKDF2-HMAC-SHA256 (RFC 8018 §5.2). The text is the base64url
 * (RFC 4648 §5, no padding) of salt || IV || ciphertext || tag.
 */

const { createCipheriv, createDecipheriv, pbkdf2, randomBytes } = require('node:crypto');
const { promisify } = require('node:util');

const { FAILURES, MonoCloudValidationError } = require('../errors/errors.js');
const { textOf } = require('./json.js');
const { now } = require('../internal.js');

/** Asynchronous on purpose: a derivation takes a hundred milliseconds or more, spent on libuv's pool. */
const pbkdf2Async = promisify(pbkdf2);

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const KEY_ITERATIONS = 310_000;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Derivations at a time: libuv's pool has four threads by default, and `fs`, DNS and zlib need some of them too. */
const MAX_DERIVING = 2;
/** Derivations that wait for their turn. Beyond that the oldest one is `overloaded`. */
const MAX_WAITING = 64;

/** What an envelope carries, and what is said of it when it does not. */
const SESSION = {
  member: 'session',
  invalid: ['Invalid session data', 'session_invalid'],
  expired: ['Session Expired', 'session_expired'],
};
const AUTH_STATE = {
  member: 'authState',
  invalid: ['Invalid auth state', 'auth_state_invalid'],
  expired: ['Auth state expired', 'auth_state_expired'],
};

async function encryptSession(session, secret, ttl) {
  return seal(SESSION, session, secret, ttl);
}

async function decryptSession(encryptedSession, secret) {
  return open(SESSION, encryptedSession, secret);
}

async function encryptAuthState(authState, secret, ttl) {
  return seal(AUTH_STATE, authState, secret, ttl);
}

async function decryptAuthState(encryptedAuthState, secret) {
  return open(AUTH_STATE, encryptedAuthState, secret);
}

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

async function decrypt(data, secret) {
  const bytes = decodeBase64Url(data);
  // Judged before the key is derived: text that cannot be ours costs no PBKDF2.
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
    // `final` throws for one reason only: the tag does not match the text, the IV and the key.
    return undefined;
  }
}

async function seal(kind, value, secret, ttl) {
  // What `open` would refuse is not sealed in the first place.
  if (!isObject(value)) throw failure(kind.invalid);
  if (ttl !== undefined && !(Number.isFinite(ttl) && ttl > 0)) {
    throw new MonoCloudValidationError('ttl must be a positive number of seconds', undefined, 'argument_invalid');
  }
  const expiresAt = ttl === undefined ? undefined : now() + ttl;
  return encrypt(textOf({ [kind.member]: value, expiresAt }), secret);
}

async function open(kind, text, secret) {
  const envelope = parseObject(await decrypt(text, secret));
  const value = envelope?.[kind.member];
  const expiresAt = envelope?.expiresAt;
  // The member tells the kinds apart: a sealed session is no auth state, though one secret seals both.
  if (!isObject(value)) throw failure(kind.invalid);
  if (expiresAt === undefined) return value;
  if (!Number.isFinite(expiresAt)) throw failure(kind.invalid);
  // Expired on or after `expiresAt`, like `exp` in RFC 7519 §4.1.4.
  if (now() >= expiresAt) throw failure(kind.expired);
  return value;
}

async function deriveKey(secret, salt) {
  await turn();
  try {
    return await pbkdf2Async(secret, salt, KEY_ITERATIONS, KEY_BYTES, 'sha256');
  } finally {
    const next = waiting.pop();
    if (next) next.resolve();
    else deriving -= 1;
  }
}

let deriving = 0;
/** Oldest first. The newest has the next turn: in a flood, what is derived at all is derived soon. */
const waiting = [];

function turn() {
  if (deriving < MAX_DERIVING) {
    deriving += 1;
    return undefined;
  }
  return new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    if (waiting.length > MAX_WAITING) waiting.shift().reject(FAILURES.overloaded.toError());
  });
}

/** Strict: `Buffer` skips what it cannot read, so only text that it would write again the same way is taken. */
function decodeBase64Url(text) {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function parseObject(json) {
  if (json === undefined) return undefined;
  try {
    const value = JSON.parse(json);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSecret(secret) {
  return typeof secret === 'string' && secret !== '';
}

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
