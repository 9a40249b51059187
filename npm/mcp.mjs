import cjs from './mcp.js';

export const {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
  fromForwarded,
  mcpGate,
  mcpTokenVerifier,
  protectMcp,
  protectedResource,
} = cjs;
