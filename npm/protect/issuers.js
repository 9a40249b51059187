'use strict';

/**
 * Which issuers may a request use, and which client decides on its token? For APIs with several issuers, and for the option
 * `issuers`.
 *
 * A route has a route of its own for each client, with the policy of that client. It lives as long as the client.
 */

/**
 * @import { FailureData } from '../errors/errors.js'
 * @import { Choice, IssuerDirectoryType, IssuerEntryType } from '../client/issuer-directory.js'
 * @import { PolicyType } from '../client/policy.js'
 * @import { ValidatorType } from '../client/validate.js'
 */
/** @typedef {Choices} ChoicesType The class as a type, for other files. */
/** @typedef {Pick<IssuerDirectoryType, 'choose' | 'configured'> & { hasDefaultMethods: boolean }} Directory */
/**
 * @template R
 * @typedef {RouteChoice<R>} RouteChoiceType The class as a type, for other files.
 */

const { invalid } = require('../client/arguments.js');
const { anyValidatorOf } = require('../client/client.js');
const { IssuerEntry, isListed } = require('../client/issuer-directory.js');
const { anyDirectoryOf, directoryOf, issuersIn } = require('../client/multi-issuer.js');
const { isPending } = require('../client/pending.js');
const { FAILURES, Failure } = require('../errors/errors.js');

/** The result of the user's `issuers` if it threw, or returned something other than a list. */
const FAILED = Symbol('issuers failed');

const IGNORED = 'dangerously_ignore';
/** Each route is created at once for this many clients. */
const MAX_PREPARED = 100;

/** The choices of one `protectApi`. */
class Choices {
  #directory;
  #issuers;
  #apiFor;
  /**
   * The API as each client sees it.
   *
   * @type {WeakMap<object, any>}
   */
  #apis = new WeakMap();

  /**
   * @param {Directory} directory
   * @param {((request: any) => unknown) | undefined} issuers
   * @param {(client: any) => any} apiFor
   */
  constructor(directory, issuers, apiFor) {
    this.#directory = directory;
    this.#issuers = issuers;
    this.#apiFor = apiFor;
    /** What the challenges say before a client is chosen. */
    this.facts = factsOf(directory.configured.map(({ validator }) => validator));
  }

  /**
   * @template R
   * @param {(api: any) => R} routeOf Creates the route of one client.
   */
  forRoute(routeOf) {
    /** @param {IssuerEntryType} entry */
    const routeFor = (entry) => {
      const api = this.#apis.get(entry.client) ?? this.#apiFor(entry.client);
      this.#apis.set(entry.client, api);
      /** @param {object} claims */
      const accepted = (claims) => entry.accepted(claims);
      return routeOf(Object.assign(Object.create(null), api, { accepted }));
    };
    return new RouteChoice(this.#directory, this.#issuers, routeFor);
  }
}

/**
 * The choice of one route.
 *
 * @template R
 */
class RouteChoice {
  #directory;
  #issuers;
  #routeFor;
  /** @type {WeakMap<object, R>} */
  #routes = new WeakMap();

  /**
   * @param {Directory} directory
   * @param {((request: any) => unknown) | undefined} issuers
   * @param {(entry: IssuerEntryType) => R} routeFor
   */
  constructor(directory, issuers, routeFor) {
    this.#directory = directory;
    this.#issuers = issuers;
    this.#routeFor = routeFor;
    // An option that a client does not accept fails at startup. The routes of more clients are created on first use.
    for (const entry of directory.configured.slice(0, MAX_PREPARED)) this.#routeOf(entry);
  }

  /**
   * Whether the client chooses itself. Otherwise a subclass or a spy replaced its `validateAccessToken`, which is called
   * with what `allowedBy` returns.
   */
  get isDefault() {
    return this.#directory.hasDefaultMethods;
  }

  /**
   * Returns the issuers that a request may use, `undefined` for all, or a symbol if `issuers` failed.
   *
   * @param {any} request
   * @returns {readonly string[] | symbol | undefined}
   */
  allowedBy(request) {
    return this.#issuers === undefined ? undefined : allowedBy(this.#issuers, request);
  }

  /**
   * Chooses by the token of a request. Returns a failure if there is no client for it, and a symbol if `issuers` failed.
   *
   * @param {string} token
   * @param {any} request
   * @returns {R | FailureData | symbol | Promise<R | FailureData>}
   */
  of(token, request) {
    const allowed = this.allowedBy(request);
    if (typeof allowed === 'symbol') return allowed;
    const choice = this.#directory.choose(token, allowed);
    return isPending(choice) ? choice.then((made) => this.#chosenBy(made)) : this.#chosenBy(choice);
  }

  /** @param {Choice} choice */
  #chosenBy(choice) {
    return choice instanceof Failure ? choice : this.#routeOf(choice);
  }

  /** @param {IssuerEntryType} entry */
  #routeOf(entry) {
    const known = this.#routes.get(entry);
    if (known !== undefined) return known;
    const route = this.#routeFor(entry);
    this.#routes.set(entry, route);
    return route;
  }
}

/**
 * Calls the user's function. Returns a list, `undefined` for all issuers, or `FAILED`.
 *
 * @param {(request: any) => unknown} issuers
 * @param {any} request
 * @returns {readonly string[] | symbol | undefined}
 */
function allowedBy(issuers, request) {
  try {
    const found = issuers(request);
    return found === undefined || found === null ? undefined : (issuersIn(found) ?? FAILED);
  } catch {
    // Reported by the caller, without the error: its text may contain what the function read.
    return FAILED;
  }
}

/** The directory of an API whose client has several issuers. */
class SeveralIssuers {
  #client;
  #directory;

  /**
   * @param {any} client
   * @param {IssuerDirectoryType} directory
   */
  constructor(client, directory) {
    this.#client = client;
    this.#directory = directory;
  }

  get configured() {
    return this.#directory.configured;
  }

  get hasDefaultMethods() {
    return directoryOf(this.#client) !== undefined;
  }

  /**
   * @param {string} token
   * @param {readonly string[] | undefined} allowed
   */
  choose(token, allowed) {
    return this.#directory.choose(token, allowed);
  }
}

/** The directory of an API whose client has one issuer. Its tokens need no choice. */
class OneIssuer {
  #entry;

  /** @param {any} client */
  constructor(client) {
    this.#entry = new IssuerEntry(client);
  }

  get configured() {
    return [this.#entry];
  }

  /** The route of the client handles custom methods. */
  get hasDefaultMethods() {
    return true;
  }

  /**
   * @param {unknown} _token
   * @param {readonly string[] | undefined} allowed
   * @returns {Choice}
   */
  choose(_token, allowed) {
    return allowed === undefined || isListed(this.#entry.key, allowed) ? this.#entry : FAILURES.issuer_mismatch;
  }
}

/**
 * @param {any} client
 * @param {((request: any) => unknown) | undefined} issuers
 * @param {(client: any) => any} apiFor
 */
function choicesOf(client, issuers, apiFor) {
  const several = anyDirectoryOf(client);
  if (several !== undefined) return new Choices(new SeveralIssuers(client, several), issuers, apiFor);
  if (anyValidatorOf(client) !== undefined) return new Choices(new OneIssuer(client), issuers, apiFor);
  throw invalid('issuers needs a client of this package, because it compares the issuer of the client');
}

/**
 * What an API with these clients says about DPoP while no client is chosen. It requires DPoP if all of them do. It lists
 * the algorithms that all of them accept.
 *
 * @param {readonly ValidatorType[]} validators
 */
function factsOf(validators) {
  /** @param {Pick<PolicyType, 'dpop'>} policy */
  const modesOf = (policy) => validators.map((validator) => validator.dpopMode(policy));
  return {
    /** @param {Pick<PolicyType, 'dpop'>} policy */
    dpopMode(policy) {
      const modes = modesOf(policy);
      if (modes.every((mode) => mode === IGNORED)) return IGNORED;
      return modes.every((mode) => mode === 'required') ? 'required' : 'when_present';
    },
    get dpopFacts() {
      const all = validators.filter((validator) => validator.dpopMode({ dpop: undefined }) !== IGNORED);
      const facts = (all.length > 0 ? all : validators).map((validator) => validator.dpopFacts);
      const lists = facts.map(({ algorithms }) => algorithms.split(' '));
      const common = (lists[0] ?? []).filter((name) => lists.every((list) => list.includes(name)));
      return {
        algorithms: (common.length > 0 ? common : (lists[0] ?? [])).join(' '),
        context: 0,
        isAnnounced: facts.some(({ isAnnounced }) => isAnnounced),
        publicUrls: [],
      };
    },
  };
}

module.exports = { choicesOf, factsOf };
