import cjs from './utils.js';

export const {
  decrypt,
  decryptAuthState,
  decryptSession,
  encrypt,
  encryptAuthState,
  encryptSession,
  generateNonce,
  generatePKCE,
  generateState,
  isUserInGroup,
  parseCallbackParams,
} = cjs;
