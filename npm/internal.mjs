import cjs from './internal.js';

export const {
  findToken,
  getBoolean,
  getNumber,
  getPublicSigKeyFromIssuerJwks,
  now,
  parseSpaceSeparated,
} = cjs;
