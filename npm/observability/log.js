'use strict';

/**
 * Writes events to a logger: pino, winston, the console, or any other with four levels.
 *
 * A flood of bad tokens must not fill a disk, so each reason gets ten lines per second. The next line says how many were
 * left out. No text of a token can start a line of its own or change a terminal.
 */

const { checkedOptions, invalid, memberOf } = require('../client/arguments.js');
const { printable } = require('../client/printable.js');
const { listening, quietly } = require('./listening.js');

const LEVELS = ['debug', 'info', 'warn', 'error'];
const REFUSED_LEVELS = ['info', 'warn'];
/** The lines of one reason per window. */
const MAX_LINES = 10;
const WINDOW_MS = 1000;
/** How many reasons are counted apart. There are fewer, but other code may publish on the same channels. */
const MAX_KEYS = 200;

/** The events that tell of a failure of something other than a token, and what their lines say. */
const FAILURES = {
  'cache.failed': 'the cache failed',
  'hook.failed': 'a function of the application failed',
  'keys.refresh_failed': 'the signing keys could not be fetched',
  'replay.failed': 'the replay store failed',
  'replay.full': 'the memory of used DPoP proofs was full',
  'revocation.failed': 'the revocation store failed',
};
const REFUSED = 'access token rejected';
const ACCEPTED = 'access token accepted';
const LEFT_OUT = 'log lines left out';

/** The members of an event that a line has, in this order. */
const MEMBERS = [
  'reason',
  'status',
  'kind',
  'scheme',
  'route',
  'issuer',
  'audience',
  'resolver',
  'operation',
  'hook',
  'kid',
  'member',
  'expected',
  'received',
];

/** Writes at most ten lines per second and key. */
class LimitedLog {
  #write;
  /** @type {Map<string, { lines: number, leftOut: number, timer: NodeJS.Timeout, last: () => void }>} */
  #windows = new Map();

  /** @param {(level: string, message: string, members: object) => void} write */
  constructor(write) {
    this.#write = write;
  }

  /**
   * @param {string} key
   * @param {string} level
   * @param {string} message
   * @param {object} members
   */
  line(key, level, message, members) {
    const window = this.#windows.get(key) ?? this.#open(key, level, members);
    if (window === undefined || window.lines >= MAX_LINES) {
      if (window !== undefined) window.leftOut += 1;
      return;
    }
    window.lines += 1;
    this.#write(level, message, members);
  }

  /** Ends every window. What was left out is said now. */
  close() {
    for (const key of this.#windows.keys()) this.#end(key);
  }

  /**
   * @param {string} key
   * @param {string} level
   * @param {{ reason?: string }} members
   */
  #open(key, level, { reason }) {
    if (this.#windows.size >= MAX_KEYS) return undefined;
    const timer = setTimeout(() => this.#end(key), WINDOW_MS);
    timer.unref?.();
    const window = { lines: 0, leftOut: 0, timer, last: () => {} };
    window.last = () =>
      this.#write(level, LEFT_OUT, { ...(reason && { reason }), event: key.split(' ')[0], leftOut: window.leftOut });
    this.#windows.set(key, window);
    return window;
  }

  /** @param {string} key */
  #end(key) {
    const window = this.#windows.get(key);
    this.#windows.delete(key);
    if (window === undefined) return;
    clearTimeout(window.timer);
    if (window.leftOut > 0) window.last();
  }
}

/**
 * @param {any} logger
 * @param {unknown} given
 */
function log(logger, given) {
  if (LEVELS.some((level) => typeof memberOf(logger, level) !== 'function')) {
    throw invalid('log() takes a logger with the functions debug, info, warn and error');
  }
  const { sample = 0, refusedLevel = 'info' } = checkedOptions('log()', given ?? {}, ['sample', 'refusedLevel']);
  if (!Number.isSafeInteger(sample) || sample < 0) throw invalid('sample must be a whole number of 0 or more');
  if (!REFUSED_LEVELS.includes(refusedLevel)) throw invalid('refusedLevel must be info or warn');

  const limited = new LimitedLog(writerOf(logger));
  /** @type {Record<string, (message: any) => void>} */
  const listeners = {
    refused(message) {
      const isOutage = message.status >= 500;
      limited.line(keyOf('refused', message), isOutage ? 'warn' : refusedLevel, REFUSED, membersOf('refused', message));
    },
  };
  for (const [event, text] of Object.entries(FAILURES)) {
    listeners[event] = (message) => limited.line(keyOf(event, message), 'warn', text, membersOf(event, message));
  }
  if (sample > 0) {
    let accepted = 0;
    listeners.validated = (message) => {
      accepted += 1;
      if (accepted % sample === 0) limited.line('validated', 'debug', ACCEPTED, membersOf('validated', message));
    };
  }
  return listening(listeners, () => limited.close());
}

/**
 * Pino takes the members before the text, and the others take them after it.
 *
 * @param {any} logger
 * @returns {(level: string, message: string, members: object) => void}
 */
function writerOf(logger) {
  const isPino = typeof memberOf(logger, 'bindings') === 'function';
  return (level, message, members) =>
    quietly(() => (isPino ? logger[level](members, message) : logger[level](message, members)));
}

/**
 * @param {string} event
 * @param {any} message
 */
function keyOf(event, { reason }) {
  return reason === undefined ? event : `${event} ${printable(String(reason))}`;
}

/**
 * @param {string} event
 * @param {any} message
 */
function membersOf(event, message) {
  /** @type {Record<string, string | number>} */
  const members = { event };
  for (const name of MEMBERS) {
    const value = message[name];
    if (typeof value === 'number') members[name] = value;
    else if (typeof value === 'string') members[name] = printable(value, true);
  }
  return members;
}

module.exports = { log };
