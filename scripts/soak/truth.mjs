// What must the API answer now? Knows which keys the issuer has served to it and which outages are declared, and so
// which answers to a request are right, wrong, or excused.

/** How long after a document was served, or an outage has ended, either answer is right, in milliseconds. */
const SETTLING = 1500;
/** After an outage of introspection, one probe a second is let through, and one that hangs takes a second. */
const PROBING = 4000;

export class Truth {
  /**
   * `{ at, kids, isTaken }` of each key set that the API was served whole, oldest first. Only a set that the API says it
   * has taken is certain to be in use: the other exchanges may have ended at their deadline, on a busy machine.
   */
  #served = [];
  #refreshFailures = 0;
  /** `{ from, to }` of outages by document; `to` is unset while one lasts. */
  #outages = { introspection: [], keys: [] };

  served(kids) {
    this.#served.push({ at: performance.now(), kids: new Set(kids), isTaken: false });
    if (this.#served.length > 1000) this.#served.shift();
  }

  /** The API says that a refresh of the keys has ended, well or not. */
  refreshed(isGood) {
    const latest = this.#served.at(-1);
    if (!isGood) this.#refreshFailures += 1;
    else if (latest) latest.isTaken = true;
  }

  /** How many sets were served and are unaccounted for: neither taken nor lost in a refresh that failed. */
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

  /** Whether a key must be known, must not be, or either, to a request that began and ended then. */
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
   * `right`, `excused`, or `accepted wrongly` / `refused wrongly` for an answer's status. `wish` is what the token is
   * worth: see tokens.mjs.
   */
  judge({ kind, kid, path, isGood, lacksScope }, status, began, ended) {
    if (kind === 'opaque') {
      if (status === 200) return isGood ? 'right' : 'accepted wrongly';
      if (this.isOutage('introspection', began, ended) && (status === 503 || status === 500)) return 'excused';
      return isGood || status !== 401 ? 'refused wrongly' : 'right';
    }
    // What a cache was given while the key was known, it may give until the token ends.
    const isCached = path === '/cached' && isGood;
    const known = this.knows(kid, began, ended) === 'no' && isCached ? 'either' : this.knows(kid, began, ended);
    if (status === 200) return isGood && !lacksScope && known !== 'no' ? 'right' : 'accepted wrongly';
    const refusal = lacksScope && isGood ? 403 : 401;
    if (isGood && known === 'yes') return lacksScope && status === refusal ? 'right' : 'refused wrongly';
    // A key that is not known, or not yet: a refusal is right, and so is 503 while the issuer cannot be asked.
    if (status === 401 || status === refusal) return 'right';
    return status === 503 ? 'excused' : 'refused wrongly';
  }
}
