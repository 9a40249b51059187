'use strict';

/**
 * What follows a decision about a token that came with a DPoP proof? The store that several processes share is asked
 * whether the proof is new (RFC 9449 §11.1), and a rejection gets the facts of the proof. Loaded with the first proof.
 */

/**
 * @import { FailureData, ProofFacts } from '../errors/errors.js'
 * @import { MonoCloudBackendNodeClient, SpentProof } from '../native/binding.js'
 * @import { Decision } from './check-claims.js'
 * @import { IReplayStore } from '../types/dpop.js'
 * @import { Replay } from './options.js'
 * @import { RequestProofType } from './request-proof.js'
 * @import { ValidatorType } from './validate.js'
 */
/** @typedef {DpopValidation} DpopValidationType The class as a type, for other files. */

const { FAILURES, Failure } = require('../errors/errors.js');
const { isReplayMemoryWatched, replayMemoryFull, replayStoreFailed } = require('./events.js');
const { inTime } = require('./in-time.js');
const { isPending } = require('./pending.js');

/** A replay store that takes longer counts as failed. */
const STORE_TIMEOUT_MS = 250;

/**
 * Whether a proof is new to a store: its answers by the proofs and the stores, `undefined` for a store that
 * failed. A request may be decided on more than once, also by several clients, and a store calls a proof new once.
 *
 * @type {WeakMap<RequestProofType, WeakMap<IReplayStore, Promise<boolean | undefined>>>}
 */
const ANSWERS = new WeakMap();

class DpopValidation {
  #native;
  #validator;
  #replay;
  #timesFull = 0;

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {ValidatorType} validator
   * @param {Replay | undefined} replay
   */
  constructor(native, validator, replay) {
    this.#native = native;
    this.#validator = validator;
    this.#replay = replay;
  }

  /**
   * Returns the final outcome, or a promise of it.
   *
   * @param {Decision | Promise<Decision>} outcome
   * @param {RequestProofType} proof
   * @returns {Decision | Promise<Decision>}
   */
  conclude(outcome, proof) {
    if (isPending(outcome)) return outcome.then((ended) => this.conclude(ended, proof));
    this.#reportFullMemory();
    if (this.#replay === undefined) return this.#withFacts(outcome, proof);
    const spent = proof.spent();
    if (spent === null) return this.#withFacts(outcome, proof);
    return this.#shared(this.#replay, proof, spent).then((refusal) => this.#withFacts(refusal ?? outcome, proof));
  }

  /**
   * Asks the shared store, once per request. Resolves to a failure, or to `undefined` if the proof is new.
   *
   * @param {Replay} replay
   * @param {RequestProofType} proof
   * @param {SpentProof} spent
   * @returns {Promise<FailureData | undefined>}
   */
  async #shared({ store, failure }, proof, spent) {
    let answers = ANSWERS.get(proof);
    if (answers === undefined) {
      answers = new WeakMap();
      ANSWERS.set(proof, answers);
    }
    let answer = answers.get(store);
    if (answer === undefined) {
      answer = this.#ask(store, spent);
      answers.set(store, answer);
    }
    const isNew = await answer;
    if (isNew === true) return undefined;
    if (isNew === false) return FAILURES.dpop_replayed;
    return failure === 'refuse' ? FAILURES.replay_store_failed : undefined;
  }

  /**
   * @param {IReplayStore} store
   * @param {SpentProof} spent
   */
  async #ask(store, { id, expiresAt }) {
    try {
      const isNew = await inTime(store.add(id, expiresAt), STORE_TIMEOUT_MS);
      if (isNew === true || isNew === false) return isNew;
    } catch {
      // Reported below, without the error: its text may contain the id.
    }
    replayStoreFailed(this.#validator.context);
    return undefined;
  }

  #reportFullMemory() {
    if (!isReplayMemoryWatched()) return;
    const times = this.#native.timesReplayMemoryWasFull();
    if (times <= this.#timesFull) return;
    this.#timesFull = times;
    replayMemoryFull(this.#validator.context);
  }

  /**
   * Adds what the response, the error and the event say about the proof. Most failures have nothing of that.
   *
   * @param {Decision} outcome
   * @param {RequestProofType} proof
   */
  #withFacts(outcome, proof) {
    if (!(outcome instanceof Failure)) return outcome;
    const { spec, detail } = outcome;
    if (spec.code !== 'invalid_dpop_proof' && spec.code !== 'use_dpop_nonce') return outcome;
    const facts = factsOf(spec.reason, proof);
    const nonce = this.#validator.nonceOf(proof);
    if (facts === undefined && nonce === undefined) return outcome;
    return new Failure(spec, detail, /** @type {ProofFacts} */ ({ __proto__: null, ...facts, nonce }));
  }
}

/**
 * @param {string} reason
 * @param {RequestProofType} proof
 * @returns {Omit<ProofFacts, 'nonce'> | undefined}
 */
function factsOf(reason, proof) {
  switch (reason) {
    case 'dpop_expired':
    case 'dpop_not_yet_valid':
    case 'dpop_method_mismatch':
    case 'dpop_url_mismatch': {
      const { description, expected, got } = proof.refusal() ?? {};
      return { description: description ?? undefined, expected: expected ?? undefined, got: got ?? undefined };
    }
    default:
      return undefined;
  }
}

module.exports = { DpopValidation };
