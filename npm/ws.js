'use strict';

/** Tokens on WebSockets: for `ws` and other servers with an `upgrade` event, and for Socket.IO. */

const { authenticateUpgrade } = require('./ws/upgrade.js');
const { closeOnExpiry } = require('./ws/connection.js');
const { socketIoMiddleware } = require('./ws/socket-io.js');

module.exports = { ...require('./index.js'), authenticateUpgrade, closeOnExpiry, socketIoMiddleware };
