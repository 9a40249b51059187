'use strict';

/**
 * Writes spans with a tracer of OpenTelemetry: one for each introspection and each refresh of the keys. Decisions become
 * attributes of the active span.
 *
 * The client publishes an introspection in the asynchronous context of the call that waited for it, so its span is a child
 * of the span of the request. The engine refreshes keys for all requests, so those spans have no parent.
 */

const { checkedOptions, invalid, memberOf } = require('../client/arguments.js');
const { listening, quietly } = require('./listening.js');

/** `SpanKind.CLIENT` and `SpanStatusCode.ERROR` of OpenTelemetry. */
const CLIENT = 2;
const ERROR = 2;
const PREFIX = 'monocloud.auth.';

/**
 * @param {any} tracer
 * @param {unknown} given
 */
function trace(tracer, given) {
  if (typeof memberOf(tracer, 'startSpan') !== 'function') throw invalid('trace() takes a tracer of OpenTelemetry');
  const { activeSpan } = checkedOptions('trace()', given ?? {}, ['activeSpan']);
  if (activeSpan !== undefined && typeof activeSpan !== 'function') throw invalid('activeSpan must be a function');

  /** @type {Record<string, (message: any) => void>} */
  const listeners = {
    introspected(message) {
      const outcome = message.reason === undefined ? (message.active ? 'active' : 'inactive') : 'failed';
      span(tracer, 'introspection', message, { outcome }, false);
    },
    'keys.refreshed': (message) =>
      span(tracer, 'keys.refresh', message, { outcome: 'refreshed', keys: message.keys }, true),
    'keys.refresh_failed': (message) => span(tracer, 'keys.refresh', message, { outcome: 'failed' }, true),
  };
  if (activeSpan !== undefined) {
    listeners.validated = (message) => decide(activeSpan(), 'accepted', message);
    listeners.refused = (message) => decide(activeSpan(), 'refused', message);
  }
  return listening(listeners);
}

/**
 * A span that has ended already. Its start is now minus the duration.
 *
 * @param {any} tracer
 * @param {string} name
 * @param {any} message
 * @param {Record<string, unknown>} result
 * @param {boolean} root
 */
function span(tracer, name, { issuer, reason, duration }, result, root) {
  const endTime = Date.now();
  const startTime = endTime - (typeof duration === 'number' ? duration * 1000 : 0);
  const attributes = attributesOf({ issuer, reason, ...result });
  const started = tracer.startSpan(PREFIX + name, { kind: CLIENT, startTime, attributes, root });
  // A tracer may throw. A span that was started is ended all the same.
  if (reason !== undefined) quietly(() => started.setStatus({ code: ERROR, message: String(reason) }));
  started.end(endTime);
}

/**
 * @param {any} active
 * @param {'accepted' | 'refused'} outcome
 * @param {any} message
 */
function decide(active, outcome, { issuer, reason, kind, scheme }) {
  if (typeof active?.setAttributes !== 'function') return;
  active.setAttributes(attributesOf({ outcome, reason, kind, scheme, issuer }));
}

/** @param {Record<string, unknown>} values */
function attributesOf(values) {
  const given = Object.entries(values).filter(([, value]) => typeof value === 'string' || typeof value === 'number');
  return Object.fromEntries(given.map(([name, value]) => [PREFIX + name, value]));
}

module.exports = { trace };
