'use strict';

/**
 * Loads the add-on: the one built in this folder, else the platform's package. Where neither can be loaded, one error
 * says why and what to do.
 */

const { createRequire } = require('node:module');
const { join } = require('node:path');

const { version } = require('../../package.json');
const { PLATFORMS, exists, platformName } = require('./platform.js');

const FROM_SOURCE =
  'To build it from source, with Rust (https://rustup.rs), run in a clone of the repository: npm install && npm run build';

module.exports = ofThisVersion(load(platformName()));

function load(platform) {
  const local = join(__dirname, '..', `monocloud-backend-node.${platform}.node`);
  try {
    // Not by this file's own `require`: bundlers would look into it.
    if (exists(local)) return createRequire(local)(local);
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
    throw new Error(`@monocloud/backend-node ${failure(platform, cause)}`, { cause });
  }
  throw new Error(`@monocloud/backend-node has no binary for ${platform}. ${supported()} ${FROM_SOURCE}`);
}

/**
 * The add-on, if it is one and of this version. A binary of another version would fail later, and its error would not
 * say why.
 */
function ofThisVersion(addon) {
  if (!hasFunctions(addon)) throw new Error(`@monocloud/backend-node ${replaced(addon)}`);
  const found = typeof addon.version === 'function' ? addon.version() : 'another version';
  if (found === version) return addon;
  throw new Error(
    `@monocloud/backend-node is ${version} and its binary is ${found}. Install it again: ` +
      'npm install @monocloud/backend-node; or, in a clone of the repository, build it again: npm run build',
  );
}

/** An add-on is an object of functions. */
function hasFunctions(addon) {
  const isObject = typeof addon === 'object' && addon !== null && !ArrayBuffer.isView(addon);
  return isObject && Object.values(addon).some((member) => typeof member === 'function');
}

/** Why loading failed, by Node's error code, and what to do. */
function failure(platform, cause) {
  switch (cause?.code) {
    case 'ERR_DLOPEN_DISABLED':
      return (
        'is a native add-on, and this process may not load add-ons. Start Node.js without --no-addons. Under the ' +
        'permission model, add --allow-addons (NODE_OPTIONS may hold either flag)'
      );
    case 'ERR_ACCESS_DENIED':
      return (
        `may not read its binary for ${platform}${cause.resource ? ` (${cause.resource})` : ''}. Under the permission ` +
        'model, start Node.js with --allow-fs-read for the folder of node_modules, and with --allow-addons'
      );
    case 'MODULE_NOT_FOUND':
      return missing(platform, cause);
    default:
      // An old system, a damaged file: the system says which.
      return (
        `could not load its binary for ${platform}: ${cause?.message ?? cause}. If the file is damaged or is for ` +
        `another system, install again on this machine: npm install @monocloud/backend-node. ${FROM_SOURCE}`
      );
  }
}

function missing(platform, cause) {
  const name = `@monocloud/backend-node-${platform}`;
  // Node names the manifest whose `main` is not there.
  const isWithoutFile = typeof cause.path === 'string' && cause.path.endsWith('package.json');
  const what = isWithoutFile
    ? `${name} is installed without its .node file. A tool that copies or bundles files has left the file out`
    : `${name} is not installed`;
  // The permission model makes a folder that may not be read look absent.
  const hint = process.permission === undefined ? '' : 'If it is installed, add --allow-fs-read for its folder. ';
  return (
    `found no binary for ${platform}: ${what}. ${hint}` +
    'Install again on this machine, without --omit=optional and without a lockfile that leaves it out: ' +
    `npm install @monocloud/backend-node. ${supported()} ${FROM_SOURCE}`
  );
}

/** Bundlers can make a module of any file: its path, its URL, its bytes, or nothing. */
function replaced(addon) {
  const value = typeof addon === 'object' && addon !== null && 'default' in addon ? addon.default : addon;
  const what = typeof value === 'string' ? 'a text' : ArrayBuffer.isView(value) ? 'the bytes of a file' : 'an empty module';
  return (
    `got ${what} in the place of its binary: a bundler has replaced the file. Leave the package out of the bundle ` +
    '(esbuild: --external:@monocloud/backend-node; webpack: externals; Vite: ssr.external), or have the bundler copy ' +
    'the file (esbuild: --loader:.node=copy)'
  );
}

function supported() {
  return `There is a binary for ${PLATFORMS.join(', ')}.`;
}
