'use strict';

/**
 * Decides on the `upgrade` event of `node:http` (RFC 9110 §7.8, RFC 6455 §4.2.2). A refused request gets its HTTP response
 * on the socket, which then ends.
 */

/**
 * @import { IncomingMessage } from 'node:http'
 * @import { Duplex } from 'node:stream'
 * @import { NodeGuard, NodeRefusal } from '../node.js'
 */

const { STATUS_CODES } = require('node:http');

const { checkedOptions, invalid, own } = require('../client/arguments.js');
const { credentialsOf } = require('../protect/credentials.js');
const { withToken } = require('../protect/renewal.js');
const { ConnectionAuth } = require('./connection.js');
const { ask, isAccepted } = require('./refusal.js');

const PROTOCOLS = 'sec-websocket-protocol';
/** Names are case-sensitive. */
const BEARER = 'bearer';

/**
 * RFC 6455 §4.1: the method is GET. `allowPreflight` would let an OPTIONS request pass without a token.
 *
 * @type {NodeRefusal}
 */
const NOT_GET = Object.freeze({ status: 405, headers: { Allow: 'GET', 'Content-Length': '0' }, body: '' });

/**
 * @param {NodeGuard} guard
 * @param {unknown} [options]
 */
function authenticateUpgrade(guard, options) {
  if (typeof guard !== 'function') throw invalid('authenticateUpgrade() takes a guard of @monocloud/backend-node/node');
  const { subprotocol } = checkedOptions('authenticateUpgrade()', options, ['subprotocol']);
  if (subprotocol !== undefined && typeof subprotocol !== 'boolean') throw invalid('subprotocol must be a boolean');
  /**
   * @param {IncomingMessage} request
   * @param {Duplex} socket
   */
  return async function authenticate(request, socket) {
    // The server no longer listens to the socket. Without a listener, an error would end the process.
    socket.on('error', ignore);
    const token = subprotocol ? takeToken(request) : undefined;
    const message = token === undefined ? request : withToken(request, token);
    const result = request.method === 'GET' ? await ask(guard, message) : NOT_GET;
    if (socket.destroyed) return undefined;
    if (!isAccepted(result)) {
      refuse(socket, result);
      return undefined;
    }
    socket.removeListener('error', ignore);
    return new ConnectionAuth(guard, message, result);
  };
}

/**
 * Takes the token out of `bearer, <token>`, so that no server can answer with the token. Returns it if the request has no
 * other credentials.
 *
 * @param {IncomingMessage} request
 */
function takeToken(request) {
  const header = own(request.headers, PROTOCOLS);
  if (typeof header !== 'string') return undefined;
  const [first, token, ...others] = header.split(',').map((name) => name.trim());
  if (first !== BEARER || !token) return undefined;
  setProtocols(request, [BEARER, ...others].join(', '));
  return credentialsOf(request.headers, request.rawHeaders) === undefined ? token : undefined;
}

/**
 * @param {IncomingMessage} request
 * @param {string} value
 */
function setProtocols(request, value) {
  request.headers[PROTOCOLS] = value;
  const raw = request.rawHeaders;
  if (!Array.isArray(raw)) return;
  for (let at = 0; at < raw.length; at += 2) if (raw[at]?.toLowerCase() === PROTOCOLS) raw[at + 1] = value;
}

/**
 * The listener for errors stays: writing to a client that has gone is one.
 *
 * @param {Duplex} socket
 * @param {NodeRefusal} refusal
 */
function refuse(socket, { status, headers, body }) {
  /** @type {Record<string, unknown>} */
  const fields = { Date: new Date().toUTCString(), Connection: 'close', ...headers };
  const lines = Object.keys(fields).map((name) => `${name}: ${printable(fields[name])}`);
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', ''].join('\r\n');
  // A client that never ends its side would keep the socket open.
  socket.once('finish', () => socket.destroy());
  socket.end(head + (typeof body === 'string' ? body : ''));
}

/**
 * A guard of the application may return any text. A line break would begin another field (RFC 9112 §2.2).
 *
 * @param {unknown} value
 */
function printable(value) {
  return String(value).replace(/[^\t\x20-\x7e]/g, ' ');
}

function ignore() {}

module.exports = { authenticateUpgrade };
