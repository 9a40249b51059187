// Carries out a plan of faults: declares each outage to the expected results, and removes all faults again.

import { OUTAGE_OF, changes, faultOf, outages } from './plan.mjs';
import { random } from './random.mjs';

const pause = (milliseconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

/** How long a new key may stay unfetched, in milliseconds, before the run reports only that. */
const GIVING_UP = 60_000;
/** A fault that sends `Retry-After`, and faults that replace the metadata by one without keys. */
const IS_BUSY = /Retry-After: 300/;
const LACKS_KEYS = 'no jwks_uri';

/** The faults of `server`, from its `seed`. `tell` receives a line for each. */
export class Chaos {
  /** The current signing keys, and the withdrawn sets. */
  signing;
  former = [];
  /** The kind of tokens that the load should send many of: `unknown`, `garbage` or `slow`. */
  flood;
  counts = {};
  /**
   * The longest time that the API lacked the signing key although its issuer was healthy, in milliseconds: in
   * general, and after an issuer that sent a longer `Retry-After`.
   */
  slowest = { rotation: 0, afterRetryAfter: 0 };

  #server;
  #truth;
  #tell;
  #seed;
  #isOver = false;
  /** Since when the issuer would return its keys; unset while it would not. */
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

  /** Records every key set that is served completely in the expected results. */
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
    // If metadata fails, the attempt for keys waits for its deadline, or for the `Retry-After` of a busy server.
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

  /** Waits until the API has received the signing keys. */
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
