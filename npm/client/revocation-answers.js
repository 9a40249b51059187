'use strict';

/**
 * Which cut-off does the user's revocation store have for a key? The store may be slow, throw, hang or lie, and several
 * requests may ask about one key.
 */

/**
 * @import { IRevocationStore, RevocationKey } from '../types/revocation.js'
 * @import { ClientContext } from './events.js'
 */
/** @typedef {number | undefined | typeof FAILED} Answer A cut-off, `undefined` for none, or `FAILED`. */

const { createHash } = require('node:crypto');

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

/** The store threw, took too long, or returned something other than a cut-off. */
const FAILED = Symbol('failed');

class Answers {
  #client;
  #store;
  #hasBatches;
  #recent = new RecentAnswers();
  /**
   * The reads that have not ended, so that concurrent requests with one key read it once.
   *
   * @type {Map<string, Promise<Answer>>}
   */
  #reads = new Map();

  /**
   * @param {ClientContext} client
   * @param {IRevocationStore} store
   * @param {boolean} hasBatches Whether the store has `cutoffs()`.
   */
  constructor(client, store, hasBatches) {
    this.#client = client;
    this.#store = store;
    this.#hasBatches = hasBatches;
  }

  /**
   * Returns the answer for each key, or a promise of it, which never rejects. Asks the store only about keys that nobody asks about already.
   *
   * @param {RevocationKey[]} keys
   * @returns {Array<Answer | Promise<Answer>>}
   */
  to(keys) {
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

module.exports = { Answers, FAILED };
