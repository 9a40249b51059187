import cjs from './nestjs.js';

export const {
  Claims,
  MonoCloudAuthBaseError,
  MonoCloudAuthGuard,
  MonoCloudAuthModule,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
  Protect,
  fromForwarded,
} = cjs;
