'use strict';

/** What is measured, under which names? `metrics` and `prometheus` have the same instruments, from this table. */

/** @import { LabelsType, Series } from './labels.js' */
/**
 * @typedef {object} Instrument
 * @property {'counter' | 'histogram' | 'gauge'} kind
 * @property {string} name The name in OpenTelemetry.
 * @property {string} description
 * @property {string} [unit]
 * @property {(values: number[]) => number} [merge] The value of several clients of one issuer.
 */
/**
 * Where measurements go.
 *
 * @typedef {{ add(key: string, series: Series): void, record(key: string, value: number, series: Series): void }} Sink
 */
/** @typedef {{ issuer: string | undefined, health: any }} State The state of a client, with the issuer that it is for. */

const { anyValidatorOf } = require('../client/client.js');
const { checkedOptions, invalid, memberOf } = require('../client/arguments.js');
const { setSampling } = require('../client/events.js');
const { Labels } = require('./labels.js');
const { listening } = require('./listening.js');

/** One of so many decisions is timed. */
const SAMPLE = 100;
/** The upper bounds of the buckets, in seconds: from a remembered token to the default time limit. */
const BUCKETS = [0.00001, 0.000025, 0.0001, 0.00025, 0.001, 0.005, 0.025, 0.1, 0.25, 1, 2.5, 5, 10];

/** @param {number[]} values */
const sum = (values) => values.reduce((total, value) => total + value, 0);
/** @param {number[]} values */
const greatest = (values) => Math.max(...values);
/** @param {number[]} values */
const least = (values) => Math.min(...values);

/** @type {Record<string, Instrument>} */
const INSTRUMENTS = {
  decisions: {
    kind: 'counter',
    name: 'monocloud.auth.decisions',
    description: 'Decisions on access tokens, by outcome and reason.',
  },
  decisionDuration: {
    kind: 'histogram',
    name: 'monocloud.auth.decision.duration',
    description: 'Duration of a sample of the decisions.',
    unit: 's',
  },
  introspectionDuration: {
    kind: 'histogram',
    name: 'monocloud.auth.introspection.duration',
    description: 'Duration of introspections.',
    unit: 's',
  },
  keysRefresh: {
    kind: 'counter',
    name: 'monocloud.auth.keys.refresh',
    description: 'Refreshes of the signing keys, by outcome and reason.',
  },
  cacheFailures: {
    kind: 'counter',
    name: 'monocloud.auth.cache.failures',
    description: 'Failed operations of the cache.',
  },
  replays: {
    kind: 'counter',
    name: 'monocloud.auth.dpop.replays',
    description: 'DPoP proofs that were rejected because they were used before.',
  },
  nonces: {
    kind: 'counter',
    name: 'monocloud.auth.dpop.nonces',
    description: 'Responses that gave a nonce for the next DPoP proof.',
  },
  replayFull: {
    kind: 'counter',
    name: 'monocloud.auth.replay.full',
    description: 'Times that the memory of used DPoP proofs was full.',
  },
  replayFailures: {
    kind: 'counter',
    name: 'monocloud.auth.replay.failures',
    description: 'Failed calls of the replay store.',
  },
  revocationFailures: {
    kind: 'counter',
    name: 'monocloud.auth.revocation.failures',
    description: 'Failed calls of the revocation store.',
  },
  keysAge: {
    kind: 'gauge',
    name: 'monocloud.auth.keys.age',
    description: 'Age of the signing keys.',
    unit: 's',
    merge: greatest,
  },
  keysCount: {
    kind: 'gauge',
    name: 'monocloud.auth.keys.count',
    description: 'Usable signing keys.',
    merge: least,
  },
  ready: {
    kind: 'gauge',
    name: 'monocloud.auth.ready',
    description: '1 if JWTs can be validated, 0 if not.',
    merge: least,
  },
  suspended: {
    kind: 'gauge',
    name: 'monocloud.auth.introspection.suspended',
    description: '1 while the circuit breaker of introspection is open.',
    merge: greatest,
  },
  inFlight: {
    kind: 'gauge',
    name: 'monocloud.auth.introspection.in_flight',
    description: 'Introspections that wait for a response.',
    merge: sum,
  },
  queued: {
    kind: 'gauge',
    name: 'monocloud.auth.introspection.queued',
    description: 'Introspections that wait for their turn.',
    merge: sum,
  },
  rememberedTokens: {
    kind: 'gauge',
    name: 'monocloud.auth.remembered_tokens',
    description: 'Verified JWTs in memory.',
    merge: sum,
  },
  replayEntries: {
    kind: 'gauge',
    name: 'monocloud.auth.replay.entries',
    description: 'Used DPoP proofs in memory.',
    // Clients with equal options share this memory.
    merge: greatest,
  },
};

/**
 * The value of each gauge. `undefined`: not known yet.
 *
 * @type {Record<string, (health: any) => number | undefined>}
 */
const GAUGES = {
  keysAge: ({ keys }) => keys.age,
  keysCount: ({ keys }) => keys.count,
  ready: ({ ready }) => Number(ready),
  suspended: ({ introspection }) => Number(introspection.suspended),
  inFlight: ({ introspection }) => introspection.inFlight,
  queued: ({ introspection }) => introspection.queued,
  rememberedTokens: (health) => health.rememberedTokens,
  replayEntries: (health) => health.rememberedProofs,
};

/** How many decisions each measurement wants to time. */
const samples = new Map();

/**
 * Reads the options of `metrics` and `prometheus`.
 *
 * @param {string} where
 * @param {unknown} given
 * @returns {{ clients: any[], sample: number }}
 */
function measurementOptions(where, given) {
  const { clients = [], sample = SAMPLE } = checkedOptions(where, given ?? {}, ['clients', 'sample']);
  const areClients =
    Array.isArray(clients) && clients.every((client) => typeof memberOf(client, 'health') === 'function');
  if (!areClients) throw invalid('clients must be an array of clients');
  if (!Number.isSafeInteger(sample) || sample < 0) throw invalid('sample must be a whole number of 0 or more');
  return { clients: [...clients], sample };
}

/**
 * Counts and times what the clients of this process publish.
 *
 * @param {Sink} sink
 * @param {number} sample One of so many decisions is timed. 0: none.
 * @param {() => void} ended
 * @returns {() => void}
 */
function measuring(sink, sample, ended) {
  const labels = new Labels();
  const id = Symbol('measurement');
  if (sample > 0) samples.set(id, sample);
  timeDecisions();
  /** @param {string} key */
  const counting = (key) => (/** @type {any} */ message) => sink.add(key, labels.issuer(message));
  return listening(
    {
      validated: (message) => decision(sink, labels, { outcome: 'accepted' }, message),
      refused(message) {
        const reason = labels.reason(message.reason);
        decision(sink, labels, { outcome: 'refused', reason }, message);
        if (reason === 'dpop_replayed') sink.add('replays', labels.issuer(message));
      },
      introspected(message) {
        if (typeof message.duration !== 'number') return;
        sink.record('introspectionDuration', message.duration, {
          ...labels.issuer(message),
          ...introspectionOf(labels, message),
        });
      },
      'keys.refreshed': (message) => sink.add('keysRefresh', { ...labels.issuer(message), outcome: 'refreshed' }),
      'keys.refresh_failed': (message) =>
        sink.add('keysRefresh', {
          ...labels.issuer(message),
          outcome: 'failed',
          reason: labels.reason(message.reason),
        }),
      'cache.failed': counting('cacheFailures'),
      'replay.full': counting('replayFull'),
      'replay.failed': counting('replayFailures'),
      'revocation.failed': counting('revocationFailures'),
      'nonce.issued': counting('nonces'),
    },
    () => {
      samples.delete(id);
      timeDecisions();
      ended();
    },
  );
}

/**
 * @param {Sink} sink
 * @param {LabelsType} labels
 * @param {Series} result
 * @param {any} message
 */
function decision(sink, labels, result, message) {
  const series = { ...labels.decision(message), ...result };
  sink.add('decisions', series);
  if (typeof message.duration === 'number') sink.record('decisionDuration', message.duration, series);
}

/**
 * @param {LabelsType} labels
 * @param {any} message
 * @returns {Series}
 */
function introspectionOf(labels, { active, reason }) {
  if (reason !== undefined) return { outcome: 'failed', reason: labels.reason(reason) };
  return { outcome: active === true ? 'active' : 'inactive' };
}

/** The finest sample that anybody wants. */
function timeDecisions() {
  setSampling(samples.size === 0 ? 0 : Math.min(...samples.values()));
}

/**
 * The values of a gauge now, one per issuer.
 *
 * @param {string} key
 * @param {readonly any[]} clients
 * @returns {Array<{ value: number, series: Series }>}
 */
function gaugeValues(key, clients) {
  const labels = new Labels();
  /** @type {Map<string, { series: Series, values: number[] }>} */
  const byIssuer = new Map();
  for (const state of clients.flatMap(statesOf)) {
    const value = GAUGES[key](state.health);
    if (typeof value !== 'number') continue;
    const series = labels.issuer(state);
    const known = byIssuer.get(series.issuer) ?? { series, values: [] };
    known.values.push(value);
    byIssuer.set(series.issuer, known);
  }
  const merge = INSTRUMENTS[key].merge ?? sum;
  return [...byIssuer.values()].map(({ series, values }) => ({ value: merge(values), series }));
}

/**
 * The states of a client, or of the clients of a client of several issuers.
 *
 * @param {any} client
 * @returns {State[]}
 */
function statesOf(client) {
  try {
    const health = client.health();
    const several = health.issuers;
    if (several === undefined) return [{ issuer: anyValidatorOf(client)?.context.issuer, health }];
    return Object.keys(several).map((issuer) => ({ issuer, health: several[issuer] }));
  } catch {
    return [];
  }
}

module.exports = { BUCKETS, GAUGES, INSTRUMENTS, gaugeValues, measurementOptions, measuring };
