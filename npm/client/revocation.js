'use strict';

/**
 * Was a token revoked? Asks the user's store for the cut-offs of its claims. A cut-off revokes every token that was
 * issued until then. Loaded by the first client with the option `revocation`.
 *
 * Only tokens that are valid reach the store: their signature or introspection, claims, times and bindings were checked.
 */

/**
 * @import { IRevocationStore, RevocationKey, RevocationKind } from '../types/revocation.js'
 * @import { Claims } from '../native/values.js'
 * @import { Decision } from './check-claims.js'
 * @import { ClientContext } from './events.js'
 */
/** @typedef {Revocation} RevocationType The class as a type, for other files. */
/** @typedef {number | undefined | typeof FAILED} Answer A cut-off, `undefined` for none, or `FAILED`. */

const { createHash } = require('node:crypto');

const { checkedOptions, invalid, memberOf, own } = require('./arguments.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { revocationStoreFailed } = require('./events.js');
const { inTime } = require('./in-time.js');
const { isPending } = require('./pending.js');
const { dateNow } = require('./time.js');

/** A revocation store that takes longer counts as failed. */
const STORE_TIMEOUT_MS = 250;
/** An answer of the store is used again for this time, from the moment at which the store was asked. */
const REUSED_SECONDS = 1;
/** How many answers a client keeps. */
const MAX_REUSED = 10_000;
/** A longer value is kept as its hash. */
const MAX_VALUE_LENGTH = 128;

/** @type {readonly RevocationKind[]} */
const KINDS = ['jti', 'sid', 'sub', 'client_id'];
const ON_FAILURE = ['refuse', 'allow'];
const OPTIONS = ['store', 'kinds', 'onFailure', 'requireIat'];

/** The store threw, took too long, or returned something other than a cut-off. */
const FAILED = Symbol('failed');

class Revocation {
  #client;
  /** @type {IRevocationStore} */
  #store;
  #hasBatches;
  /** @type {readonly RevocationKind[]} */
  #kinds;
  #letsIn;
  #requiresIat;
  #recent = new RecentAnswers();
  /**
   * The reads that have not ended, so that concurrent requests with one key read it once.
   *
   * @type {Map<string, Promise<Answer>>}
   */
  #reads = new Map();

  /**
   * @param {ClientContext} client
   * @param {unknown} options The option `revocation`, as the user wrote it.
   */
  constructor(client, options) {
    const { store, kinds, onFailure, requireIat } = checkedOptions('revocation', options, OPTIONS, 'option_invalid');
    if (typeof memberOf(store, 'cutoff') !== 'function') {
      throw optionError('store', 'must be an object with the method cutoff');
    }
    const cutoffs = memberOf(store, 'cutoffs') ?? undefined;
    if (cutoffs !== undefined && typeof cutoffs !== 'function')
      throw optionError('store.cutoffs', 'must be a function');
    this.#client = client;
    this.#store = store;
    this.#hasBatches = cutoffs !== undefined;
    this.#kinds = kindsOf(kinds ?? KINDS);
    this.#letsIn = oneOf('onFailure', onFailure ?? 'refuse', ON_FAILURE) === 'allow';
    this.#requiresIat = oneOf('requireIat', requireIat ?? false, [true, false]);
  }

  /**
   * Returns the final outcome, or a promise of it.
   *
   * @param {Decision | Promise<Decision>} outcome
   * @returns {Decision | Promise<Decision>}
   */
  conclude(outcome) {
    if (isPending(outcome)) return outcome.then((ended) => this.conclude(ended));
    // The route rejects a valid token. A revoked one gets 401, so that the caller signs in again.
    const claims = outcome instanceof Failure ? outcome.claims : outcome;
    if (claims === undefined) return outcome;
    // The claims are read now: the caller owns them, and may change them.
    const iat = issuedAt(claims);
    if (iat === undefined && this.#requiresIat) return FAILURES.issued_at_invalid;
    const keys = this.#keysOf(claims);
    if (keys.length === 0) return outcome;
    const answers = this.#answers(keys);
    if (!answers.some(isPending)) return this.#judge(outcome, iat, keys, /** @type {Answer[]} */ (answers));
    return Promise.all(answers).then((ended) => this.#judge(outcome, iat, keys, ended));
  }

  /**
   * @param {Claims} claims
   * @returns {RevocationKey[]}
   */
  #keysOf(claims) {
    /** @type {RevocationKey[]} */
    const keys = [];
    const { issuer } = this.#client;
    for (const kind of this.#kinds) {
      const value = own(claims, kind);
      if (typeof value === 'string' && value !== '') keys.push({ issuer, kind, value });
    }
    return keys;
  }

  /**
   * @param {Decision} outcome
   * @param {number | undefined} iat
   * @param {RevocationKey[]} keys
   * @param {Answer[]} answers
   * @returns {Decision}
   */
  #judge(outcome, iat, keys, answers) {
    let hasFailed = false;
    for (let i = 0; i < keys.length; i += 1) {
      const cutoff = answers[i];
      if (cutoff === FAILED) hasFailed = true;
      else if (cutoff !== undefined && isRevoked(keys[i].kind, iat, cutoff)) return FAILURES.revoked;
    }
    // A token that the route rejects is rejected in any case. This says more than that the store failed.
    if (!hasFailed || this.#letsIn || outcome instanceof Failure) return outcome;
    return FAILURES.revocation_store_failed;
  }

  /**
   * Returns the answer for each key, or a promise of it. Asks the store only about keys that nobody asks about already.
   *
   * @param {RevocationKey[]} keys
   * @returns {Array<Answer | Promise<Answer>>}
   */
  #answers(keys) {
    const now = dateNow();
    const ids = keys.map(idOf);
    const recent = ids.map((id) => this.#recent.get(id, now));
    const known = ids.map((id, index) => (recent[index] === undefined ? this.#reads.get(id) : recent[index].cutoff));
    const missing = keys.filter((_, index) => recent[index] === undefined && known[index] === undefined);
    const asked = missing.length === 0 ? [] : this.#ask(missing);
    return keys.map((key, index) => {
      const place = missing.indexOf(key);
      if (place === -1) return known[index];
      const read = asked[place];
      return isPending(read) ? this.#remembered(ids[index], read, now) : read;
    });
  }

  /**
   * An answer that was waited for is used again, counted from when the store was asked. One that was there at once costs
   * little, and is not kept.
   *
   * @param {string} id
   * @param {Promise<Answer>} read
   * @param {number} askedAt
   */
  #remembered(id, read, askedAt) {
    const ended = read.then((answer) => {
      this.#reads.delete(id);
      if (answer !== FAILED) this.#recent.add(id, answer, askedAt);
      return answer;
    });
    this.#reads.set(id, ended);
    return ended;
  }

  /**
   * @param {RevocationKey[]} keys
   * @returns {Array<Answer | Promise<Answer>>}
   */
  #ask(keys) {
    if (!this.#hasBatches) return keys.map((key) => this.#read(() => this.#store.cutoff(key), answerOf));
    // The keys are copied, because the array belongs to the store from now on.
    const { length } = keys;
    const answers = this.#read(
      () => this.#store.cutoffs?.(keys.slice()),
      (list) => answersOf(list, length),
    );
    return keys.map((_, index) =>
      isPending(answers) ? answers.then((list) => oneOfList(list, index)) : oneOfList(answers, index),
    );
  }

  /**
   * Reads from the store. Never throws or rejects.
   *
   * @template T
   * @param {() => unknown} read
   * @param {(reply: unknown) => T | typeof FAILED} check
   * @returns {T | typeof FAILED | Promise<T | typeof FAILED>}
   */
  #read(read, check) {
    try {
      const reply = read();
      if (!isPending(reply)) return this.#reported(check(reply));
      return inTime(reply, STORE_TIMEOUT_MS).then(
        (ended) => this.#reported(check(ended)),
        () => this.#reported(FAILED),
      );
    } catch {
      // The error is not published: its text may contain a claim.
      return this.#reported(FAILED);
    }
  }

  /**
   * @template T
   * @param {T} answer
   */
  #reported(answer) {
    const hasFailed = answer === FAILED || (Array.isArray(answer) && answer.includes(FAILED));
    if (hasFailed) revocationStoreFailed(this.#client);
    return answer;
  }
}

/** The answers of the last second. In a `Map` the oldest comes first. */
class RecentAnswers {
  /** @type {Map<string, { cutoff: number | undefined, askedAt: number }>} */
  #answers = new Map();

  /**
   * @param {string} id
   * @param {number} now
   */
  get(id, now) {
    const answer = this.#answers.get(id);
    return answer !== undefined && isRecent(answer, now) ? answer : undefined;
  }

  /**
   * @param {string} id
   * @param {number | undefined} cutoff
   * @param {number} askedAt
   */
  add(id, cutoff, askedAt) {
    const now = dateNow();
    this.#answers.delete(id);
    for (const [oldest, answer] of this.#answers) {
      if (isRecent(answer, now) && this.#answers.size < MAX_REUSED) break;
      this.#answers.delete(oldest);
    }
    this.#answers.set(id, { cutoff, askedAt });
  }
}

/**
 * False if the clock was set back, or cannot be read.
 *
 * @param {{ askedAt: number }} answer
 * @param {number} now
 */
function isRecent({ askedAt }, now) {
  return now >= askedAt && now - askedAt < REUSED_SECONDS;
}

/**
 * Whether a cut-off revokes a token. A token that does not say when it was issued is revoked by every cut-off.
 *
 * `iat` equal to the cut-off is revoked. Most issuers write whole seconds, and such an `iat` may be any moment of its
 * second. A cut-off with a fraction says that the second must be split: of a user or a session, the tokens of this second
 * are kept, so that a sign-in right after it gives a working token.
 *
 * @param {RevocationKind} kind
 * @param {number | undefined} iat
 * @param {number} cutoff
 */
function isRevoked(kind, iat, cutoff) {
  if (iat === undefined) return true;
  const keepsItsSecond = (kind === 'sub' || kind === 'sid') && !Number.isInteger(cutoff) && Number.isInteger(iat);
  return keepsItsSecond ? iat < Math.floor(cutoff) : iat <= cutoff;
}

/** @param {Claims} claims */
function issuedAt(claims) {
  const iat = own(claims, 'iat');
  return typeof iat === 'number' && Number.isFinite(iat) ? iat : undefined;
}

/**
 * Identifies a key of one client. Equal for equal keys only: no kind contains `:` or `#`.
 *
 * @param {RevocationKey} key
 */
function idOf({ kind, value }) {
  if (value.length <= MAX_VALUE_LENGTH) return `${kind}:${value}`;
  return `${kind}#${createHash('sha256').update(value).digest('base64url')}`;
}

/**
 * @param {unknown} reply
 * @returns {Answer}
 */
function answerOf(reply) {
  if (reply === undefined || reply === null) return undefined;
  return typeof reply === 'number' && Number.isFinite(reply) && reply >= 0 ? reply : FAILED;
}

/**
 * @param {unknown} reply
 * @param {number} length
 * @returns {Answer[] | typeof FAILED}
 */
function answersOf(reply, length) {
  if (!Array.isArray(reply) || reply.length !== length) return FAILED;
  // A hole would be filled by a polluted prototype.
  return Array.from({ length }, (_, index) => (Object.hasOwn(reply, index) ? answerOf(reply[index]) : FAILED));
}

/**
 * @param {Answer[] | typeof FAILED} answers
 * @param {number} index
 */
function oneOfList(answers, index) {
  return answers === FAILED ? FAILED : answers[index];
}

/**
 * @param {unknown} kinds
 * @returns {RevocationKind[]}
 */
function kindsOf(kinds) {
  const known = Array.isArray(kinds) ? KINDS.filter((kind) => kinds.includes(kind)) : [];
  if (known.length > 0 && Array.isArray(kinds) && kinds.length === known.length) return known;
  throw optionError('kinds', `must be an array of one or more of ${KINDS.join(', ')}, each once`);
}

/**
 * @template T
 * @param {string} name
 * @param {T} value
 * @param {readonly T[]} values
 */
function oneOf(name, value, values) {
  if (values.includes(value)) return value;
  throw optionError(name, `must be ${values.join(' or ')}`);
}

/**
 * @param {string} name
 * @param {string} rule
 */
function optionError(name, rule) {
  return invalid(`revocation.${name} ${rule} (option revocation.${name})`, 'option_invalid');
}

module.exports = { KINDS, Revocation };
