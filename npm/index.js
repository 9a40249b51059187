'use strict';

/** The framework-neutral client and the errors. */

const { MonoCloudBackendNodeClient, MonoCloudOidcBackendClient } = require('./client/client.js');
const {
  MonoCloudAuthBaseError,
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudTokenError,
  MonoCloudValidationError,
} = require('./errors/errors.js');

module.exports = {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
};
