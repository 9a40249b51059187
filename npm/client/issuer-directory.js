'use strict';

/**
 * Whose token is this? Chooses the client for a token by the issuer that the token names.
 *
 * The name is read from claims that nobody has verified. It only chooses: the chosen client validates the token with the
 * keys of its own issuer, and compares `iss` again. So a wrong name leads to a client that rejects the token.
 */

/**
 * @import { FailureData } from '../errors/errors.js'
 * @import { ClientType } from './client.js'
 * @import { IssuerResolverType, Resolve } from './issuer-resolver.js'
 * @import { ResolvedClientsType } from './resolved-clients.js'
 * @import { ValidatorType } from './validate.js'
 */
/** @typedef {IssuerEntry} IssuerEntryType The class as a type, for other files. */
/** @typedef {IssuerDirectory} IssuerDirectoryType The class as a type, for other files. */
/** @typedef {IssuerEntry | FailureData} Choice */
/**
 * @typedef {object} DirectoryOptions
 * @property {readonly ClientType[]} clients
 * @property {Resolve | undefined} resolve
 * @property {number} maxClients
 * @property {number} resolveDuration Seconds.
 * @property {ClientType | undefined} opaque
 */

const native = require('../native/load.js');
const { FAILURES, Failure, failureOf } = require('../errors/errors.js');
const { OUTCOMES } = require('../native/constants.js');
const { isPlain, own } = require('./arguments.js');
const { anyValidatorOf, isolatedClient } = require('./client.js');
const { decided, hasSubscribers } = require('./events.js');
const { IssuerResolver } = require('./issuer-resolver.js');
const { isPending } = require('./pending.js');
const { ResolvedClients } = require('./resolved-clients.js');
const { dateNow } = require('./time.js');

/** After a renewal failed, the next one waits this long. The known answer counts meanwhile. */
const RETRY_SECS = 5;

/** One issuer and its client. */
class IssuerEntry {
  /** When `resolve` gave this answer, in epoch seconds. */
  since = 0;
  /** When the answer is renewed, and when it counts no more. */
  renewAt = 0;
  endsAt = 0;
  /** Whether the client accepted a token since the list of resolved clients looked at it last. */
  wasUsed = false;
  /** Whether `resolve` said that the issuer is not ours any more, or returned another client. */
  isRemoved = false;
  /** @type {ResolvedClientsType | undefined} */
  #list;

  /**
   * @param {ClientType} client
   * @param {string} [asked] The name that `resolve` was asked about.
   * @param {unknown} [answer] What `resolve` returned.
   */
  constructor(client, asked = undefined, answer = undefined) {
    this.client = client;
    this.validator = /** @type {ValidatorType} */ (anyValidatorOf(client));
    this.key = keyOf(this.validator.context.issuer);
    this.asked = asked;
    this.answer = answer;
  }

  /**
   * @param {ResolvedClientsType} list
   * @param {number} duration How long the answer counts, in seconds.
   */
  addTo(list, duration) {
    this.since = dateNow();
    this.renewAt = this.since + duration / 2;
    this.endsAt = this.since + duration;
    this.#list = list;
    list.add(this);
    return this;
  }

  /**
   * Notes that the client accepted a token. Returns the claims, always with `iss`: an introspection response may leave it
   * out (RFC 7662 §2.2), and `sub` is unique per issuer only.
   *
   * @template T
   * @param {T} claims What a custom method returned may be no object.
   */
  accepted(claims) {
    if (typeof claims !== 'object' || claims === null) return claims;
    if (!this.wasUsed) {
      this.wasUsed = true;
      this.#list?.prove(this);
    }
    // In a response, a member that is `null` counts as absent.
    if ((own(claims, 'iss') ?? undefined) !== undefined) return claims;
    const iss = { __proto__: null, value: this.validator.issuer, configurable: true, enumerable: true, writable: true };
    // A custom method may return claims that cannot be changed.
    const named = isChangeable(claims) ? claims : /** @type {T} */ ({ ...claims });
    return Object.defineProperty(named, 'iss', iss);
  }
}

/**
 * Whether `iss` can be set.
 *
 * @param {object} claims
 */
function isChangeable(claims) {
  const known = Object.getOwnPropertyDescriptor(claims, 'iss');
  return known === undefined ? Object.isExtensible(claims) : known.configurable === true;
}

class IssuerDirectory {
  /**
   * The configured clients by issuer.
   *
   * @type {Map<string, IssuerEntry>}
   */
  #configured = new Map();
  #resolved;
  /** @type {IssuerEntry | undefined} */
  #opaque;
  #durationSecs;
  /** @type {IssuerResolverType<IssuerEntry> | undefined} */
  #resolver;

  /** @param {DirectoryOptions} options */
  constructor({ clients, resolve, maxClients, resolveDuration, opaque }) {
    for (let i = 0; i < clients.length; i += 1) {
      const entry = new IssuerEntry(clients[i]);
      this.#configured.set(entry.key, entry);
    }
    this.#resolved = new ResolvedClients(maxClients);
    this.#durationSecs = resolveDuration;
    if (opaque) {
      const same = this.#configured.get(keyOf(/** @type {ValidatorType} */ (anyValidatorOf(opaque)).context.issuer));
      this.#opaque = same?.client === opaque ? same : new IssuerEntry(opaque);
    }
    if (resolve)
      this.#resolver = new IssuerResolver(resolve, (asked, answer) => this.#adopt(asked, answer), resolveDuration);
  }

  /** The configured clients, and the one for opaque tokens. */
  get configured() {
    const all = new Set(this.#configured.values());
    if (this.#opaque) all.add(this.#opaque);
    return [...all];
  }

  /** All clients of the moment. */
  get entries() {
    return [...this.configured, ...this.#resolved.values];
  }

  /** The configured clients that validate JWTs. */
  get issuers() {
    return [...this.#configured.values()];
  }

  /**
   * The client of an issuer, if there is one at the moment.
   *
   * @param {unknown} issuer
   */
  entryOf(issuer) {
    if (typeof issuer !== 'string') return undefined;
    const key = keyOf(issuer);
    return this.#configured.get(key) ?? this.#resolved.get(key);
  }

  /**
   * Chooses the client for a token. Returns its entry or a failure, or a promise of either. It is synchronous if the
   * issuer is known.
   *
   * @param {unknown} token
   * @param {readonly string[] | undefined} allowed The issuers that may be chosen. `undefined` for all.
   * @returns {Choice | Promise<Choice>}
   */
  choose(token, allowed) {
    if (typeof token !== 'string') return published(FAILURES.token_required, 'opaque');
    const issuer = peek(token);
    if (typeof issuer === 'string') {
      const choice = this.#chooseByIssuer(issuer, allowed);
      if (choice instanceof IssuerEntry) return choice;
      return isPending(choice) ? choice.then((made) => published(made, 'jwt')) : published(choice, 'jwt');
    }
    if (issuer !== OUTCOMES.notAJwt) return published(failureOf(issuer), 'jwt');
    return published(this.#chooseForOpaque(token, allowed), 'opaque');
  }

  /**
   * @param {string} issuer
   * @param {readonly string[] | undefined} allowed
   * @returns {Choice | Promise<Choice>}
   */
  #chooseByIssuer(issuer, allowed) {
    const key = keyOf(issuer);
    if (allowed !== undefined && !isListed(key, allowed)) return FAILURES.issuer_mismatch;
    const configured = this.#configured.get(key);
    if (configured !== undefined) return configured;
    if (this.#resolver === undefined) return FAILURES.issuer_mismatch;
    const resolved = this.#resolved.get(key);
    return resolved === undefined ? this.#resolver.ask(issuer, false) : this.#renewed(resolved, this.#resolver);
  }

  /**
   * Only one client is ever asked about an opaque token. Asking several would disclose it to all of them.
   *
   * @param {string} token
   * @param {readonly string[] | undefined} allowed
   */
  #chooseForOpaque(token, allowed) {
    if (token.trim() === '') return FAILURES.token_required;
    if (this.#opaque === undefined) return FAILURES.token_malformed;
    return allowed === undefined || isListed(this.#opaque.key, allowed) ? this.#opaque : FAILURES.issuer_mismatch;
  }

  /**
   * Returns an answer that still counts, and renews it in good time. So an issuer in use never waits for `resolve`.
   *
   * @param {IssuerEntry} entry
   * @param {IssuerResolverType<IssuerEntry>} resolver
   * @returns {Choice | Promise<Choice>}
   */
  #renewed(entry, resolver) {
    const now = dateNow();
    // If the clock was set back, nobody knows how old the answer is.
    const isCounting = now >= entry.since && now < entry.endsAt;
    if (isCounting && now < entry.renewAt) return entry;
    // The same spelling as before: for another one, `resolve` may know no client.
    const renewed = resolver.ask(/** @type {string} */ (entry.asked), true);
    if (!isCounting || renewed === FAILURES.issuer_mismatch) return renewed;
    if (isPending(renewed)) {
      void renewed.then((result) => retryLater(entry, result, now));
      return entry;
    }
    retryLater(entry, renewed, now);
    return renewed instanceof IssuerEntry ? renewed : entry;
  }

  /**
   * Keeps the answer of `resolve`.
   *
   * @param {string} asked
   * @param {unknown} answer
   * @returns {Choice}
   */
  #adopt(asked, answer) {
    const known = this.#resolved.get(keyOf(asked));
    if (answer === null || answer === undefined) {
      if (known?.asked === asked) this.#resolved.remove(known);
      return FAILURES.issuer_mismatch;
    }
    const entry = entryOf(asked, answer, known);
    if (entry instanceof Failure) return entry;
    return entry.addTo(this.#resolved, this.#durationSecs);
  }
}

/**
 * Makes an entry of an answer. An answer that is the same as before keeps the client, with its keys and its memory.
 *
 * @param {string} asked
 * @param {unknown} answer
 * @param {IssuerEntry | undefined} known
 * @returns {Choice}
 */
function entryOf(asked, answer, known) {
  try {
    if (known !== undefined && known.asked === asked && isSame(known.answer, answer)) return known;
    const client = anyValidatorOf(answer) === undefined ? isolatedClient(answer) : /** @type {ClientType} */ (answer);
    const entry = new IssuerEntry(client, asked, kept(answer));
    if (entry.key === keyOf(asked)) return entry;
  } catch (error) {
    return new InvalidAnswer(FAILURES.resolved_client_invalid.spec, error);
  }
  return FAILURES.resolved_client_invalid;
}

/** The failure of options that are invalid. The error says which option is. */
class InvalidAnswer extends Failure {
  #cause;

  /**
   * @param {FailureData['spec']} spec
   * @param {unknown} cause
   */
  constructor(spec, cause) {
    super(spec);
    this.#cause = cause;
  }

  /** @override */
  toError() {
    const cause = { __proto__: null, value: this.#cause, configurable: true, writable: true };
    return Object.defineProperty(super.toError(), 'cause', cause);
  }
}

/**
 * A copy of options, so that later changes of the caller's object do not look like equal options.
 *
 * @param {unknown} answer
 */
function kept(answer) {
  return isPlain(answer) ? { __proto__: null, ...answer } : answer;
}

/**
 * Whether an answer is the same client, or options with the same members. Members that are objects must be the same
 * objects.
 *
 * @param {unknown} before
 * @param {unknown} after
 */
function isSame(before, after) {
  if (before === after) return true;
  if (!isPlain(before) || !isPlain(after)) return false;
  const names = Object.keys(before);
  return (
    names.length === Object.getOwnPropertyNames(after).length &&
    names.every((name) => Object.hasOwn(after, name) && Object.is(before[name], after[name]))
  );
}

/**
 * @param {IssuerEntry} entry
 * @param {Choice} result
 * @param {number} now
 */
function retryLater(entry, result, now) {
  if (result instanceof Failure) entry.renewAt = now + RETRY_SECS;
}

/**
 * The issuer that a token names, or a negative code of the engine. An internal error is a code too: the guard for panics
 * takes longer than the call.
 *
 * @param {string} token
 */
function peek(token) {
  try {
    return native.peekIssuer(token);
  } catch {
    return FAILURES.internal.spec.outcomeCode;
  }
}

/**
 * The name of an issuer without one trailing `/`. `tenantDomain` is compared in the same way.
 *
 * @param {string} issuer
 */
function keyOf(issuer) {
  return issuer.endsWith('/') ? issuer.slice(0, -1) : issuer;
}

/**
 * @param {string} key
 * @param {readonly string[]} allowed
 */
function isListed(key, allowed) {
  for (let i = 0; i < allowed.length; i += 1) if (keyOf(allowed[i]) === key) return true;
  return false;
}

/**
 * Publishes that no client was chosen. The chosen client publishes everything else.
 *
 * @param {Choice} choice
 * @param {'jwt' | 'opaque'} kind
 */
function published(choice, kind) {
  if (choice instanceof Failure && hasSubscribers()) decided(undefined, kind, choice);
  return choice;
}

module.exports = { IssuerDirectory, IssuerEntry, isListed, keyOf };
