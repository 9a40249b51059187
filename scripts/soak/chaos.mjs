// Carries out a plan of faults: declares each outage to the truth, and puts everything right again.

import { OUTAGE_OF, changes, faultOf, outages } from './plan.mjs';
import { random } from './random.mjs';

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** How long a new key may stay unfetched, in milliseconds, before that is all there is to say. */
const GIVING_UP = 60_000;
/** A fault that says when to come back, and those that replace the metadata by one without keys. */
const IS_BUSY = /Retry-After: 300/;
const LACKS_KEYS = 'no jwks_uri';

/** The faults of `server`, as its `seed` has them; `tell` is called with a line for each. */
export class Chaos {
  /** The keys that sign now, and the sets that were withdrawn. */
  signing;
  former = [];
  /** The kind of tokens that the load should ask with many of: `unknown`, `garbage` or `slow`. */
  flood;
  counts = {};
  /**
   * The longest that the API went without the key that signs though its issuer was well, in milliseconds: as such, and
   * after an issuer that asked to be left alone for longer.
   */
  slowest = { rotation: 0, afterRetryAfter: 0 };

  #server;
  #truth;
  #tell;
  #seed;
  #isOver = false;
  /** Since when the issuer would have given its keys to who asks; unset while it would not. */
  #wellSince = performance.now();
  #ailments = 0;
  #wasBusy = false;

  constructor(server, truth, tell, seed) {
    this.#server = server;
    this.#truth = truth;
    this.#tell = tell;
    this.#seed = seed;
    this.signing = server.behind.keys;
    this.#watchKeys();
  }

  /** Every key set that is served whole is known to the truth. */
  #watchKeys() {
    this.#server.proxy.fault('/jwks', async ({ request, response, body, proxy }) => {
      const kids = this.#server.behind.jwks.keys.map(({ kid }) => kid);
      await proxy.forward(request, response, body);
      if (response.writableFinished) this.#truth.served(kids);
    });
  }

  async run() {
    const series = async (plan, carryOut) => {
      for (const entry of plan) {
        if (this.#isOver) return;
        this.counts[entry.kind] = (this.counts[entry.kind] ?? 0) + 1;
        this.#tell(lineOf(entry));
        await carryOut(entry);
        await pause(entry.pause);
      }
    };
    await Promise.all([
      series(outages(random(this.#seed, 'outages')), (entry) => this.#fail(entry)),
      series(changes(random(this.#seed, 'changes')), (entry) => this.#change(entry)),
    ]);
    this.#heal();
  }

  stop() {
    this.#isOver = true;
  }

  #heal() {
    this.#server.proxy.heal();
    this.#watchKeys();
  }

  async #fail(entry) {
    const { proxy } = this.#server;
    const isDown = entry.path === undefined;
    const documents = isDown ? ['keys', 'introspection'] : entry.delay === undefined ? OUTAGE_OF[entry.path] : [];
    const isOfKeys = documents.includes('keys') || entry.fault === LACKS_KEYS;
    // Metadata that cannot be had delays the attempt for keys by its deadline, and one that is busy by what it asks for.
    this.#wasBusy ||= entry.path !== '/introspect' && IS_BUSY.test(entry.fault);
    documents.forEach((document) => this.#truth.begin(document));
    if (isOfKeys) this.#ail(1);
    if (isDown) await proxy.down();
    else proxy.fault(entry.path, faultOf(entry));
    await pause(entry.milliseconds);
    if (isDown) await proxy.up();
    else this.#heal();
    if (isOfKeys) this.#ail(-1);
    documents.forEach((document) => this.#truth.end(document));
  }

  #ail(change) {
    this.#ailments += change;
    this.#wellSince = this.#ailments === 0 ? performance.now() : undefined;
  }

  async #change({ flood, announcedFor, milliseconds }) {
    if (flood) {
      this.flood = flood;
      await pause(milliseconds);
      this.flood = undefined;
      return;
    }
    this.former.push(await this.#server.behind.rotate({ keepOld: announcedFor !== undefined }));
    await pause(announcedFor ?? 0);
    this.signing = this.#server.behind.keys;
    await this.#untilServed();
  }

  /** Waits until the API has been served the keys that sign. */
  async #untilServed() {
    const began = performance.now();
    this.#wasBusy = false;
    while (!this.#truth.latestHas(this.signing.rsa.kid) && performance.now() - began < GIVING_UP) {
      await pause(20);
      if (this.#wellSince === undefined) continue;
      const which = this.#wasBusy ? 'afterRetryAfter' : 'rotation';
      this.slowest[which] = Math.max(this.slowest[which], performance.now() - Math.max(began, this.#wellSince));
    }
    if (this.former.length > 3) this.former.shift();
  }
}

function lineOf({ kind, path, fault, milliseconds }) {
  const what = fault === undefined ? kind : `${path} answers with ${fault}`;
  return milliseconds === undefined ? what : `${what} for ${(milliseconds / 1000).toFixed(1)} s`;
}
