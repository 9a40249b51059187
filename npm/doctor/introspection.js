'use strict';

/** Are the credentials for introspection accepted? A random token is asked about: inactive is the good answer. */

const { randomBytes } = require('node:crypto');

const { MonoCloudBackendNodeClient } = require('../client/client.js');
const { fixOf } = require('./fixes.js');

const ACTIVE = 'Do not use the introspection endpoint before the authorization server is corrected.';

async function checkIntrospection(report, { client, values }, { metadata }) {
  report.section('Introspection');
  const method = values.get('clientAuthMethod') ?? 'client_secret_post';
  if (values.get('clientId') === undefined) {
    const isNeeded = values.get('introspectJwtTokens')?.toLowerCase() === 'true';
    if (isNeeded) {
      const reason = 'client_id_required';
      report.problem('introspection', 'credentials', {
        message: 'introspectJwtTokens is true and clientId is not set: every token is refused',
        reason,
        fix: fixOf(reason),
      });
    } else report.skipped('introspection', 'credentials', 'clientId is not set: JWTs alone are accepted');
    return;
  }
  checkMethod(report, method, metadata);
  try {
    // No dots: never taken for a JWT.
    await client.introspectAccessToken(`doctor-${randomBytes(24).toString('base64url')}`);
    report.problem('introspection', 'credentials', {
      message: 'the server calls a random token active',
      fix: ACTIVE,
    });
  } catch (error) {
    judge(report, error, method);
  }
}

/**
 * RFC 8414 §2: which methods the endpoint supports. Many servers publish the list of the token endpoint alone, which
 * says nothing of this one.
 */
function checkMethod(report, method, metadata) {
  const listed = metadata.introspection_endpoint_auth_methods_supported;
  if (!Array.isArray(listed) || listed.length === 0) return;
  const told = listed.map((name) => String(name)).join(', ');
  if (listed.includes(method)) {
    report.ok('introspection.method', 'method', `${method}, one of: ${told}`);
    return;
  }
  const usable = listed.filter(isKnown);
  report.warning('introspection.method', 'method', {
    message: `${method} is not among those that the metadata lists for introspection: ${told}`,
    fix:
      usable.length > 0
        ? `Set MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD to one that the client is registered for: ${usable.join(', ')}.`
        : 'This package supports none of them: have the authorization server accept another method.',
  });
}

/** Whether the engine has a method of this name. */
function isKnown(clientAuthMethod) {
  try {
    return Boolean(new MonoCloudBackendNodeClient({ clientAuthMethod }));
  } catch (error) {
    // Another option may not go with it; the method itself is there.
    return typeof clientAuthMethod === 'string' && !error.message.includes('(option clientAuthMethod,');
  }
}

function judge(report, error, method) {
  const { name, code, reason, status } = error;
  if (code === 'inactive_token') {
    report.ok('introspection', 'credentials', `accepted, by ${method}; a random token is inactive, as it should be`);
  } else if (name === 'MonoCloudTokenError') {
    // Refused by a rule after `active`: it was called active.
    report.problem('introspection', 'credentials', {
      message: 'the server calls a random token active',
      reason,
      fix: ACTIVE,
    });
  } else {
    // Not the server's description: it may repeat what it was sent.
    const told = status === undefined ? '' : ` (status ${status})`;
    report.problem('introspection', 'credentials', {
      message: `by ${method}: ${error.message}${told}`,
      reason,
      fix: fixOf(reason),
    });
  }
}

module.exports = { checkIntrospection };
