'use strict';

/** Metrics, logs and traces from the events of this package. It imports none of the libraries that it writes to. */

const { log } = require('./observability/log.js');
const { metrics } = require('./observability/metrics.js');
const { prometheus } = require('./observability/prometheus.js');
const { trace } = require('./observability/trace.js');

module.exports = { log, metrics, prometheus, trace };
