'use strict';

/** Measures with a meter of OpenTelemetry. */

/** @import { Instrument } from './measurements.js' */

const { invalid, memberOf } = require('../client/arguments.js');
const { quietly } = require('./listening.js');
const { BUCKETS, GAUGES, INSTRUMENTS, gaugeValues, measurementOptions, measuring } = require('./measurements.js');

const METHODS = ['createCounter', 'createHistogram', 'createObservableGauge'];

/**
 * @param {any} meter
 * @param {unknown} options
 */
function metrics(meter, options) {
  if (METHODS.some((name) => typeof memberOf(meter, name) !== 'function')) {
    throw invalid('metrics() takes a meter of OpenTelemetry');
  }
  const { clients, sample } = measurementOptions('metrics()', options);
  /** @type {Record<string, any>} */
  const instruments = {};
  for (const key of Object.keys(INSTRUMENTS)) {
    if (INSTRUMENTS[key].kind !== 'gauge') instruments[key] = create(meter, INSTRUMENTS[key]);
  }
  const observed = clients.length === 0 ? [] : Object.keys(GAUGES).map((key) => observe(meter, key, clients));
  const sink = {
    /** @type {(key: string, series: object) => void} */
    add: (key, series) => instruments[key].add(1, series),
    /** @type {(key: string, value: number, series: object) => void} */
    record: (key, value, series) => instruments[key].record(value, series),
  };
  return measuring(sink, sample, () => observed.forEach(quietly));
}

/**
 * @param {any} meter
 * @param {Instrument} instrument
 */
function create(meter, { kind, name, description, unit }) {
  if (kind === 'counter') return meter.createCounter(name, { description });
  return meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries: [...BUCKETS] } });
}

/**
 * @param {any} meter
 * @param {string} key
 * @param {readonly any[]} clients
 * @returns {() => void} Ends the observation.
 */
function observe(meter, key, clients) {
  const { name, description, unit } = INSTRUMENTS[key];
  const gauge = meter.createObservableGauge(name, { description, ...(unit !== undefined && { unit }) });
  /** @param {any} result */
  const callback = (result) =>
    quietly(() => {
      for (const { value, series } of gaugeValues(key, clients)) result.observe(value, series);
    });
  gauge.addCallback(callback);
  return () => gauge.removeCallback(callback);
}

module.exports = { metrics };
