'use strict';

/**
 * Which clients that `resolve` returned are kept, and which one gives way?
 *
 * Anyone can name an issuer in a token. So clients that never accepted a token give way first. Tokens that are rejected
 * never push out a client that accepted one, except for one place.
 */

/** @import { IssuerEntryType } from './issuer-directory.js' */
/** @typedef {ResolvedClients} ResolvedClientsType The class as a type, for other files. */

class ResolvedClients {
  #most;
  /**
   * Those that accepted a token, by issuer. The first is the next to be looked at.
   *
   * @type {Map<string, IssuerEntryType>}
   */
  #proven = new Map();
  /**
   * All others. The first is the oldest.
   *
   * @type {Map<string, IssuerEntryType>}
   */
  #fresh = new Map();

  /** @param {number} most */
  constructor(most) {
    this.#most = most;
  }

  get values() {
    return [...this.#proven.values(), ...this.#fresh.values()];
  }

  /** @param {string} key */
  get(key) {
    return this.#proven.get(key) ?? this.#fresh.get(key);
  }

  /**
   * Adds a client, or replaces that of the same issuer.
   *
   * @param {IssuerEntryType} entry
   */
  add(entry) {
    const known = this.get(entry.key);
    if (known === entry) return;
    const list = known !== undefined && this.#proven.has(entry.key) ? this.#proven : this.#fresh;
    if (known === undefined) this.#makeRoom();
    else known.isRemoved = true;
    list.set(entry.key, entry);
  }

  /**
   * Removes a client whose issuer is not ours any more.
   *
   * @param {IssuerEntryType} entry
   */
  remove(entry) {
    entry.isRemoved = true;
    for (const list of [this.#proven, this.#fresh]) if (list.get(entry.key) === entry) list.delete(entry.key);
  }

  /**
   * Notes that a client accepted a token. It returns to the list if it gave way meanwhile.
   *
   * @param {IssuerEntryType} entry
   */
  prove(entry) {
    const known = this.get(entry.key);
    if (entry.isRemoved || (known !== undefined && known !== entry) || this.#proven.has(entry.key)) return;
    if (known === undefined) this.#makeRoom();
    this.#fresh.delete(entry.key);
    this.#proven.set(entry.key, entry);
  }

  /** Removes one client if the list is full. */
  #makeRoom() {
    if (this.#proven.size + this.#fresh.size < this.#most) return;
    const [oldest] = this.#fresh.keys();
    if (oldest === undefined) this.#dropProven();
    else this.#fresh.delete(oldest);
  }

  /** Removes the first client that accepted no token since it was looked at last. */
  #dropProven() {
    for (;;) {
      const [first] = this.#proven.values();
      this.#proven.delete(first.key);
      if (!first.wasUsed) return;
      first.wasUsed = false;
      this.#proven.set(first.key, first);
    }
  }
}

module.exports = { ResolvedClients };
