'use strict';

/** How do I fix this? One text for every option. */

/** @import { OptionRow } from './facts.js' */

const { NAMES } = require('../native/constants.js');

/**
 * @param {string} name
 * @param {string} variable
 * @param {string | undefined} value The value of the variable, if it is set.
 * @param {OptionRow['kind']} kind
 */
function fixOfOption(name, variable, value, kind) {
  const flag = `--${variable.slice(NAMES.variablePrefix.length).toLowerCase().replaceAll('_', '-')}`;
  if (value !== undefined && /^(["']).*\1$/.test(value.trim()))
    return `Remove the quotation marks: they are part of ${variable}.`;
  switch (name) {
    case 'tenantDomain':
      if (value === undefined)
        return `Set ${variable} to the tenant's URL, such as https://acme.us.monocloud.com, or use ${flag}.`;
      return value.includes('://')
        ? 'Use https:// without user, query or fragment. http:// is allowed for loopback hosts only.'
        : `Add the scheme: https://${value.trim()}`;
    case 'audience':
      return value === undefined
        ? `Set ${variable} to the identifier of this API, such as https://api.example.com, or use ${flag}.`
        : 'Use aud of your tokens, such as https://api.example.com. Separate several by spaces, 16 at most, each once.';
    case 'introspectionAudience':
      return 'Use required or when_present.';
    case 'clientSecret':
      return 'For private_key_jwt, use a private JWK as JSON (RSA, EC, Ed25519). For client_secret_jwt, use the secret.';
    case 'clientCertificate':
    case 'clientCertificateKey':
      return 'Set both, each as PEM text or the path of a readable PEM file. The key must belong to the certificate.';
    case 'publicUrl':
      return 'Use https:// or http:// URLs without user, query or fragment, separated by spaces: https://api.example.com.';
    case 'dpop.algorithms':
      return 'Separate the names of asymmetric algorithms by spaces, for example ES256 EdDSA.';
    case 'dpop.nonceSecret':
      return 'Use 32 to 1024 random bytes in base64url or hex. `openssl rand -hex 32` makes a secret.';
    case 'certificateAuthorities':
      return 'Use PEM text, or the path of a readable PEM file, with at least one certificate.';
    default:
      if (kind === 'boolean') return `Set ${variable} to true or false, or unset it to use the default.`;
      if (kind === 'number') return `Set ${variable} to a whole number in its range, or unset it to use the default.`;
      return `Correct ${variable}, or unset it to use the default.`;
  }
}

module.exports = { fixOfOption };
