'use strict';

/** What does `health()` report about a client? The engine collects the facts. This module gives them their types. */

/** The result of the public `health()`. */
function healthOf(native) {
  return { ready: native.hasUsableKeys(), ...nullToUndefined(JSON.parse(native.health())) };
}

/** Whether the client has never received keys. Keys that are too old to use still count as received. */
function hasNeverHadKeys(native) {
  return healthOf(native).keys.age === undefined;
}

/** JSON writes an absent value as null. The public types have `undefined`, and keep the member. */
function nullToUndefined(object) {
  for (const [name, value] of Object.entries(object)) {
    object[name] = typeof value === 'object' && value !== null ? nullToUndefined(value) : (value ?? undefined);
  }
  return object;
}

module.exports = { hasNeverHadKeys, healthOf };
