'use strict';

/** What did a resolver of the application find? For `tokenResolver` and `certificateResolver`. */

/** The result of a resolver that threw, or returned something other than text. */
const FAILED = Symbol('resolver failed');

/**
 * Calls a resolver. Returns text, `undefined` if it found nothing, or `FAILED`. Never rejects.
 *
 * @param {(request: any) => unknown} resolver
 * @param {any} request
 */
async function textOf(resolver, request) {
  try {
    const found = await resolver(request);
    if (typeof found === 'string') return found;
    // `condition && text` may return a falsy value, which means no result.
    if (!found) return undefined;
  } catch {
    // The caller reports the failure without the error: its text may contain what the resolver read.
  }
  return FAILED;
}

module.exports = { FAILED, textOf };
