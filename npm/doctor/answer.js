'use strict';

/**
 * What did the authorization server say of a token that was refused? The public client keeps refused claims to itself,
 * so the engine introspects the token once more. The answer is shown and decides nothing.
 */

const native = require('../native/load.js');
const { settingsOf } = require('../client/options.js');

/** The claims of an active token; `undefined` when there are none. */
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
