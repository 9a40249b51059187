import cjs from './mcp.js';

export const {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudMultiIssuerClient,
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
