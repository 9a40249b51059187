'use strict';

/** What do the error messages say if the add-on does not load? Each one names the cause and the fix. */

const { PLATFORMS } = require('./platform.js');

/** @typedef {{ code?: string, message?: string, path?: string, resource?: string }} Cause The error of Node's loader. */

const FROM_SOURCE =
  'To build it from source, with Rust (https://rustup.rs), run in a clone of the repository: npm install && npm run build';

/**
 * The binary could not be loaded. Node's error code tells the cause.
 *
 * @param {string} platform
 * @param {unknown} cause
 */
function loadFailure(platform, cause) {
  // Node's loader throws errors. Other values have none of the members, and the message tells them as they are.
  return `@monocloud/backend-node ${causeOf(platform, /** @type {Cause | undefined} */ (cause))}`;
}

/**
 * @param {string} platform
 * @param {Cause | undefined} cause
 */
function causeOf(platform, cause) {
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
      // The system's message names the problem, such as an old system or a damaged file.
      return (
        `could not load its binary for ${platform}: ${cause?.message ?? cause}. If the file is damaged or is for ` +
        `another system, install again on this machine: npm install @monocloud/backend-node. ${FROM_SOURCE}`
      );
  }
}

/**
 * @param {string} platform
 * @param {Cause} cause
 */
function missing(platform, cause) {
  const name = `@monocloud/backend-node-${platform}`;
  // If the package's `main` is missing, Node's error names its `package.json`.
  const isWithoutFile = typeof cause.path === 'string' && cause.path.endsWith('package.json');
  const what = isWithoutFile
    ? `${name} is installed without its .node file. A tool that copies or bundles files has left the file out`
    : `${name} is not installed`;
  // Under the permission model, an unreadable folder looks absent.
  const hint = process.permission === undefined ? '' : 'If it is installed, add --allow-fs-read for its folder. ';
  return (
    `found no binary for ${platform}: ${what}. ${hint}` +
    'Install again on this machine, without --omit=optional and without a lockfile that leaves it out: ' +
    `npm install @monocloud/backend-node. ${supported()} ${FROM_SOURCE}`
  );
}

/**
 * A bundler replaced the binary with a module: of its path, its URL, its bytes, or nothing.
 *
 * @param {unknown} addon
 */
function notAnAddon(addon) {
  const value = typeof addon === 'object' && addon !== null && 'default' in addon ? addon.default : addon;
  const what =
    typeof value === 'string' ? 'a text' : ArrayBuffer.isView(value) ? 'the bytes of a file' : 'an empty module';
  return (
    `@monocloud/backend-node got ${what} in the place of its binary: a bundler has replaced the file. ` +
    'Leave the package out of the bundle (esbuild: --external:@monocloud/backend-node; webpack: externals; Vite: ssr.external), or have the bundler copy ' +
    'the file (esbuild: --loader:.node=copy)'
  );
}

/**
 * There is no binary for the platform.
 *
 * @param {string} platform
 */
function unsupported(platform) {
  return `@monocloud/backend-node has no binary for ${platform}. ${supported()} ${FROM_SOURCE}`;
}

/**
 * The package and its binary have different versions.
 *
 * @param {string} version
 * @param {string} found
 */
function otherVersion(version, found) {
  return (
    `@monocloud/backend-node is ${version} and its binary is ${found}. Install it again: ` +
    'npm install @monocloud/backend-node; or, in a clone of the repository, build it again: npm run build'
  );
}

function supported() {
  return `There is a binary for ${PLATFORMS.join(', ')}.`;
}

module.exports = { loadFailure, notAnAddon, otherVersion, unsupported };
