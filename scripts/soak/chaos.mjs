// What goes wrong, and when? Picks one misfortune after the other, declares each outage to the truth, and puts
// everything right again.

import { FAULTS, delay, drip, dripHead, hang } from '../../__test__/faults/bodies.mjs';
import { DISCOVERY } from '../../__test__/faults/proxy.mjs';

const between = (least, most) => least + Math.random() * (most - least);
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

const SLOW = { 'nothing at all': hang(), 'an octet a second': drip(), 'an octet of its head a second': dripHead() };
const ALL = [...Object.entries(FAULTS).map(([name, [fault]]) => [name, fault]), ...Object.entries(SLOW)];
const PATHS = { [DISCOVERY]: [], '/jwks': ['keys'], '/introspect': ['introspection'] };

/** How long a new key may stay unfetched, in milliseconds, before that is all there is to say. */
const GIVING_UP = 45_000;

/** The misfortunes of `server`; `tell` is called with a line for each. */
export class Chaos {
  /** The keys that sign now, and the sets that were withdrawn. */
  signing;
  former = [];
  /** Whether the load should ask with many unknown keys. */
  isFlooding = false;
  counts = {};
  /** The longest that it took until the API had fetched a key that signs, in milliseconds. */
  slowestRotation = 0;

  #server;
  #truth;
  #tell;
  #isOver = false;

  constructor(server, truth, tell) {
    this.#server = server;
    this.#truth = truth;
    this.#tell = tell;
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

  /** Outages come one after the other, and so do changes of keys and floods: each in the middle of the others. */
  async run() {
    const series = async (misfortunes) => {
      while (!this.#isOver) {
        const [name, misfortune] = pick(Object.entries(misfortunes));
        this.counts[name] = (this.counts[name] ?? 0) + 1;
        await misfortune();
        await pause(between(200, 2500));
      }
    };
    await Promise.all([series(this.#outages), series(this.#changes)]);
    this.#heal();
  }

  stop() {
    this.#isOver = true;
  }

  #heal() {
    this.#server.proxy.heal();
    this.#watchKeys();
  }

  #outages = {
    'a document fails': async () => {
      const path = pick(Object.keys(PATHS));
      const [name, fault] = pick(ALL);
      await this.#during(PATHS[path], `${path} answers with ${name}`, between(500, 4000), () => {
        this.#server.proxy.fault(path, fault);
      });
    },
    'introspection fails': async () => {
      const [name, fault] = pick(ALL);
      await this.#during(['introspection'], `/introspect answers with ${name}`, between(200, 2000), () => {
        this.#server.proxy.fault('/introspect', fault);
      });
    },
    'everything is slow': async () => {
      const path = pick(Object.keys(PATHS));
      await this.#during([], `${path} is slow`, between(500, 2000), () => {
        if (path !== '/jwks') this.#server.proxy.fault(path, delay(between(10, 100)));
      });
    },
    'the issuer is down': async () => {
      await this.#during(['keys', 'introspection'], 'the issuer is down', between(200, 3000), () => this.#server.proxy.down());
      await this.#server.proxy.up();
    },
  };

  #changes = {
    'keys rotate, announced': async () => {
      this.#tell('keys rotate, announced');
      const old = await this.#server.behind.rotate({ keepOld: true });
      this.former.push(old);
      await pause(5000);
      this.signing = this.#server.behind.keys;
      await this.#untilServed();
    },
    'keys rotate by surprise': async () => {
      this.#tell('keys rotate by surprise');
      this.former.push(await this.#server.behind.rotate());
      this.signing = this.#server.behind.keys;
      await this.#untilServed();
    },
    'unknown keys flood': async () => {
      this.#tell('unknown keys flood');
      this.isFlooding = true;
      await pause(between(500, 2000));
      this.isFlooding = false;
    },
  };

  async #during(documents, name, milliseconds, begin) {
    this.#tell(`${name} for ${(milliseconds / 1000).toFixed(1)} s`);
    documents.forEach((document) => this.#truth.begin(document));
    await begin();
    await pause(milliseconds);
    if (!name.endsWith('down')) this.#heal();
    documents.forEach((document) => this.#truth.end(document));
  }

  /** Waits until the API has been served the keys that sign. */
  async #untilServed() {
    const began = performance.now();
    while (!this.#truth.latestHas(this.signing.rsa.kid) && performance.now() - began < GIVING_UP) await pause(20);
    this.slowestRotation = Math.max(this.slowestRotation, performance.now() - began);
    if (this.former.length > 3) this.former.shift();
  }
}
