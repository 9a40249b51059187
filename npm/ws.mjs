import cjs from './ws.js';

export const {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
  authenticateUpgrade,
  closeOnExpiry,
  fromForwarded,
  socketIoMiddleware,
} = cjs;
