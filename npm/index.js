'use strict';

/** The client for any framework, the error classes, and a resolver for `protectApi`. */

const { MonoCloudBackendNodeClient, MonoCloudOidcBackendClient } = require('./client/client.js');
const {
  MonoCloudAuthBaseError,
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudTokenError,
  MonoCloudValidationError,
} = require('./errors/errors.js');
const { MonoCloudMultiIssuerClient } = require('./client/multi-issuer.js');

function fromForwarded() {
  return require('./protect/forwarded.js').fromForwarded();
}

module.exports = {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudMultiIssuerClient,
  MonoCloudOPError,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
  fromForwarded,
};
