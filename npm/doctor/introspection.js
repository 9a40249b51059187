'use strict';

/** Are the credentials for introspection accepted? A random token is asked about: inactive is the good answer. */

const { randomBytes } = require('node:crypto');

const { fixOf } = require('./fixes.js');

async function checkIntrospection(report, { client, values }) {
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
  try {
    // No dots: never taken for a JWT.
    await client.introspectAccessToken(`doctor-${randomBytes(24).toString('base64url')}`);
    report.problem('introspection', 'credentials', {
      message: 'the server calls a random token active',
      fix: 'The introspection endpoint must not be used before that is corrected.',
    });
  } catch (error) {
    judge(report, error, method);
  }
}

function judge(report, error, method) {
  const { name, code, reason, status } = error;
  if (code === 'inactive_token') {
    report.ok('introspection', 'credentials', `accepted, by ${method}; a random token is inactive, as it should be`);
  } else if (name === 'MonoCloudTokenError') {
    // Refused by a rule after `active`: it was called active.
    report.problem('introspection', 'credentials', { message: 'the server calls a random token active', reason });
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
