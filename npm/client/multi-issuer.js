'use strict';

/** The client for several authorization servers. It holds an ordinary client for each issuer, and chooses by token. */

/**
 * @import { ClientType } from './client.js'
 * @import { IssuerDirectoryType } from './issuer-directory.js'
 * @import { MonoCloudHealth } from '../types/client.js'
 */
/** @typedef {MonoCloudMultiIssuerClient} MultiIssuerClientType The class as a type, for other files. */

const { checkedOptions, invalid, isPlain, own } = require('./arguments.js');
const { callSpec } = require('./call-options.js');
const { anyValidatorOf } = require('./client.js');
const { Failure } = require('../errors/errors.js');
const { isPending } = require('./pending.js');

const OPTIONS = ['clients', 'resolve', 'maxClients', 'resolveDuration', 'opaque'];
const CLASS = 'MonoCloudMultiIssuerClient';
/** The largest number of configured clients, and of those that `resolve` returned. */
const MAX_CLIENTS = 10_000;
const DEFAULT_CLIENTS = 100;
const DEFAULT_DURATION_SECS = 300;
/** One day. */
const MAX_DURATION_SECS = 86_400;
/** One request may use at most this many issuers. */
const MAX_ISSUERS = 10_000;

/**
 * Returns the directory of a client that has the default `validateAccessToken`, or `undefined`.
 *
 * @type {(client: any) => IssuerDirectoryType | undefined}
 */
let directoryOf;
/**
 * Returns the directory of a client, whatever its methods are.
 *
 * @type {(client: unknown) => IssuerDirectoryType | undefined}
 */
let anyDirectoryOf;

class MonoCloudMultiIssuerClient {
  #directory;

  /** @param {unknown} options */
  constructor(options) {
    // Few applications have several issuers, so the package does not load this module at import.
    const { IssuerDirectory } = require('./issuer-directory.js');
    this.#directory = new IssuerDirectory(directoryOptions(options));
  }

  /**
   * @param {string} token
   * @param {unknown} [options]
   */
  async validateAccessToken(token, options) {
    const { issuers, rest } = callOptions(options, 'validateAccessToken()');
    const pending = this.#directory.choose(token, issuers);
    const chosen = isPending(pending) ? await pending : pending;
    if (chosen instanceof Failure) throw chosen.toError();
    return chosen.accepted(await chosen.client.validateAccessToken(token, rest));
  }

  /**
   * @param {string} token
   * @param {unknown} [options]
   */
  async explain(token, options) {
    const { issuers, rest } = callOptions(options, 'explain()');
    const pending = this.#directory.choose(token, issuers);
    const chosen = isPending(pending) ? await pending : pending;
    if (!(chosen instanceof Failure)) return chosen.client.explain(token, rest);
    const { unchosen } = require('../explain/explain.js');
    return unchosen(chosen, typeof token === 'string' && token.split('.').length === 3);
  }

  async warmUp() {
    const all = this.#directory.entries.map(async ({ client }) => client.warmUp());
    // One issuer that is down does not keep the others from being ready.
    const failed = (await Promise.allSettled(all)).find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw /** @type {PromiseRejectedResult} */ (failed).reason;
  }

  health() {
    /** @type {Record<string, MonoCloudHealth>} */
    const issuers = Object.create(null);
    for (const { client, validator } of this.#directory.entries) issuers[validator.context.issuer] ??= client.health();
    return { issuers };
  }

  static {
    anyDirectoryOf = (client) =>
      typeof client === 'object' && client !== null && #directory in client ? client.#directory : undefined;
    directoryOf = (client) => (client?.validateAccessToken === VALIDATE ? anyDirectoryOf(client) : undefined);
  }
}

const { validateAccessToken: VALIDATE } = MonoCloudMultiIssuerClient.prototype;

/** @param {unknown} given */
function directoryOptions(given) {
  const { clients, resolve, maxClients, resolveDuration, opaque } = checkedOptions(
    CLASS,
    given,
    OPTIONS,
    'option_invalid',
  );
  if (isAbsent(clients) && isAbsent(resolve)) throw wrong('clients', 'or resolve is required');
  if (!isAbsent(resolve) && typeof resolve !== 'function') throw wrong('resolve', 'must be a function');
  if (!isAbsent(opaque) && anyValidatorOf(opaque) === undefined) throw wrong('opaque', 'must be a client');
  return {
    clients: readClients(clients),
    resolve: resolve ?? undefined,
    maxClients: readNumber('maxClients', maxClients, DEFAULT_CLIENTS, MAX_CLIENTS),
    resolveDuration: readNumber('resolveDuration', resolveDuration, DEFAULT_DURATION_SECS, MAX_DURATION_SECS),
    opaque: opaque ?? undefined,
  };
}

/** @param {unknown} value */
const isAbsent = (value) => value === undefined || value === null;

/**
 * @param {unknown} given
 * @returns {ClientType[]}
 */
function readClients(given) {
  if (isAbsent(given)) return [];
  const clients = itemsOf(given, MAX_CLIENTS);
  const validators = clients?.map(anyValidatorOf);
  if (clients === undefined || validators === undefined || validators.includes(undefined)) {
    throw wrong('clients', `must be an array of at most ${MAX_CLIENTS} clients, each of one issuer`);
  }
  const names = new Set(validators.map((validator) => validator?.context.issuer));
  // A token has one client. An API with several audiences has one client with all of them.
  if (names.size < clients.length) throw wrong('clients', 'must not contain two clients of one issuer');
  return /** @type {ClientType[]} */ (clients);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {number} fallback
 * @param {number} most
 */
function readNumber(name, value, fallback, most) {
  if (isAbsent(value)) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw wrong(name, `must be a whole number from 1 to ${most}`);
}

/**
 * Returns a copy of an array, or `undefined` if it is none, has holes or is too long.
 *
 * @param {unknown} list
 * @param {number} most
 * @returns {unknown[] | undefined}
 */
function itemsOf(list, most) {
  try {
    if (!Array.isArray(list) || list.length > most) return undefined;
    const items = [];
    for (let i = 0; i < list.length; i += 1) {
      if (!Object.hasOwn(list, i)) return undefined;
      items.push(list[i]);
    }
    return items;
  } catch {
    // A getter or a proxy threw.
    return undefined;
  }
}

/**
 * Reads a list of issuers that a request may use. Returns `undefined` if it is no list of strings.
 *
 * @param {unknown} list
 * @returns {readonly string[] | undefined}
 */
function issuersIn(list) {
  const items = itemsOf(list, MAX_ISSUERS);
  return items?.every((item) => typeof item === 'string') ? items : undefined;
}

/**
 * Separates `issuers` from the options of the chosen client, and checks both before a client is chosen.
 *
 * @param {any} options
 * @param {string} where
 */
function callOptions(options, where) {
  const given = isPlain(options) ? own(options, 'issuers') : undefined;
  const rest = isPlain(options) && Object.hasOwn(options, 'issuers') ? withoutIssuers(options) : options;
  callSpec(where, rest);
  const issuers = isAbsent(given) ? undefined : issuersIn(given);
  if (!isAbsent(given) && issuers === undefined) {
    throw invalid(`${where}: issuers must be an array of at most ${MAX_ISSUERS} strings`);
  }
  return { issuers, rest };
}

/** @param {Record<string, unknown>} options */
function withoutIssuers(options) {
  const rest = { ...options };
  delete rest.issuers;
  return rest;
}

/**
 * @param {string} name
 * @param {string} problem
 */
function wrong(name, problem) {
  return invalid(`${name} ${problem} (option ${name})`, 'option_invalid');
}

module.exports = { MonoCloudMultiIssuerClient, anyDirectoryOf, directoryOf, issuersIn };
