// How does one server of a framework show many settings? One route per row, each with its own `protectApi`.

import { test } from 'node:test';

import { get } from './http.mjs';
import { offline } from './offline.mjs';

/** Routes, each with the test that sends requests to it. */
export class Routes {
  #framework;
  #routes = {};
  #tests = [];

  constructor(framework) {
    this.#framework = framework;
  }

  /** Adds a route, and a test that sends requests to it: `check(ask)` with `ask(request)`. */
  row(name, { client = offline(), options, route, handler }, check) {
    const path = `/r${this.#tests.length}`;
    this.#routes[path] = { protect: this.#framework.protectApi(client, options)(route), handler };
    this.#tests.push([name, path, check]);
  }

  /** Runs the tests, with one server. */
  run(name, { before, after }, configure) {
    let url;
    let finish;
    let served;
    before(async () => {
      await new Promise((resolve, reject) => {
        const finished = new Promise((done) => {
          finish = done;
        });
        served = this.#framework.with(
          this.#routes,
          (at) => {
            url = at;
            resolve();
            return finished;
          },
          configure,
        );
        served.catch(reject);
      });
    });
    after(async () => {
      finish();
      await served;
    });
    for (const [row, path, check] of this.#tests) {
      test(`${name}: ${row}`, () => check((request) => get(url + path, request), url + path));
    }
  }
}
