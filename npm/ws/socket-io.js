'use strict';

/**
 * A middleware for Socket.IO 4. The token comes in `auth.token` of the handshake, or in its `Authorization` header. A
 * refused client receives `connect_error` with what it may know.
 */

/**
 * @import { NodeGuard, NodeRefusal } from '../node.js'
 *
 * @typedef {{ grace: number, recheck: number | undefined }} Watch
 */

const { invalid, isPlain, memberOf, own } = require('../client/arguments.js');
const { protectApi } = require('../node.js');
const { withToken } = require('../protect/renewal.js');
const { ConnectionAuth, closeOnExpiry, expiryOptions } = require('./connection.js');
const { BROKEN, ask, detailsOf, isAccepted } = require('./refusal.js');

/** The options of the connection. All others are those of `protect()`. */
const OWN_OPTIONS = ['closeOnExpiry', 'grace', 'recheck'];

/**
 * @param {any} [first]
 * @param {any} [second]
 * @returns {(socket: any, next: (error?: any) => void) => Promise<void>}
 */
function socketIoMiddleware(first, second) {
  const isGuard = typeof first === 'function';
  const isClient = typeof memberOf(first, 'validateAccessToken') === 'function';
  const options = (isGuard || isClient ? second : (first ?? second)) ?? {};
  if (!isPlain(options)) throw invalid('socketIoMiddleware() takes a plain object of options');
  const required = without(OWN_OPTIONS, options);
  const guard = isGuard ? checkedGuard(first, required) : protectApi(isClient ? first : undefined)(required);
  const watch = watchOf(options);
  /**
   * The connections that passed, until Socket.IO calls them connected.
   *
   * @type {WeakMap<object, InstanceType<typeof ConnectionAuth>>}
   */
  const accepted = new WeakMap();
  const namespaces = new WeakSet();

  return async function authenticateSocket(socket, next) {
    if (!namespaces.has(socket.nsp)) {
      namespaces.add(socket.nsp);
      // The timer starts here, because only a socket that was connected ever says that it is gone.
      socket.nsp.on('connect', (/** @type {any} */ connected) => start(connected, accepted.get(connected), watch));
    }
    const request = requestOf(socket);
    const result = request === undefined ? BROKEN : await ask(guard, request);
    if (!isAccepted(result)) return void next(refusalOf(result));
    const auth = new ConnectionAuth(guard, request, result);
    accepted.set(socket, auth);
    socket.data.auth = auth;
    return void next();
  };
}

/**
 * @param {any} socket
 * @param {InstanceType<typeof ConnectionAuth> | undefined} auth
 * @param {Watch | undefined} watch
 */
function start(socket, auth, watch) {
  // The application did not ask for a token. But with connectionStateRecovery, Socket.IO skips the middlewares by
  // default, and nobody has checked the token again.
  if (auth === undefined) return void (socket.recovered && socket.disconnect(true));
  socket.once('disconnect', () => auth.dispose());
  if (watch !== undefined) closeOnExpiry(auth, () => socket.disconnect(true), watch);
}

/**
 * The handshake's request. Text in `auth.token` counts instead of its credentials.
 *
 * @param {any} socket
 */
function requestOf({ handshake, request }) {
  const given = isPlain(handshake.auth) ? own(handshake.auth, 'token') : undefined;
  if (given === undefined || given === null || given === '') return request;
  // Any other value is no token. The space makes it malformed.
  return withToken(request, typeof given === 'string' ? given : ' ');
}

/**
 * The client does not learn why this API itself fails.
 *
 * @param {NodeRefusal} refusal
 */
function refusalOf(refusal) {
  const { message, ...data } = detailsOf(refusal);
  if (data.status >= 500) data.reason = undefined;
  return Object.assign(new Error(message), { data });
}

/**
 * @param {NodeGuard} guard
 * @param {object} rest
 */
function checkedGuard(guard, rest) {
  const [name] = Object.getOwnPropertyNames(rest);
  if (name !== undefined) throw invalid(`The guard has its own options. socketIoMiddleware() does not know ${name}`);
  return guard;
}

/**
 * @param {any} options
 * @returns {Watch | undefined}
 */
function watchOf(options) {
  const [isOn, grace, recheck] = OWN_OPTIONS.map((name) => own(options, name));
  if (isOn !== undefined && typeof isOn !== 'boolean') throw invalid('closeOnExpiry must be a boolean');
  const checked = expiryOptions({ grace, recheck });
  return isOn === false ? undefined : checked;
}

/**
 * @param {string[]} names
 * @param {object} options
 */
function without(names, options) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}

module.exports = { socketIoMiddleware };
