'use strict';

/** How do I fix this? One text for every reason of the engine's table. */

const TRUST =
  'Trust the authority with NODE_EXTRA_CA_CERTS, SSL_CERT_FILE or MONOCLOUD_BACKEND_CERTIFICATE_AUTHORITIES, or ' +
  'configure the server to send its whole chain.';
const REACH = 'Check the network, firewalls and proxies (HTTPS_PROXY, NO_PROXY) between this machine and the server.';
const FRESH = 'Obtain a new token.';
const ISSUED = 'Configure the authorization server to issue correct tokens. Then obtain a new token.';

/**
 * The fix for each reason.
 *
 * @type {Record<string, string>}
 */
const FIXES = {
  acr_missing:
    'Send the user to sign in again with acr_values in the authorization request (RFC 9470 §5). A token without a user ' +
    'has no acr.',
  algorithm_not_allowed:
    'Sign tokens with RS, PS or ES and 256, 384 or 512, or with EdDSA. HS256 and none are never accepted.',
  audience_mismatch:
    'Request the token for this API (resource or audience in the token request), or set MONOCLOUD_BACKEND_AUDIENCE to ' +
    'the audience of the token. Spaces separate several audiences. The values must be equal byte for byte.',
  auth_time_invalid:
    'Configure the authorization server to put auth_time into access tokens (RFC 9068 §2.2.1), and synchronize the ' +
    'clocks. A token without a user has no auth_time.',
  authentication_too_old: 'Send the user to sign in again with max_age in the authorization request (RFC 9470 §5).',
  authorize_failed: 'Debug the function authorize of the route: it threw, rejected or did not return a boolean.',
  authorize_refused: 'The function authorize of the route returned false for these claims. Ask who wrote it.',
  body_too_large: 'The document is over 512 KiB. This is probably not an authorization server.',
  body_invalid: 'The body is not the expected JSON object. Check that the tenant domain is an authorization server.',
  certificate_invalid: 'Present one PEM certificate, with or without delimiters, URL-encoded or not.',
  certificate_mismatch: 'Call the API with the certificate that the token was obtained with.',
  certificate_missing:
    'Give protectApi a certificateResolver. For the doctor, add --presented-certificate FILE with the certificate.',
  claims_invalid: ISSUED,
  client_id_required:
    'Set MONOCLOUD_BACKEND_CLIENT_ID and MONOCLOUD_BACKEND_CLIENT_SECRET of a client that may introspect tokens.',
  client_refused:
    'Compare MONOCLOUD_BACKEND_CLIENT_ID, MONOCLOUD_BACKEND_CLIENT_SECRET and MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD ' +
    "with the client's registration.",
  client_secret_required:
    'Set MONOCLOUD_BACKEND_CLIENT_SECRET, or choose another MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD.',
  client_certificate_required:
    'Set MONOCLOUD_BACKEND_CLIENT_CERTIFICATE and MONOCLOUD_BACKEND_CLIENT_CERTIFICATE_KEY, or choose another ' +
    'MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD.',
  confirmation_invalid: ISSUED,
  confirmation_missing:
    'Obtain a certificate-bound token, or set MONOCLOUD_BACKEND_VALIDATE_CERTIFICATE_BINDING=when_present.',
  connection_failed: REACH,
  connection_refused: `Nothing listens at this address and port. Check the tenant domain. ${REACH}`,
  critical_header: ISSUED,
  dpop_algorithm_not_allowed:
    'Sign the proof with one of the algs of the challenge, or add its algorithm to MONOCLOUD_BACKEND_DPOP_ALGORITHMS. ' +
    'HS256 and none are never accepted.',
  dpop_binding_missing:
    'Send a proof in the token request too, so that the authorization server binds the token (RFC 9449 §5), or send this ' +
    'token as Authorization: Bearer to a route that does not require a bound token.',
  dpop_claims_invalid:
    'Put jti (1 to 256 bytes), htm, htu, iat and ath into the proof (RFC 9449 §4.2). ath is the hash of the access token.',
  dpop_expired:
    'Make a new proof for every request, and synchronize the clocks of the client and of this machine with NTP. ' +
    'MONOCLOUD_BACKEND_DPOP_NONCE_SECRET lets clients with a wrong clock use the API.',
  dpop_header_invalid: 'Make the proof with a library for DPoP. Its header must not have crit or b64.',
  dpop_key_invalid:
    'Put the public key, and nothing private, into jwk: a P-256, P-384, P-521 or Ed25519 key, or an RSA key of 2048 to ' +
    '4096 bits. It must fit alg.',
  dpop_key_mismatch: 'Sign the proof with the key that the token was obtained with.',
  dpop_method_mismatch: 'Make the proof for the method of the request. htm is case-sensitive: GET, not get.',
  dpop_nonce_missing: 'Make the proof again, with the value of DPoP-Nonce in the response as nonce.',
  dpop_nonce_stale:
    'Make the proof again, with the value of DPoP-Nonce in the last response as nonce. If it happens again and again, set ' +
    'the same MONOCLOUD_BACKEND_DPOP_NONCE_SECRET in every process.',
  dpop_not_yet_valid:
    'Synchronize the clocks of the client and of this machine with NTP. MONOCLOUD_BACKEND_DPOP_NONCE_SECRET lets clients ' +
    'with a wrong clock use the API.',
  dpop_proof_malformed: 'Send one DPoP header field with one proof: three parts of base64url without padding.',
  dpop_proof_missing: 'Send a DPoP header field with a new proof in every request (RFC 9449 §7.1).',
  dpop_proof_too_large: 'Send a proof of at most 8 KiB: only jwk in the header, without certificates.',
  dpop_replayed:
    'Make a new proof, with a new jti, for every request and every retry. A proxy must not send one request twice.',
  dpop_scheme_required:
    'Send the token as Authorization: DPoP, with a proof in the DPoP header field. For the doctor, add --dpop-proof FILE ' +
    'with the proof. MONOCLOUD_BACKEND_VALIDATE_DPOP_BINDING=dangerously_ignore accepts bound tokens as bearer tokens.',
  dpop_signature_invalid: 'Sign the proof with the private key of its jwk.',
  dpop_token_mismatch: 'Set ath of the proof to the hash of the token in the same request (RFC 9449 §4.2).',
  dpop_type_not_allowed: 'Set typ in the header of the proof to dpop+jwt.',
  dpop_url_mismatch:
    'Make the proof for the URL that the client calls. Behind a proxy, set MONOCLOUD_BACKEND_PUBLIC_URL to the URL where ' +
    'clients reach this API.',
  dpop_url_unknown:
    'Set MONOCLOUD_BACKEND_PUBLIC_URL to the URL where clients reach this API, for example https://api.example.com.',
  endpoint_refused:
    'The metadata names an endpoint that is not https or has a loopback address. ' +
    'Correct it at the authorization server.',
  expired: FRESH,
  expiry_invalid: ISSUED,
  fetcher_failed: 'Debug your fetcher or your resolver: it threw, rejected or returned something unusable.',
  claim_mismatch: 'Compare the claims of the token with the claims option of the route.',
  group_missing: 'Add the user to the group, or set MONOCLOUD_BACKEND_GROUPS_CLAIM to the claim that holds the groups.',
  header_invalid: ISSUED,
  host_not_found: "Check the spelling of the tenant domain, then this machine's DNS.",
  inactive: `The token has expired, was revoked, or was never issued by this server. ${FRESH}`,
  internal: 'Date.now() returns no valid time, or this is a bug in the package. Please report a bug with this output.',
  introspection_refused: 'Check that this client may introspect tokens.',
  introspection_suspended: 'Find out why the introspection endpoint fails. It failed ten times in a row.',
  permission_missing:
    'Give the user or the client the permission, or set MONOCLOUD_BACKEND_PERMISSIONS_CLAIM to the claim that holds them.',
  overloaded: 'Look for a flood of unknown tokens, and limit the rate of requests per address.',
  introspection_endpoint_missing: 'Enable introspection at the authorization server, or accept only JWTs.',
  issued_at_invalid: ISSUED,
  issuer_mismatch:
    'The token is from another tenant or environment. Obtain one from this tenant, or change the tenant.',
  key_ambiguous: 'Configure the authorization server to name the key in its tokens (kid).',
  key_not_found:
    'The token is from another tenant or environment, or its key was withdrawn. Obtain a new token from this tenant.',
  keys_empty: 'No key in the JWK Set can verify tokens. Correct the set at the authorization server.',
  metadata_issuer_mismatch: 'Set MONOCLOUD_BACKEND_TENANT_DOMAIN to the issuer, exactly as the metadata spells it.',
  mtls_endpoint_missing:
    'Check MONOCLOUD_BACKEND_TRUST_STORE_ID, or choose another MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD.',
  not_before_invalid: ISSUED,
  not_yet_valid: "Synchronize this machine's clock with NTP. If the clock is right, the token is for later use.",
  option_invalid: 'Correct the option.',
  argument_invalid: 'Correct the argument.',
  replay_store_failed:
    'Check that the store of used DPoP proofs (dpop.replayStore, for example Redis) responds within 250 ms.',
  resolved_client_invalid:
    'Return a client whose tenantDomain is the issuer that resolve was asked about, or its options, or null.',
  revocation_store_failed:
    'Check that the revocation store (revocation.store, for example Redis) responds within 250 ms. Set revocation.onFailure.',
  revoked: `Your API revoked this token: the user signed out, for example. ${FRESH}`,
  role_missing:
    'Give the user or the client the role, or set MONOCLOUD_BACKEND_ROLES_CLAIM to the claim that holds the roles.',
  scope_missing: 'Request the scope in the token request, and allow the client to use it.',
  signature_invalid: 'The token was changed, or its kid names another key. Copy the whole token, or obtain a new one.',
  subject_invalid: ISSUED,
  timed_out: `${REACH} To allow more time, raise MONOCLOUD_BACKEND_RESPONSE_TIMEOUT.`,
  tls_certificate_expired: "Renew the server's certificate. If its dates are right, correct this machine's clock.",
  tls_failed: 'Use TLS 1.2 or later, and, for mutual TLS, a client certificate that the server accepts.',
  tls_unknown_authority: TRUST,
  tls_wrong_host: 'Use a name that the certificate contains, or give the server a certificate for this name.',
  token_malformed: 'Copy the whole token: three parts of base64url, without quotation marks, spaces or line breaks.',
  token_required: 'Pass a token.',
  token_too_large: 'Issue the token with fewer claims, or as an opaque token. The limit is 16 KiB.',
  type_not_allowed: 'Send the access token. ID tokens, logout tokens and other types are rejected.',
  unexpected_status: 'Check that the tenant domain is an authorization server, then look into the server log.',
};

/**
 * @param {string | undefined} reason
 * @returns {string | undefined}
 */
function fixOf(reason) {
  return reason === undefined ? undefined : FIXES[reason];
}

module.exports = { fixOf };
