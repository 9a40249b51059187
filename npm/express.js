'use strict';

/**
 * `protectApi` for Express 4 and 5, Connect, Polka and Restify. The middleware sends rejections itself and never calls
 * `next(error)` for one.
 */

const { middlewareOf } = require('./protect/middleware.js');
const { protector } = require('./protect/route.js');

/**
 * @param {any} clientOrOptions
 * @param {unknown} [options]
 * @returns {import('./express.js').ProtectMiddleware}
 */
function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options, 'express');
  return function protect(protectOptions) {
    return middlewareOf(routeOf(protectOptions));
  };
}

module.exports = { ...require('./index.js'), protectApi };
