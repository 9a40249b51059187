'use strict';

/**
 * Loads the add-on: the one built in this folder, else the platform's package. One clear error when there is neither.
 */

const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');

const { version } = require('../package.json');
const { PLATFORMS, platformName } = require('./platform.js');

const FROM_SOURCE =
  'To build it from source, with Rust (https://rustup.rs), run in a clone of the repository: npm install && npm run build';

module.exports = ofThisVersion(load(platformName()));

function load(platform) {
  const local = join(__dirname, `monocloud-backend-node.${platform}.node`);
  // Not by this file's own `require`: bundlers would look into it.
  if (existsSync(local)) return createRequire(local)(local);
  try {
    // Names as they stand, for tools that trace what an application needs.
    switch (platform) {
      case 'darwin-arm64':
        return require('@monocloud/backend-node-darwin-arm64');
      case 'darwin-x64':
        return require('@monocloud/backend-node-darwin-x64');
      case 'linux-arm64-gnu':
        return require('@monocloud/backend-node-linux-arm64-gnu');
      case 'linux-arm64-musl':
        return require('@monocloud/backend-node-linux-arm64-musl');
      case 'linux-x64-gnu':
        return require('@monocloud/backend-node-linux-x64-gnu');
      case 'linux-x64-musl':
        return require('@monocloud/backend-node-linux-x64-musl');
      case 'win32-arm64-msvc':
        return require('@monocloud/backend-node-win32-arm64-msvc');
      case 'win32-x64-msvc':
        return require('@monocloud/backend-node-win32-x64-msvc');
      default:
    }
  } catch (cause) {
    throw new Error(cause.code === 'MODULE_NOT_FOUND' ? missing(platform) : unloadable(platform, cause), { cause });
  }
  throw new Error(`@monocloud/backend-node has no binary for ${platform}. ${supported()} ${FROM_SOURCE}`);
}

/** A binary of another version would fail somewhere, and say nothing of it. */
function ofThisVersion(addon) {
  const found = typeof addon.version === 'function' ? addon.version() : 'another version';
  if (found === version) return addon;
  throw new Error(
    `@monocloud/backend-node is ${version} and its binary is ${found}. Install it again: ` +
      'npm install @monocloud/backend-node; or, in a clone of the repository, build it again: npm run build',
  );
}

function missing(platform) {
  return (
    `@monocloud/backend-node found no binary for ${platform}: @monocloud/backend-node-${platform} is not installed. ` +
    'Install again on this machine, without --omit=optional and without a lockfile that leaves it out: ' +
    `npm install @monocloud/backend-node. ${supported()} ${FROM_SOURCE}`
  );
}

/** There, and not to be loaded: an old system, a file cut off. The system says why. */
function unloadable(platform, cause) {
  return `@monocloud/backend-node could not load its binary for ${platform}: ${cause.message}. ${FROM_SOURCE}`;
}

function supported() {
  return `There is a binary for ${PLATFORMS.join(', ')}.`;
}
