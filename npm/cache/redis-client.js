'use strict';

/** How is a command sent to Redis or Valkey with each supported client, and when is none sent? */

/** @typedef {Parameters<typeof import('../cache.js').redisCache>[0]} RedisClient */
/**
 * @typedef {object} Commands
 * @property {(key: string) => Promise<unknown>} get
 * @property {(key: string, value: string, seconds: number) => Promise<unknown>} set
 * @property {(key: string, seconds: number) => Promise<unknown>} add Stores an empty value if there is none.
 * @property {(key: string) => Promise<unknown>} delete
 * @property {(keys: string[]) => Promise<unknown>} getAll
 * @property {(script: string, key: string, parts: string[]) => Promise<unknown>} run Runs a Lua script with one key.
 */

const { invalid, memberOf } = require('../client/arguments.js');

/** With more unanswered commands the server hangs, and further commands would only fill the memory. */
const MAX_PENDING = 10_000;
/** States of ioredis in which it queues commands for a server that is not connected. */
const DISCONNECTED = new Set(['close', 'disconnecting', 'end', 'reconnecting']);

/**
 * Redis takes a 64-bit integer. JavaScript writes a larger number as `2e+206`, which Redis rejects.
 *
 * @param {number} seconds
 */
function wholeSeconds(seconds) {
  return Math.min(seconds, Number.MAX_SAFE_INTEGER);
}

/**
 * The commands for each supported kind of client.
 *
 * @param {any} client One of `RedisClient`. Its methods tell which one.
 * @param {string[]} others Methods of node-redis that are needed besides `get`, `set` and `del`.
 * @returns {Commands}
 */
function commandsOf(client, ...others) {
  /** @param {string[]} names */
  const has = (...names) => names.every((name) => typeof memberOf(client, name) === 'function');
  if (has('customCommand')) return commandsBy((...parts) => client.customCommand(parts));
  if (has('call')) return commandsBy((...parts) => client.call(...parts));
  if (has('get', 'set', 'del', ...others)) {
    return {
      get: (key) => client.get(key),
      // node-redis 4 reads `EXAT`. Without it, entries would never expire.
      set: (key, value, seconds) =>
        client.set(key, value, { expiration: { type: 'EXAT', value: seconds }, EXAT: seconds }),
      // node-redis 4 reads `NX` too. Without it, every id would look new.
      add: (key, seconds) =>
        client.set(key, '', {
          condition: 'NX',
          NX: true,
          expiration: { type: 'EXAT', value: seconds },
          EXAT: seconds,
        }),
      delete: (key) => client.del(key),
      getAll: (keys) => client.mGet(keys),
      run: (script, key, parts) => client.eval(script, { keys: [key], arguments: parts }),
    };
  }
  throw invalid('client must be one of node-redis, ioredis, iovalkey or Valkey GLIDE');
}

/**
 * @param {(...parts: string[]) => Promise<unknown>} send
 * @returns {Commands}
 */
function commandsBy(send) {
  return {
    get: (key) => send('GET', key),
    set: (key, value, seconds) => send('SET', key, value, 'EXAT', String(seconds)),
    add: (key, seconds) => send('SET', key, '', 'NX', 'EXAT', String(seconds)),
    delete: (key) => send('DEL', key),
    getAll: (keys) => send('MGET', ...keys),
    run: (script, key, parts) => send('EVAL', script, '1', key, ...parts),
  };
}

/**
 * Wraps the commands: each fails at once if the server is disconnected or has stopped responding.
 *
 * @param {RedisClient} client
 * @param {Commands} commands
 * @returns {Commands}
 */
function bounded(client, commands) {
  let pending = 0;
  /**
   * @template {unknown[]} A
   * @param {(...parts: A) => Promise<unknown>} command
   * @returns {(...parts: A) => Promise<unknown>}
   */
  const wrap =
    (command) =>
    async (...parts) => {
      if (isDisconnected(client) || pending >= MAX_PENDING) throw new Error('Redis is out of reach');
      pending += 1;
      try {
        return await command(...parts);
      } finally {
        pending -= 1;
      }
    };
  return {
    get: wrap(commands.get),
    set: wrap(commands.set),
    add: wrap(commands.add),
    delete: wrap(commands.delete),
    getAll: wrap(commands.getAll),
    run: wrap(commands.run),
  };
}

/**
 * While a client reconnects, it queues commands without a limit or for too long.
 *
 * @param {RedisClient} client
 */
function isDisconnected(client) {
  return memberOf(client, 'isReady') === false || DISCONNECTED.has(memberOf(client, 'status'));
}

/**
 * Whether a reply is `OK`, as text or as a buffer, depending on the client's settings.
 *
 * @param {unknown} reply
 */
function isOk(reply) {
  return reply === 'OK' || (Buffer.isBuffer(reply) && reply.toString() === 'OK');
}

module.exports = { bounded, commandsOf, isOk, wholeSeconds };
