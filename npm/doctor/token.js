'use strict';

/** Reports the client's explanation of a token: each rule with its value, up to the first failure, and the fix. */

/**
 * @import { ReportType } from './report.js'
 * @import { Configuration, PresentedProof, PresentedToken } from './facts.js'
 */
/** @typedef {PresentedToken & { configuration: Configuration }} Presented */

/**
 * @param {ReportType} report
 * @param {Presented} presented
 */
async function checkToken(report, { configuration, token, certificate, proof, ...requirements }) {
  report.section('Token');
  const { scopes, groups, permissions, roles } = requirements;
  const options = { scopes, groups, permissions, roles, clientCertificate: certificate, ...dpopOptions(proof) };
  const { decision, kind, message, reason, fix, rules } = await configuration.client.explain(token, options);
  if (decision === 'undecided') {
    report.problem('token.decision', 'decision', { message, reason, fix });
    return;
  }
  for (const { rule, outcome, description, ...failure } of rules) {
    if (outcome === 'passed') report.ok(idOf(rule), rule, description);
    if (outcome === 'failed') {
      report.problem(idOf(rule), rule, {
        message: `${message}: ${description}`,
        reason: failure.reason,
        fix: failure.fix,
      });
    }
  }
  const rest = rules.filter(({ outcome }) => outcome === 'not_reached').map(({ rule }) => rule);
  if (rest.length > 0) report.skipped('token.rest', 'not reached', rest.join(', '));
  if (decision === 'accepted') {
    report.ok('token.verdict', 'verdict', `accepted, ${kind === 'opaque' ? 'by introspection' : 'as a JWT'}`);
  }
}

/**
 * @param {PresentedProof | undefined} proof
 * @returns {{ scheme: 'dpop', dpop: { proof: string, method: string, url: string } } | undefined}
 */
function dpopOptions(proof) {
  if (proof === undefined) return undefined;
  const { text, method, url } = proof;
  return { scheme: 'dpop', dpop: { proof: text, method, url } };
}

/** @param {string} rule */
const idOf = (rule) => `token.${rule.replaceAll(' ', '-')}`;

module.exports = { checkToken, dpopOptions };
