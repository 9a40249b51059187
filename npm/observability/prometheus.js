'use strict';

/**
 * Measures into a registry of prom-client. The registry takes any object that has the members of a metric, so that this
 * package needs no classes of prom-client.
 */

/** @import { Series } from './labels.js' */
/** @typedef {{ value: number, labels: Record<string, string | number>, metricName?: string }} Value */

const { invalid, memberOf } = require('../client/arguments.js');
const { quietly } = require('./listening.js');
const { BUCKETS, GAUGES, INSTRUMENTS, gaugeValues, measurementOptions, measuring } = require('./measurements.js');

const METHODS = ['registerMetric', 'removeSingleMetric'];

/** A metric, as a registry of prom-client reads it. */
class Metric {
  #read;
  #reset;

  /**
   * @param {string} key
   * @param {() => Value[]} read
   * @param {() => void} reset
   */
  constructor(key, read, reset) {
    const { kind, description } = INSTRUMENTS[key];
    this.#read = read;
    this.#reset = reset;
    /** A registry of OpenMetrics changes the name. */
    this.name = prometheusName(key);
    this.help = description;
    this.type = kind;
    this.aggregator = kind === 'gauge' ? 'average' : 'sum';
  }

  async get() {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: this.#read() };
  }

  reset() {
    this.#reset();
  }
}

/** A number for each series. */
class Counts {
  /** @type {Map<string, { series: Series, count: number }>} */
  #counts = new Map();

  /** @param {Series} series */
  add(series) {
    const key = JSON.stringify(series);
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { series, count: 1 });
    else known.count += 1;
  }

  /** @returns {Value[]} */
  values() {
    return [...this.#counts.values()].map(({ series, count }) => ({ value: count, labels: series }));
  }

  clear() {
    this.#counts.clear();
  }
}

/** The durations of each series, in buckets. */
class Durations {
  #name;
  /** @type {Map<string, { series: Series, buckets: number[], sum: number, count: number }>} */
  #durations = new Map();

  /** @param {string} name */
  constructor(name) {
    this.#name = name;
  }

  /**
   * @param {number} value
   * @param {Series} series
   */
  record(value, series) {
    const key = JSON.stringify(series);
    const known = this.#durations.get(key) ?? { series, buckets: BUCKETS.map(() => 0), sum: 0, count: 0 };
    this.#durations.set(key, known);
    const bucket = BUCKETS.findIndex((bound) => value <= bound);
    if (bucket >= 0) known.buckets[bucket] += 1;
    known.sum += value;
    known.count += 1;
  }

  /** @returns {Value[]} */
  values() {
    return [...this.#durations.values()].flatMap(({ series, buckets, sum, count }) => {
      let total = 0;
      const ofBuckets = BUCKETS.map((bound, index) => {
        total += buckets[index];
        return { value: total, labels: { le: bound, ...series }, metricName: `${this.#name}_bucket` };
      });
      return [
        ...ofBuckets,
        { value: count, labels: { le: '+Inf', ...series }, metricName: `${this.#name}_bucket` },
        { value: sum, labels: series, metricName: `${this.#name}_sum` },
        { value: count, labels: series, metricName: `${this.#name}_count` },
      ];
    });
  }

  clear() {
    this.#durations.clear();
  }
}

/**
 * @param {any} register
 * @param {unknown} options
 */
function prometheus(register, options) {
  if (METHODS.some((name) => typeof memberOf(register, name) !== 'function')) {
    throw invalid('prometheus() takes a registry of prom-client');
  }
  const { clients, sample } = measurementOptions('prometheus()', options);
  /** @type {Record<string, any>} */
  const stores = {};
  /** @type {string[]} */
  const names = [];
  const end = () => names.forEach((name) => quietly(() => register.removeSingleMetric(name)));
  try {
    for (const metric of metricsOf(stores, clients)) {
      const { name } = metric;
      register.registerMetric(metric);
      names.push(name);
    }
  } catch (error) {
    // A name is taken: nothing stays behind.
    end();
    throw error;
  }
  const sink = {
    /** @type {(key: string, series: Series) => void} */
    add: (key, series) => stores[key].add(series),
    /** @type {(key: string, value: number, series: Series) => void} */
    record: (key, value, series) => stores[key].record(value, series),
  };
  return measuring(sink, sample, end);
}

/**
 * @param {Record<string, any>} stores
 * @param {readonly any[]} clients
 */
function metricsOf(stores, clients) {
  return Object.keys(INSTRUMENTS)
    .filter((key) => GAUGES[key] === undefined || clients.length > 0)
    .map((key) => {
      if (GAUGES[key] !== undefined)
        return new Metric(
          key,
          () => valuesOf(key, clients),
          () => {},
        );
      const store = INSTRUMENTS[key].kind === 'counter' ? new Counts() : new Durations(prometheusName(key));
      stores[key] = store;
      return new Metric(
        key,
        () => store.values(),
        () => store.clear(),
      );
    });
}

/**
 * @param {string} key
 * @param {readonly any[]} clients
 * @returns {Value[]}
 */
function valuesOf(key, clients) {
  return gaugeValues(key, clients).map(({ value, series }) => ({ value, labels: series }));
}

/**
 * The name that the Prometheus exporter of OpenTelemetry gives the same instrument.
 *
 * @param {string} key
 */
function prometheusName(key) {
  const { kind, name, unit } = INSTRUMENTS[key];
  const base = name.replaceAll('.', '_') + (unit === 's' ? '_seconds' : '');
  return kind === 'counter' ? `${base}_total` : base;
}

module.exports = { prometheus, prometheusName };
