'use strict';

/**
 * Loads the add-on: the one built in this folder, else the platform's package. One clear error when there is neither.
 */

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const { platformName } = require('./platform.js');

module.exports = load();

function load() {
  const platform = platformName();
  const local = join(__dirname, `monocloud-backend-node.${platform}.node`);
  if (existsSync(local)) return require(local);
  try {
    return require(`@monocloud/backend-node-${platform}`);
  } catch (cause) {
    throw new Error(
      `@monocloud/backend-node has no binary for ${platform}. Install without --omit=optional, or build it from the ` +
        'source tree with Rust: npm run build',
      { cause },
    );
  }
}
