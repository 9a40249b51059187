// The load: a number of callers that each send one request after the other, and the results.

import http from 'node:http';

import { credentials, proofOf } from '../../__test__/support/dpop.mjs';

/** Milliseconds without a response after which a request counts as unanswered. */
const DEADLINE = 15_000;

export class Tally {
  requests = 0;
  statuses = {};
  verdicts = {
    'accepted rightly': 0,
    'refused rightly': 0,
    'unavailable in a declared outage': 0,
    'refused wrongly': 0,
    'accepted wrongly': 0,
    'without an answer': 0,
  };
  /** DPoP requests (RFC 9449) by their result. */
  proofs = { accepted: 0, replaysRefused: 0, othersRefused: 0 };
  /** The first few wrong results, for debugging. */
  wrong = [];
  #latencies = [];

  add(wish, status, verdict, began, ended) {
    this.requests += 1;
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    const name =
      { right: status === 200 ? 'accepted rightly' : 'refused rightly', excused: 'unavailable in a declared outage' }[
        verdict
      ] ?? verdict;
    this.verdicts[name] += 1;
    if (wish.proof) {
      const kind = status === 200 ? 'accepted' : wish.isReplay ? 'replaysRefused' : 'othersRefused';
      this.proofs[kind] += 1;
    }
    if (!(verdict in { right: 1, excused: 1 }) && this.wrong.length < 20) {
      const { kind, kid, path, isGood, isReplay } = wish;
      this.wrong.push({
        verdict,
        status,
        kind,
        kid,
        path,
        isGood,
        isReplay,
        at: Math.round(began),
        took: Math.round(ended - began),
      });
    }
    // A sample of the latencies is enough for a percentile, and stays small for an hour.
    if (this.requests % 16 === 0) this.#latencies[(this.requests / 16) % 65_536] = ended - began;
  }

  percentile(share) {
    const sorted = this.#latencies.filter(Number.isFinite).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * share)] ?? 0;
  }
}

/**
 * Runs callers until `isOver()`. `next(number)` returns the next request of the caller with that number. `senders`: the
 * keys that sign proofs.
 */
export async function load(url, { callers, next, judge, tally, isOver, senders }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: callers * 2 });
  const caller = async (number) => {
    while (!isOver()) {
      const wish = next(number);
      if (!wish) {
        await new Promise((resolve) => {
          setTimeout(resolve, 50);
        });
        continue;
      }
      const began = performance.now();
      // A proof that was refused for an outage may pass later. Only one that was accepted is spent.
      const wasAccepted = wish.proof?.isAccepted === true;
      const status = await ask(url + wish.path, headersOf(url, wish, senders), agent);
      if (wish.proof && status === 200) wish.proof.isAccepted = true;
      const ended = performance.now();
      tally.add(
        wish,
        status,
        status === 0 ? 'without an answer' : judge({ ...wish, wasAccepted }, status, began, ended),
        began,
        ended,
      );
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  agent.destroy();
}

/** The credentials of a request; a replay has the proof that was sent before. */
function headersOf(url, { token, proof }, senders) {
  if (!proof) return { authorization: `Bearer ${token}` };
  proof.text ??= proofOf({ key: senders[proof.by], url: url + proof.path, token, jti: proof.jti });
  return credentials(token, proof.text);
}

/** The status of a response, or 0 without a response. */
function ask(url, headers, agent) {
  return new Promise((resolve) => {
    const request = http.get(url, { agent, headers, timeout: DEADLINE }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(0));
  });
}
