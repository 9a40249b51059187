'use strict';

/**
 * Which claims did the authorization server return for a rejected token?
 *
 * The public client does not return the claims of a rejected token, so the engine introspects the token once more. The
 * claims are only shown. They do not decide anything.
 */

const native = require('../native/load.js');
const { settingsOf } = require('../client/options.js');

/**
 * The claims of an active token. `undefined` for an inactive token and for a failed request.
 *
 * @param {string} token
 */
async function introspected(token) {
  try {
    const engine = new native.MonoCloudBackendNodeClient(settingsOf('backend', {}).settings);
    const answer = await engine.introspect(token, Date.now() / 1000);
    return typeof answer === 'string' ? JSON.parse(answer) : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { introspected };
