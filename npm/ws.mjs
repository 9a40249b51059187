import cjs from './ws.js';

export const {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudMultiIssuerClient,
  MonoCloudOPError,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
  authenticateUpgrade,
  closeOnExpiry,
  fromForwarded,
  socketIoMiddleware,
} = cjs;
