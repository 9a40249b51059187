'use strict';

/**
 * What a DPoP proof is compared with (RFC 9449 §4.3): finds the proof of a request, and the URL that the request was
 * sent to. Loaded when the first `DPoP` credential arrives.
 */

const { memberOf } = require('../client/arguments.js');
const { endOfValue, headerOf, isSentOnce } = require('./headers.js');
const { URL_OF, targetOf, urlBelow } = require('./request-url.js');

/** More than one `DPoP` field, or a list (RFC 9449 §4.3, check 1). */
const SEVERAL = Symbol('several proofs');
/** `urlResolver` threw, or returned something other than a URL. */
const FAILED = Symbol('url resolver failed');

/**
 * Returns the text of the one `DPoP` field, `undefined` without such a field, or `SEVERAL`. Node and web `Headers` join
 * several fields with a comma, which no proof contains.
 */
function proofOf(headers, rawHeaders) {
  const header = headerOf(headers, 'dpop');
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || header.includes(',') || !isSentOnce(rawHeaders, 'dpop')) return SEVERAL;
  return header.slice(0, endOfValue(header));
}

/**
 * Returns the URLs that the proof of a request may name. The list is empty if no URL can be trusted. It is `FAILED` if
 * `urlResolver` failed.
 *
 * @param settings `urlResolver`, the user's function, which wins over the others. `publicUrls`, the URLs of the option
 *   `publicUrl`. If there are any, the framework's URL does not count. `framework`, a name of `URL_OF`.
 * @param message What arrived.
 * @param request The framework's request.
 */
function expectedUrls(settings, message, request) {
  const { urlResolver, publicUrls, framework } = settings;
  if (urlResolver) return resolvedUrls(urlResolver, request);
  // The frameworks of the Fetch standard have no request of their own that knows more.
  const source = framework === 'web' ? message : request;
  const urls =
    publicUrls.length === 0
      ? [URL_OF[framework](source)]
      : publicUrls.map((publicUrl) => urlBelow(publicUrl, targetOf(source)));
  return urls.filter((url) => url !== undefined);
}

function resolvedUrls(urlResolver, request) {
  try {
    const found = urlResolver(request);
    if (found === undefined || found === null) return [];
    // A `URL` of any realm.
    const url = typeof found === 'string' ? found : memberOf(found, 'href');
    if (typeof url === 'string') return [url];
  } catch {
    // The caller reports it without the error, whose text may contain what the resolver read.
  }
  return FAILED;
}

/**
 * The proofs of the requests that are being answered. A request may pass several guards of one client: for the app, and
 * for a route. Its proof is good for one use, so all of them share it.
 */
class Proofs {
  #byMessage = new WeakMap();

  /** Returns the proof of a request for a client. @param create Called for the first guard of the client. */
  of(message, client, create) {
    let byClient = this.#byMessage.get(message);
    if (byClient === undefined) {
      byClient = new WeakMap();
      this.#byMessage.set(message, byClient);
    }
    let proof = byClient.get(client);
    if (proof === undefined) {
      proof = create();
      byClient.set(client, proof);
    }
    return proof;
  }
}

module.exports = { FAILED, Proofs, SEVERAL, expectedUrls, proofOf };
