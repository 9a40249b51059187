import cjs from './nestjs.js';

export const {
  Claims,
  MonoCloudAuthBaseError,
  MonoCloudAuthGuard,
  MonoCloudAuthModule,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudMultiIssuerClient,
  MonoCloudOPError,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
  Protect,
  fromForwarded,
} = cjs;
