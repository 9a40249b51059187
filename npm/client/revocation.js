'use strict';

/**
 * Was a token revoked? The user's store has cut-offs for claims. A cut-off revokes every token that was issued until then.
 * Loaded by the first client with the option `revocation`.
 *
 * Only tokens that are valid reach the store: their signature or introspection, claims, times and bindings were checked.
 */

/**
 * @import { IRevocationStore, RevocationKey, RevocationKind } from '../types/revocation.js'
 * @import { Claims } from '../native/values.js'
 * @import { Decision } from './check-claims.js'
 * @import { ClientContext } from './events.js'
 * @import { Answer } from './revocation-answers.js'
 */
/** @typedef {Revocation} RevocationType The class as a type, for other files. */

const { checkedOptions, invalid, memberOf, own } = require('./arguments.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { isPending } = require('./pending.js');
const { Answers, FAILED } = require('./revocation-answers.js');
const { dateNow } = require('./time.js');

/** @type {readonly RevocationKind[]} */
const KINDS = ['jti', 'sid', 'sub', 'client_id'];
const ON_FAILURE = ['refuse', 'allow'];
const OPTIONS = ['store', 'kinds', 'onFailure', 'requireIat'];
/**
 * One day, in seconds. A later cut-off is a mistake, such as a time in milliseconds: it would refuse every sign-in until
 * then. So none could revoke a token whose `iat` is later.
 */
const MAX_SECONDS_AHEAD = 86_400;

class Revocation {
  #client;
  /** @type {readonly RevocationKind[]} */
  #kinds;
  #letsIn;
  #requiresIat;
  #answers;

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
    this.#answers = new Answers(client, /** @type {IRevocationStore} */ (store), cutoffs !== undefined);
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
    const answers = this.#answers.to(keys);
    if (!answers.some(isPending)) return this.#judge(outcome, iat, keys, /** @type {Answer[]} */ (answers));
    return this.#judgeLater(outcome, iat, keys, answers);
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
      const value = textOf(own(claims, kind));
      if (value !== '') keys.push(Object.freeze({ issuer, kind, value }));
    }
    return keys;
  }

  /**
   * @param {Decision} outcome
   * @param {number | undefined} iat
   * @param {RevocationKey[]} keys
   * @param {Array<Answer | Promise<Answer>>} answers None of them rejects.
   * @returns {Promise<Decision>}
   */
  async #judgeLater(outcome, iat, keys, answers) {
    /** @type {Answer[]} */
    const ended = [];
    for (const answer of answers) ended.push(await answer);
    return this.#judge(outcome, iat, keys, ended);
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
      else if (typeof cutoff === 'number' && isRevoked(keys[i].kind, iat, cutoff)) return FAILURES.revoked;
    }
    // A token that the route rejects is rejected in any case. This says more than that the store failed.
    if (!hasFailed || this.#letsIn || outcome instanceof Failure) return outcome;
    return FAILURES.revocation_store_failed;
  }
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

/**
 * The claims are text by their RFCs, and some issuers write whole numbers. Anything else names nothing.
 *
 * @param {unknown} value
 */
function textOf(value) {
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) ? String(value) : '';
}

/**
 * An `iat` that is far in the future, such as one in milliseconds, does not say when the token was issued.
 *
 * @param {Claims} claims
 */
function issuedAt(claims) {
  const iat = own(claims, 'iat');
  return typeof iat === 'number' && iat <= dateNow() + MAX_SECONDS_AHEAD ? iat : undefined;
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

module.exports = { KINDS, MAX_SECONDS_AHEAD, Revocation };
