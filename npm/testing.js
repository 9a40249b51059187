'use strict';

/** A test issuer: tokens that the production engine accepts or rejects, without a network. */

// An application that creates its own tokens accepts them from anybody who can do the same.
if (process.env.NODE_ENV === 'production') {
  throw new Error('@monocloud/backend-node/testing must not be used in production (NODE_ENV)');
}

module.exports = require('./testing/issuer.js');
