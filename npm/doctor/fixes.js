'use strict';

/** What to do about each failure: one sentence for every reason of the engine's catalogue, one for every option. */

const TRUST =
  "Give the authority's PEM by NODE_EXTRA_CA_CERTS, SSL_CERT_FILE or --certificate-authorities; " +
  'or have the server send its whole chain.';
const REACH = 'Look whether a firewall, a proxy (HTTPS_PROXY, NO_PROXY) or the network stands between.';
const FRESH = 'Obtain a new token.';
const ISSUED = 'The authorization server must issue it otherwise; a changed token is a refused token.';

/** By reason. */
const FIXES = {
  algorithm_not_allowed:
    'Have the authorization server sign with RS, PS or ES 256, 384 or 512, or EdDSA; HS* and none are never accepted.',
  audience_mismatch:
    'Ask for the token for this API (resource or audience of the token request), or set MONOCLOUD_BACKEND_AUDIENCE ' +
    'to what it is issued for, byte for byte.',
  body_too_large: 'The document is over 512 KiB: this is hardly the authorization server.',
  body_invalid: 'The answer is no JSON object: is the tenant domain that of the authorization server itself?',
  certificate_invalid: 'Present one PEM certificate, with or without delimiters, URL-encoded or not.',
  certificate_mismatch: 'Call with the certificate with which the token was obtained.',
  certificate_missing:
    "The API needs a certificateResolver; here: --presented-certificate FILE, the certificate of the token's holder.",
  claims_invalid: ISSUED,
  client_id_required:
    'Set MONOCLOUD_BACKEND_CLIENT_ID, and MONOCLOUD_BACKEND_CLIENT_SECRET, of a client that may introspect.',
  client_refused:
    "Compare MONOCLOUD_BACKEND_CLIENT_ID, _CLIENT_SECRET and _CLIENT_AUTH_METHOD with the client's registration.",
  client_secret_required: 'Set MONOCLOUD_BACKEND_CLIENT_SECRET, or another MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD.',
  client_certificate_required:
    'Set MONOCLOUD_BACKEND_CLIENT_CERTIFICATE and _CLIENT_CERTIFICATE_KEY, or another _CLIENT_AUTH_METHOD.',
  confirmation_invalid: ISSUED,
  confirmation_missing:
    'Obtain a certificate-bound token, or set MONOCLOUD_BACKEND_VALIDATE_CERTIFICATE_BINDING=when_present.',
  connection_failed: REACH,
  connection_refused: `Nothing listens at that address and port. Is the tenant domain right? ${REACH}`,
  critical_header: ISSUED,
  endpoint_refused:
    'The metadata names an endpoint that is not https, or on a loopback address: correct it at the authorization server.',
  expired: FRESH,
  expiry_invalid: ISSUED,
  fetcher_failed: 'Look into the fetcher or resolver.',
  group_missing: 'Add the user to the group, or name the claim that carries groups (MONOCLOUD_BACKEND_GROUPS_CLAIM).',
  header_invalid: ISSUED,
  host_not_found: "Look for a typing error in the tenant domain, then at this machine's DNS.",
  inactive: `The token has expired, was revoked, or was never issued here. ${FRESH}`,
  internal: 'This is a defect of the package: please report it with this output.',
  introspection_refused: 'The authorization server did not understand the request: may this client introspect?',
  introspection_suspended: 'The endpoint failed ten times in a row: look there first.',
  overloaded: 'Too many requests are waiting. Look for a flood of unknown tokens, and limit requests by address.',
  introspection_endpoint_missing: 'Enable introspection at the authorization server, or accept JWTs alone.',
  issued_at_invalid: ISSUED,
  issuer_mismatch:
    "The token is of another tenant or environment: obtain it from this one, or set this one's tenant domain.",
  key_ambiguous: 'Have the authorization server name the key (kid) in its tokens.',
  key_not_found:
    'The token is of another tenant or environment, or its key was withdrawn. Obtain a new token from this tenant.',
  keys_empty: 'The JWK Set has no key that can verify: the authorization server publishes it wrongly.',
  metadata_issuer_mismatch: 'Set MONOCLOUD_BACKEND_TENANT_DOMAIN to the issuer exactly as the metadata spells it.',
  mtls_endpoint_missing:
    'No mutual-TLS endpoint is published: check MONOCLOUD_BACKEND_TRUST_STORE_ID, or use another _CLIENT_AUTH_METHOD.',
  not_before_invalid: ISSUED,
  not_yet_valid: "Set this machine's clock by NTP; or the token is for later.",
  option_invalid: 'Correct the option.',
  argument_invalid: 'Correct the argument.',
  scope_missing: 'Ask for the scope in the token request, and allow it to the client.',
  signature_invalid: 'The token was changed, or its key id names another key. Copy it whole, or obtain a new one.',
  subject_invalid: ISSUED,
  timed_out: `${REACH} MONOCLOUD_BACKEND_RESPONSE_TIMEOUT allows longer.`,
  tls_certificate_expired: "Renew the server's certificate; if its dates are good, set this machine's clock.",
  tls_failed:
    'The handshake failed: TLS 1.2 or later is needed, and with mutual TLS a certificate that the server accepts.',
  tls_unknown_authority: TRUST,
  tls_wrong_host: 'Call the server by a name of its certificate, or give it a certificate for this name.',
  token_malformed: 'Copy the token whole: three parts of base64url, without quotes, spaces or line ends.',
  token_required: 'Give a token.',
  token_too_large: 'A token may have 16 KiB: issue it with fewer claims, or opaque.',
  type_not_allowed: 'Send the access token. ID tokens, logout tokens and others are refused.',
  unexpected_status: 'Is the tenant domain that of the authorization server itself? Look into its log otherwise.',
};

function fixOf(reason) {
  return FIXES[reason];
}

/** @param value What the variable holds, if it is set. */
function fixOfOption(name, variable, value, kind) {
  const flag = `--${variable.replace('MONOCLOUD_BACKEND_', '').toLowerCase().replaceAll('_', '-')}`;
  if (value !== undefined && /^(["']).*\1$/.test(value.trim()))
    return `Remove the quotation marks: they are part of ${variable}.`;
  switch (name) {
    case 'tenantDomain':
      if (value === undefined)
        return `Set ${variable} to the tenant's URL, such as https://acme.us.monocloud.com, or give ${flag}.`;
      return value.includes('://')
        ? 'It is https://, without user, query or fragment; http:// is for loopback hosts alone.'
        : `Write the scheme: https://${value.trim()}`;
    case 'audience':
      return value === undefined
        ? `Set ${variable} to the identifier of this API, such as https://api.example.com, or give ${flag}.`
        : 'It is an absolute URI, such as https://api.example.com.';
    case 'clientSecret':
      return 'For private_key_jwt it is a private JWK as JSON (RSA, EC or Ed25519); for client_secret_jwt the secret.';
    case 'clientCertificate':
    case 'clientCertificateKey':
      return 'Give both, each as PEM text or as the path of a readable PEM file; the key must be that of the certificate.';
    case 'certificateAuthorities':
      return 'Give PEM text, or the path of a readable PEM file, with at least one certificate.';
    default:
      if (kind === 'boolean') return `Set ${variable} to true or false, or unset it for the default.`;
      if (kind === 'number') return `Set ${variable} to a whole number in its range, or unset it for the default.`;
      return `Correct ${variable}, or unset it for the default.`;
  }
}

module.exports = { fixOf, fixOfOption };
