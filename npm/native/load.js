'use strict';

/**
 * Loads the add-on: the one that was built in `npm/`, or else the platform's package. If neither loads, it throws one
 * error with the cause and what to do.
 */

const { createRequire } = require('node:module');
const { join } = require('node:path');

const { version } = require('../../package.json');
const { loadFailure, notAnAddon, otherVersion, unsupported } = require('./load-errors.js');
const { exists, platformName } = require('./platform.js');

module.exports = ofThisVersion(load(platformName()));

/**
 * @param {string} platform
 * @returns {typeof import('./binding.js')}
 */
function load(platform) {
  const local = join(__dirname, '..', `monocloud-backend-node.${platform}.node`);
  try {
    // Bundlers follow this file's own `require`, so the local file is loaded with another one.
    if (exists(local)) return createRequire(local)(local);
    // Literal names, for tools that trace the files of an application.
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
    throw new Error(loadFailure(platform, cause), { cause });
  }
  throw new Error(unsupported(platform));
}

/**
 * Returns the add-on if it has this version. Another version would fail later, with an error that hides the cause.
 *
 * @param {unknown} addon
 * @returns {typeof import('./binding.js')}
 */
function ofThisVersion(addon) {
  if (!hasFunctions(addon)) throw new Error(notAnAddon(addon));
  const found = typeof addon.version === 'function' ? addon.version() : 'another version';
  if (found === version) return addon;
  throw new Error(otherVersion(version, found));
}

/**
 * A bundler may replace the add-on with something that is not an object with functions.
 *
 * @param {unknown} addon
 * @returns {addon is typeof import('./binding.js')}
 */
function hasFunctions(addon) {
  const isObject = typeof addon === 'object' && addon !== null && !ArrayBuffer.isView(addon);
  return isObject && Object.values(addon).some((member) => typeof member === 'function');
}
