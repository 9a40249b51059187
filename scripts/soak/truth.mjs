// Which response must the API send now? Knows which keys the issuer has served to it and which outages are declared.
// So it knows which responses to a request are correct, wrong or excused.

/** Milliseconds after a document was served, or an outage ended, in which either response is correct. */
const SETTLING = 1500;
/** After an outage of introspection, the breaker allows one probe per second, and a probe that hangs takes a second. */
const PROBING = 4000;

export class Truth {
  /**
   * `{ at, kids, isTaken }` of each key set that was served completely to the API, oldest first. Only a set that the
   * API reports as taken is certainly in use: on a busy machine, other exchanges may have timed out.
   */
  #served = [];
  #refreshFailures = 0;
  /** `{ from, to }` of outages by document; `to` is unset during an outage. */
  #outages = { introspection: [], keys: [] };

  served(kids) {
    this.#served.push({ at: performance.now(), kids: new Set(kids), isTaken: false });
    if (this.#served.length > 1000) this.#served.shift();
  }

  /** The API reports that a refresh of the keys has ended, successfully or not. */
  refreshed(isGood) {
    const latest = this.#served.at(-1);
    if (!isGood) this.#refreshFailures += 1;
    else if (latest) latest.isTaken = true;
  }

  /** How many served sets have an unknown state: neither taken nor lost in a failed refresh. */
  get lost() {
    const isPast = ({ at }) => at < performance.now() - SETTLING;
    const untaken = this.#served.filter((set) => isPast(set) && !set.isTaken).length;
    return Math.max(untaken - this.#refreshFailures, 0);
  }

  begin(document) {
    this.#outages[document].push({ from: performance.now(), to: Infinity });
  }

  end(document) {
    const outage = this.#outages[document].findLast(({ to }) => to === Infinity);
    if (outage) outage.to = performance.now();
  }

  latestHas(kid) {
    return this.#served.findLast(({ isTaken }) => isTaken)?.kids.has(kid) ?? false;
  }

  /** Whether a key must be known, must be unknown, or may be either, for a request with this start and end. */
  knows(kid, began, ended) {
    const settled = this.#served.findLastIndex(({ at, isTaken }) => isTaken && at < began - SETTLING);
    const sets = this.#served.slice(Math.max(settled, 0)).filter(({ at }) => at <= ended);
    if (sets.every(({ kids }) => kids.has(kid))) return 'yes';
    return sets.some(({ kids }) => kids.has(kid)) ? 'either' : 'no';
  }

  isOutage(document, began, ended) {
    const grace = document === 'introspection' ? PROBING : SETTLING;
    return this.#outages[document].some(({ from, to }) => from <= ended && to >= began - grace);
  }

  /**
   * `right`, `excused`, or `accepted wrongly` / `refused wrongly` for the status of a response. `wish` is the token's
   * expected result: see tokens.mjs. `wasAccepted`: whether its DPoP proof had been accepted before.
   */
  judge({ kind, kid, path, isGood, lacksScope, isReplay, wasAccepted }, status, began, ended) {
    if (isReplay && status === 200) return wasAccepted ? 'accepted wrongly' : 'right';
    if (isReplay && status === 401) return 'right';
    if (kind === 'opaque') {
      if (status === 200) return isGood ? 'right' : 'accepted wrongly';
      if (this.isOutage('introspection', began, ended) && (status === 503 || status === 500)) return 'excused';
      return isGood || status !== 401 ? 'refused wrongly' : 'right';
    }
    // A cache may return an entry until the token ends, if it was stored while the key was known.
    const isCached = path === '/cached' && isGood;
    const known = this.knows(kid, began, ended) === 'no' && isCached ? 'either' : this.knows(kid, began, ended);
    if (status === 200) return isGood && !lacksScope && known !== 'no' ? 'right' : 'accepted wrongly';
    const refusal = lacksScope && isGood ? 403 : 401;
    if (isGood && known === 'yes') return lacksScope && status === refusal ? 'right' : 'refused wrongly';
    // The key is unknown, perhaps temporarily: a rejection is correct, and so is 503 while the issuer is unreachable.
    if (status === 401 || status === refusal) return 'right';
    return status === 503 ? 'excused' : 'refused wrongly';
  }
}
