'use strict';

/** Which rules does a token meet, in the engine's order, and which reasons does each have? */

/** @import { Rule } from './facts.js' */

const { KEY_RULES, REQUEST_RULES } = require('./proof.js');

/**
 * The rules in the engine's order.
 *
 * @type {Rule[]}
 */
const CLAIM_RULES = [
  ['claims', 'claims_invalid'],
  ['issuer', 'issuer_mismatch'],
  ['audience', 'audience_mismatch'],
  ['expiry', 'expired', 'expiry_invalid'],
  ['start of validity', 'not_yet_valid', 'not_before_invalid'],
  ['time of issue', 'issued_at_invalid'],
  ['subject', 'subject_invalid'],
];
/** @type {Rule[]} */
const BINDING_RULES = [
  ['binding', 'confirmation_missing', 'certificate_missing', 'certificate_invalid', 'certificate_mismatch'],
  ['authentication', 'acr_missing', 'auth_time_invalid', 'authentication_too_old'],
  ['scopes', 'scope_missing'],
  ['groups', 'group_missing'],
  ['permissions', 'permission_missing'],
  ['roles', 'role_missing'],
  ['claims rules', 'claim_mismatch'],
];
/** @type {Rule[]} */
const JWT_RULES = [
  ['form', 'token_required', 'token_too_large', 'token_malformed'],
  ['header', 'header_invalid'],
  ['algorithm', 'algorithm_not_allowed'],
  ['extensions', 'critical_header'],
  ['type', 'type_not_allowed'],
  ['key', 'key_not_found', 'key_ambiguous'],
  ['signature', 'signature_invalid'],
  ...CLAIM_RULES,
  // The token's own binding comes before the proof: the scheme DPoP is for bound tokens only.
  ['confirmation', 'confirmation_invalid'],
  ['DPoP', 'dpop_scheme_required', 'dpop_binding_missing'],
  ...REQUEST_RULES,
  ...KEY_RULES,
  ...BINDING_RULES,
];
/** @type {Rule[]} */
const OPAQUE_RULES = [
  ['form', 'token_required', 'token_too_large'],
  // A proof that cannot be accepted is rejected before a request to the issuer.
  ...REQUEST_RULES,
  ['active', 'inactive'],
  ...CLAIM_RULES,
  ['confirmation', 'confirmation_invalid'],
  ['DPoP', 'dpop_scheme_required', 'dpop_binding_missing'],
  ...KEY_RULES,
  ...BINDING_RULES,
];
/**
 * The revocation store is asked about tokens that are valid (`client/revocation.js`).
 *
 * @type {Rule}
 */
const REVOCATION_RULE = ['revocation', 'revoked'];
const PROOF_RULES = [...REQUEST_RULES, ...KEY_RULES];

/**
 * The rules of one decision.
 *
 * @param {{ isIntrospected: boolean, checksProof: boolean, checksRevocation: boolean }} decision
 * @returns {Rule[]}
 */
function rulesOf({ isIntrospected, checksProof, checksRevocation }) {
  const rules = (isIntrospected ? OPAQUE_RULES : JWT_RULES).filter(
    (rule) => checksProof || !PROOF_RULES.includes(rule),
  );
  if (checksRevocation) rules.splice(rules.indexOf(BINDING_RULES[0]) + 1, 0, REVOCATION_RULE);
  return rules;
}

/**
 * The place of the rule that has a reason. -1 if it is no reason of a token.
 *
 * @param {Rule[]} rules
 * @param {string | undefined} reason
 */
function placeOf(rules, reason) {
  return rules.findIndex(([, ...reasons]) => reasons.some((one) => one === reason));
}

module.exports = { JWT_RULES, OPAQUE_RULES, REVOCATION_RULE, placeOf, rulesOf };
