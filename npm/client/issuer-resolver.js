'use strict';

/**
 * Asks the user's function `resolve` about issuers. How many calls may run at a time, who waits, and for how long?
 *
 * Anyone can write any issuer into a token, so anyone can cause calls. There is one call per issuer at a time. Some places
 * are kept for issuers that were resolved before, so that calls for made-up issuers never delay these. The names that
 * `resolve` refused are remembered.
 */

/**
 * @import { FailureData } from '../errors/errors.js'
 *
 * @typedef {(issuer: string) => unknown} Resolve The user's function.
 */
/**
 * Turns an answer of the user's function into the result of all who wait for it. Never throws.
 *
 * @template T
 * @typedef {(issuer: string, answer: unknown) => T | FailureData} Adopt
 */
/**
 * @template T
 * @typedef {IssuerResolver<T>} IssuerResolverType The class as a type, for other files.
 */

const { isPromise } = require('node:util/types');

const { FAILURES } = require('../errors/errors.js');
const { isPending } = require('./pending.js');
const { dateNow } = require('./time.js');

// Read before a test installs fake timers, because a deadline needs real time.
const { clearTimeout, setTimeout } = globalThis;

/** At most this many calls run at a time. */
const MAX_CALLS = 16;
/** This many of them are only for issuers that were resolved before. */
const KEPT_CALLS = 4;
/** At most this many issuers that were never resolved wait for a call. */
const MAX_WAITING = 1000;
/** The time limit of an answer, with the time that it waits for its call. As the default of `responseTimeout`. */
const TIME_LIMIT_MS = 5000;
/** At most this many refused names are remembered. */
const MAX_REFUSED = 1000;

/**
 * The call for one issuer, from the first token that needs it to the answer.
 *
 * @template T
 */
class Call {
  issuer;
  isKnown;
  isRunning = false;
  isOver = false;
  /** @type {NodeJS.Timeout | undefined} */
  timer;
  /** @type {(result: T | FailureData) => void} */
  settle = () => {};
  /** @type {Promise<T | FailureData>} */
  promise;

  /**
   * @param {string} issuer
   * @param {boolean} isKnown Whether the issuer was resolved before.
   */
  constructor(issuer, isKnown) {
    this.issuer = issuer;
    this.isKnown = isKnown;
    this.promise = new Promise((settle) => {
      this.settle = settle;
    });
  }
}

/** @template T */
class IssuerResolver {
  #resolve;
  #adopt;
  #durationSecs;
  #limitMs;
  /**
   * The calls that run or wait, by the issuer as it was written.
   *
   * @type {Map<string, Call<T>>}
   */
  #calls = new Map();
  /** How many calls run: those of issuers that were resolved before, and the others. */
  #running = { known: 0, others: 0 };
  /**
   * The calls that wait, in their order.
   *
   * @type {{ known: Set<Call<T>>, others: Set<Call<T>> }}
   */
  #waiting = { known: new Set(), others: new Set() };
  /**
   * When `resolve` refused a name, in epoch seconds. The oldest entry is the first. The names are those of tokens, never
   * without their trailing `/`: the answer for one spelling says nothing about another.
   *
   * @type {Map<string, number>}
   */
  #refused = new Map();

  /**
   * @param {Resolve} resolve
   * @param {Adopt<T>} adopt
   * @param {number} durationSecs How long a refusal counts.
   * @param {number} [limitMs] Only tests set it.
   */
  constructor(resolve, adopt, durationSecs, limitMs = TIME_LIMIT_MS) {
    this.#resolve = resolve;
    this.#adopt = adopt;
    this.#durationSecs = durationSecs;
    this.#limitMs = limitMs;
  }

  /**
   * Returns what `adopt` made of the answer, or a failure, or a promise of either. It is synchronous if `resolve` is.
   *
   * @param {string} issuer The issuer as the token has it.
   * @param {boolean} isKnown Whether the issuer was resolved before.
   * @returns {T | FailureData | Promise<T | FailureData>}
   */
  ask(issuer, isKnown) {
    if (this.#isRefused(issuer)) return FAILURES.issuer_mismatch;
    const same = this.#calls.get(issuer);
    if (same !== undefined) return same.promise;
    if (!this.#hasPlace(isKnown)) return this.#wait(issuer, isKnown);
    const answer = this.#answerOf(issuer);
    if (!isPromise(answer)) return this.#resultOf(issuer, answer);
    const call = this.#open(issuer, isKnown);
    this.#run(call, answer);
    return call.promise;
  }

  /** @param {string} issuer */
  #isRefused(issuer) {
    const at = this.#refused.get(issuer);
    if (at === undefined) return false;
    const age = dateNow() - at;
    // After the clock was set back, the name is asked about again.
    if (age >= 0 && age < this.#durationSecs) return true;
    this.#refused.delete(issuer);
    return false;
  }

  /** @param {string} issuer */
  #refuse(issuer) {
    const [oldest] = this.#refused.keys();
    if (this.#refused.size >= MAX_REFUSED) this.#refused.delete(oldest);
    this.#refused.set(issuer, dateNow());
    return FAILURES.issuer_mismatch;
  }

  /** @param {boolean} isKnown */
  #hasPlace(isKnown) {
    const { known, others } = this.#running;
    return known + others < MAX_CALLS && (isKnown || others < MAX_CALLS - KEPT_CALLS);
  }

  /**
   * Calls the user's function. Returns a promise of this realm for any thenable. An error is dropped, because its text may
   * contain anything.
   *
   * @param {string} issuer
   */
  #answerOf(issuer) {
    try {
      const answer = this.#resolve(issuer);
      return isPending(answer) ? Promise.resolve(answer) : answer;
    } catch {
      return FAILURES.fetcher_failed;
    }
  }

  /**
   * @param {string} issuer
   * @param {unknown} answer
   * @returns {T | FailureData}
   */
  #resultOf(issuer, answer) {
    if (answer === FAILURES.fetcher_failed) return FAILURES.fetcher_failed;
    const result = this.#adopt(issuer, answer);
    return result === FAILURES.issuer_mismatch ? this.#refuse(issuer) : result;
  }

  /**
   * @param {string} issuer
   * @param {boolean} isKnown
   */
  #wait(issuer, isKnown) {
    const queue = this.#queueOf(isKnown);
    // The queue of known issuers is as long as the list of clients at most.
    if (!isKnown && queue.size >= MAX_WAITING) return FAILURES.overloaded;
    const call = this.#open(issuer, isKnown);
    queue.add(call);
    return call.promise;
  }

  /** @param {boolean} isKnown */
  #queueOf(isKnown) {
    return isKnown ? this.#waiting.known : this.#waiting.others;
  }

  /**
   * @param {string} issuer
   * @param {boolean} isKnown
   */
  #open(issuer, isKnown) {
    /** @type {Call<T>} */
    const call = new Call(issuer, isKnown);
    this.#calls.set(issuer, call);
    const end = () => this.#close(call, call.isRunning ? FAILURES.timed_out : FAILURES.overloaded);
    call.timer = setTimeout(end, this.#limitMs);
    call.timer.unref?.();
    return call;
  }

  /**
   * @param {Call<T>} call
   * @param {Promise<unknown>} answer
   */
  #run(call, answer) {
    call.isRunning = true;
    this.#running[call.isKnown ? 'known' : 'others'] += 1;
    answer.then(
      (settled) => {
        // An answer that is late counts for nobody.
        if (!call.isOver) this.#close(call, this.#resultOf(call.issuer, settled));
      },
      () => this.#close(call, FAILURES.fetcher_failed),
    );
  }

  /**
   * @param {Call<T>} call
   * @param {T | FailureData} result
   */
  #close(call, result) {
    if (call.isOver) return;
    this.#end(call, result);
    if (call.isRunning) this.#running[call.isKnown ? 'known' : 'others'] -= 1;
    this.#startNext();
  }

  /**
   * @param {Call<T>} call
   * @param {T | FailureData} result
   */
  #end(call, result) {
    call.isOver = true;
    clearTimeout(call.timer);
    this.#calls.delete(call.issuer);
    this.#queueOf(call.isKnown).delete(call);
    call.settle(result);
  }

  #startNext() {
    for (;;) {
      const call = this.#next();
      if (call === undefined) return;
      this.#queueOf(call.isKnown).delete(call);
      const answer = this.#answerOf(call.issuer);
      if (isPromise(answer)) this.#run(call, answer);
      else this.#end(call, this.#resultOf(call.issuer, answer));
    }
  }

  /** The call that may start now. */
  #next() {
    const { known, others } = this.#waiting;
    const [first] = known;
    if (first !== undefined && this.#hasPlace(true)) return first;
    const [second] = others;
    return second !== undefined && this.#hasPlace(false) ? second : undefined;
  }
}

module.exports = { IssuerResolver };
