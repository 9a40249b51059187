'use strict';

/** Does the authorization server accept the credentials for introspection? A random token must be inactive. */

/**
 * @import { ReportType } from './report.js'
 * @import { Configuration } from './facts.js'
 * @import { Thrown } from './thrown.js'
 * @import { IssuerMetadata } from '../types/issuer.js'
 */

const { randomBytes } = require('node:crypto');

const { MonoCloudBackendNodeClient } = require('../client/client.js');
const { fixOf } = require('../explain/fixes.js');
const { thrown } = require('./thrown.js');

const ACTIVE = 'Do not use introspection until the authorization server is corrected.';

/**
 * @param {ReportType} report
 * @param {Configuration} configuration
 * @param {{ metadata: IssuerMetadata }} server
 */
async function checkIntrospection(report, { client, values }, { metadata }) {
  report.section('Introspection');
  const method = values.get('clientAuthMethod') ?? 'client_secret_post';
  if (values.get('clientId') === undefined) {
    const isNeeded = values.get('introspectJwtTokens')?.toLowerCase() === 'true';
    if (isNeeded) {
      const reason = 'client_id_required';
      report.problem('introspection', 'credentials', {
        message: 'introspectJwtTokens is true and clientId is not set: every token is rejected',
        reason,
        fix: fixOf(reason),
      });
    } else report.skipped('introspection', 'credentials', 'clientId is not set: only JWTs are accepted');
    return;
  }
  checkMethod(report, method, metadata);
  try {
    // Without dots, it cannot be a JWT.
    await client.introspectAccessToken(`doctor-${randomBytes(24).toString('base64url')}`);
    report.problem('introspection', 'credentials', {
      message: 'the server reports a random token as active',
      fix: ACTIVE,
    });
  } catch (error) {
    reportError(report, thrown(error), method);
  }
}

/**
 * Compares the method with `introspection_endpoint_auth_methods_supported` (RFC 8414 §2). Many servers publish only the
 * list of the token endpoint. That list does not apply here.
 *
 * @param {ReportType} report
 * @param {string} method
 * @param {IssuerMetadata} metadata
 */
function checkMethod(report, method, metadata) {
  const listed = metadata.introspection_endpoint_auth_methods_supported;
  if (!Array.isArray(listed) || listed.length === 0) return;
  const told = listed.map((name) => String(name)).join(', ');
  if (listed.includes(method)) {
    report.ok('introspection.method', 'method', `${method} is one of: ${told}`);
    return;
  }
  const usable = listed.filter(isKnown);
  report.warning('introspection.method', 'method', {
    message: `${method} is not one of the methods that the metadata lists for introspection: ${told}`,
    fix:
      usable.length > 0
        ? `Set MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD to one that the client is registered for: ${usable.join(', ')}.`
        : 'This package supports none of them. Configure another method at the authorization server.',
  });
}

/**
 * Whether the engine has a method of this name.
 *
 * @param {any} clientAuthMethod What the metadata lists.
 */
function isKnown(clientAuthMethod) {
  try {
    return Boolean(new MonoCloudBackendNodeClient({ clientAuthMethod }));
  } catch (error) {
    // If the error is about another option, the method itself is known.
    return typeof clientAuthMethod === 'string' && !thrown(error).message.includes('(option clientAuthMethod,');
  }
}

/**
 * @param {ReportType} report
 * @param {Thrown} error
 * @param {string} method
 */
function reportError(report, error, method) {
  const { name, code, reason, status } = error;
  if (code === 'inactive_token') {
    report.ok('introspection', 'credentials', `accepted with ${method}; a random token is inactive, as expected`);
  } else if (name === 'MonoCloudTokenError') {
    // A later rule rejected the token, so the response was `active: true`.
    report.problem('introspection', 'credentials', {
      message: 'the server reports a random token as active',
      reason,
      fix: ACTIVE,
    });
  } else {
    // The server's description is not shown, because it may repeat the secret.
    const told = status === undefined ? '' : ` (status ${status})`;
    report.problem('introspection', 'credentials', {
      message: `with ${method}: ${error.message}${told}`,
      reason,
      // Some servers answer wrong credentials with 403, without the error of RFC 6749 §5.2.
      fix: status === 403 ? `${fixOf('client_refused')} ${fixOf('introspection_refused')}` : fixOf(reason),
    });
  }
}

module.exports = { checkIntrospection };
