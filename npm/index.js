'use strict';

/** The client for any framework, and the error classes. */

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
