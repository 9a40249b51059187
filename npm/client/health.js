'use strict';

/** What does `health()` report about a client? The engine collects the facts. This module gives them their types. */

/**
 * @import { MonoCloudBackendNodeClient } from '../native/binding.js'
 * @import { MonoCloudHealth } from '../types/client.js'
 */

/**
 * The result of the public `health()`.
 *
 * @param {MonoCloudBackendNodeClient} native
 * @returns {MonoCloudHealth}
 */
function healthOf(native) {
  return { ready: native.hasUsableKeys(), ...nullToUndefined(JSON.parse(native.health())) };
}

/**
 * Whether the client has never received keys. Keys that are too old to use still count as received.
 *
 * @param {MonoCloudBackendNodeClient} native
 */
function hasNeverHadKeys(native) {
  return healthOf(native).keys.age === undefined;
}

/**
 * JSON writes an absent value as null. The public types have `undefined`, and keep the member.
 *
 * @param {any} object What `JSON.parse` returned.
 */
function nullToUndefined(object) {
  for (const [name, value] of Object.entries(object)) {
    object[name] = typeof value === 'object' && value !== null ? nullToUndefined(value) : (value ?? undefined);
  }
  return object;
}

module.exports = { hasNeverHadKeys, healthOf };
